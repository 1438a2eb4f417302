/* SPDX-License-Identifier: MIT */
#pragma once
/* stream: one non-blocking connection to a loopback server, plain or TLS.
 *
 * Callbacks run from poller_wait(), never inside the call that asked. A stream that closed calls
 * on_closed once, and not after stream_close().
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/poller.h"
#include "common/buf.h"
#include "common/compiler.h"

struct ssl_ctx_st; /* SSL_CTX */
struct ssl_st;     /* SSL */

/* What all streams of the process share. */
struct net {
    struct poller *poller;  /* owned */
    struct ssl_ctx_st *tls; /* owned; of clients */
    uint8_t *scratch;       /* owned; NET_SCRATCH bytes to read into */
};
#define NET_SCRATCH 65536
/* cert_file and key_file (PEM): the client's certificate, or NULL. False: *out_why says why. */
MUST_CHECK bool net_init(struct net *n, const char *cert_file, const char *key_file,
                         const char **out_why);
void net_release(struct net *n);

struct stream_handler {
    void (*on_open)(void *arg);
    void (*on_bytes)(void *arg, const uint8_t *p, size_t n);
    void (*on_closed)(void *arg, const char *why);
};
enum stream_state { STREAM_CLOSED, STREAM_CONNECTING, STREAM_TLS, STREAM_OPEN };
struct stream {
    struct watch watch; /* first: the poller hands it back */
    enum stream_state state;
    struct net *net;                      /* borrowed */
    struct ssl_st *ssl;                   /* owned, NULL when plain */
    const struct stream_handler *handler; /* static */
    void *arg;
    struct buf out; /* not yet taken by the kernel, from out_sent on */
    size_t out_sent;
};
struct stream_target {
    struct sockaddr_in address;
    struct in_addr from; /* 0: any; else this source address */
    bool tls;
    bool reset_on_close; /* RST instead of FIN: no TIME_WAIT that eats the ports of the next run */
};

/* Begins to connect. False: not even that was possible (errno tells). */
MUST_CHECK bool stream_open(struct stream *s, struct net *n, const struct stream_target *to,
                            const struct stream_handler *handler, void *arg);
/* Sends, or keeps what the kernel does not take now. False: closed, or no memory. */
MUST_CHECK bool stream_write(struct stream *s, const void *p, size_t n);
/* Harmless on a zeroed or closed one. */
void stream_close(struct stream *s);
