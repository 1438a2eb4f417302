/* SPDX-License-Identifier: MIT */
/* CLOSED -> CONNECTING -> (TLS ->) OPEN -> CLOSED; any failure ends in CLOSED.
 */
#include "bench/stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A reader that is behind must not keep the others waiting: no more than so many reads at once. */
#define READS_PER_TURN 8

bool net_init(struct net *n, const char *cert_file, const char *key_file, const char **out_why)
{
    *n = (struct net){.poller = poller_create(), .scratch = malloc(NET_SCRATCH)};
    n->tls = SSL_CTX_new(TLS_client_method());
    *out_why = "out of memory";
    if (!n->poller || !n->scratch || !n->tls) {
        net_release(n);
        return false;
    }
    /* Only ever used on loopback, against certificates that were made a moment ago. */
    SSL_CTX_set_verify(n->tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(n->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    if (cert_file && (SSL_CTX_use_certificate_chain_file(n->tls, cert_file) != 1 ||
                      SSL_CTX_use_PrivateKey_file(n->tls, key_file, SSL_FILETYPE_PEM) != 1)) {
        *out_why = "the client's certificate or key cannot be read";
        net_release(n);
        return false;
    }
    return true;
}

void net_release(struct net *n)
{
    SSL_CTX_free(n->tls);
    free(n->scratch);
    n->poller = poller_free(n->poller);
    *n = (struct net){0};
}

static void stream_fail(struct stream *s, const char *why)
{
    if (s->state != STREAM_CLOSED) {
        stream_close(s);
        s->handler->on_closed(s->arg, why);
    }
}

/* Sends what waits; asks for EPOLLOUT while something is left. False: the connection is broken. */
static bool stream_flush(struct stream *s)
{
    while (s->out_sent < s->out.n) {
        const char *p = s->out.p + s->out_sent;
        size_t left = s->out.n - s->out_sent;
        ssize_t sent;
        if (s->ssl) {
            int got = SSL_write(s->ssl, p, (int)MIN(left, NET_SCRATCH));
            int error = got > 0 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, got);
            if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_WRITE &&
                error != SSL_ERROR_WANT_READ) {
                return false;
            }
            sent = got > 0 ? got : 0;
        } else {
            sent = send(s->watch.fd, p, left, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                return false;
            }
        }
        if (sent <= 0) {
            poller_change(s->net->poller, &s->watch, EPOLLIN | EPOLLOUT);
            return true;
        }
        s->out_sent += (size_t)sent;
    }
    buf_clear(&s->out);
    s->out_sent = 0;
    poller_change(s->net->poller, &s->watch, EPOLLIN);
    return true;
}

static void stream_opened(struct stream *s)
{
    s->state = STREAM_OPEN;
    poller_change(s->net->poller, &s->watch, EPOLLIN);
    s->handler->on_open(s->arg);
}

static void stream_handshake(struct stream *s)
{
    int rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        stream_opened(s);
        return;
    }
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ: poller_change(s->net->poller, &s->watch, EPOLLIN); break;
    case SSL_ERROR_WANT_WRITE: poller_change(s->net->poller, &s->watch, EPOLLIN | EPOLLOUT); break;
    default: stream_fail(s, "TLS handshake failed"); break;
    }
}

static void stream_connected(struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        stream_fail(s, error == ECONNREFUSED ? "connection refused" : "connect failed");
        return;
    }
    if (s->ssl) {
        s->state = STREAM_TLS;
        stream_handshake(s);
        return;
    }
    stream_opened(s);
}

/* >0 bytes read, 0 nothing now, <0 over. */
static ssize_t stream_read_some(struct stream *s)
{
    if (!s->ssl) {
        ssize_t n = recv(s->watch.fd, s->net->scratch, NET_SCRATCH, MSG_DONTWAIT);
        if (n > 0) {
            return n;
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    int n = SSL_read(s->ssl, s->net->scratch, NET_SCRATCH);
    if (n > 0) {
        return n;
    }
    int error = SSL_get_error(s->ssl, n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void stream_readable(struct stream *s)
{
    /* Without TLS one read usually takes all; asking again would only cost a system call. With it
     * OpenSSL may hold a record that epoll knows nothing of. */
    for (int i = 0; s->state == STREAM_OPEN && (s->ssl || i < READS_PER_TURN); i++) {
        ssize_t n = stream_read_some(s);
        if (n < 0) {
            stream_fail(s, "closed by the server");
        }
        if (n <= 0) {
            return;
        }
        s->handler->on_bytes(s->arg, s->net->scratch, (size_t)n);
        if (!s->ssl && n < NET_SCRATCH) {
            return;
        }
    }
}

static void on_stream_event(struct watch *w, uint32_t events)
{
    struct stream *s = CONTAINER_OF(w, struct stream, watch);

    switch (s->state) {
    case STREAM_CLOSED: return;
    case STREAM_CONNECTING: stream_connected(s); return;
    case STREAM_TLS: stream_handshake(s); return;
    case STREAM_OPEN: break;
    }
    if ((events & EPOLLOUT) != 0 && !stream_flush(s)) {
        stream_fail(s, "write failed");
        return;
    }
    stream_readable(s);
}

static bool stream_connect(int fd, const struct stream_target *to)
{
    int one = 1;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        (to->reset_on_close && setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) != 0)) {
        return false;
    }
    if (to->from.s_addr != 0) {
        /* The port is chosen by connect(), which knows the whole four-tuple. */
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = to->from};
        if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) != 0 ||
            bind(fd, (const struct sockaddr *)&from, sizeof(from)) != 0) {
            return false;
        }
    }
    return connect(fd, (const struct sockaddr *)&to->address, sizeof(to->address)) == 0 ||
           errno == EINPROGRESS;
}

bool stream_open(struct stream *s, struct net *n, const struct stream_target *to,
                 const struct stream_handler *handler, void *arg)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    *s = (struct stream){.watch = {.fd = fd, .events = EPOLLOUT, .fn = on_stream_event},
                         .state = STREAM_CONNECTING,
                         .net = n,
                         .handler = handler,
                         .arg = arg};
    if (to->tls) {
        s->ssl = SSL_new(n->tls);
    }
    if ((to->tls && (!s->ssl || SSL_set_fd(s->ssl, fd) != 1)) || !stream_connect(fd, to) ||
        !poller_add(n->poller, &s->watch)) {
        int error = errno;
        stream_close(s);
        errno = error;
        return false;
    }
    if (s->ssl) {
        SSL_set_connect_state(s->ssl);
    }
    return true;
}

bool stream_write(struct stream *s, const void *p, size_t n)
{
    if (s->state != STREAM_OPEN) {
        return false;
    }
    bool was_empty = s->out.n == 0;
    buf_add(&s->out, (struct str){p, n});
    if (s->out.failed) {
        return false;
    }
    /* A broken connection is reported by the poller: not to a caller in the middle of something. */
    return was_empty ? stream_flush(s) : true;
}

void stream_close(struct stream *s)
{
    if (s->state == STREAM_CLOSED) {
        return;
    }
    s->state = STREAM_CLOSED;
    poller_remove(s->net->poller, &s->watch);
    SSL_free(s->ssl);
    s->ssl = NULL;
    close(s->watch.fd);
    s->watch.fd = -1;
    buf_release(&s->out);
    s->out_sent = 0;
}
