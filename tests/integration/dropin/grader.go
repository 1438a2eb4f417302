// SPDX-License-Identifier: MIT

// The grader's way to post, with Go's own client: h2 and http/1.1 offered, `text/json`, empty fields
// left out, one request at a time, and the response neither read nor closed.
// Arguments: URL, certificate, key, CA, contest, how many. Prints how many connections were made and
// how many goroutines are left.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
)

type message struct {
	Contest    string `json:"contest,omitempty"`
	Problemset int64  `json:"problemset,omitempty"`
	Problem    string `json:"problem,omitempty"`
	User       string `json:"user,omitempty"`
	Public     bool   `json:"public"`
	Message    string `json:"message"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func client(certFile, keyFile, caFile string, connections *int64) *http.Client {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	must(err)
	ca, err := os.ReadFile(caFile)
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: roots},
		Dial: func(network, address string) (net.Conn, error) {
			atomic.AddInt64(connections, 1)
			return net.Dial(network, address)
		},
	}}
}

func main() {
	var connections int64
	url, contest := os.Args[1], os.Args[5]
	count, err := strconv.Atoi(os.Args[6])
	must(err)
	poster := client(os.Args[2], os.Args[3], os.Args[4], &connections)
	for i := 0; i < count; i++ {
		body, err := json.Marshal(&message{Contest: contest, Public: true, Message: strconv.Itoa(i)})
		must(err)
		response, err := poster.Post(url, "text/json", bytes.NewReader(body))
		must(err)
		if response.StatusCode != http.StatusOK || response.ProtoMajor != 1 {
			must(fmt.Errorf("%s %s", response.Proto, response.Status))
		}
	}
	fmt.Println(atomic.LoadInt64(&connections), runtime.NumGoroutine())
}
