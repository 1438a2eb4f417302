/* SPDX-License-Identifier: MIT */
/* stream_io: read() and write(), not recv() and send(): the gateway wraps those for libwebsockets at
 * link time, so that they end here.
 */
#include "common/net/stream_io.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/net/stream_internal.h"

enum {
    RECORD_BYTES = 16384, /* of TLS: what is written in pieces goes as one up to here */
    RECORD_HEAD_BYTES = 5,
    HANDSHAKE_RECORD = 22,
};

/* What became of a call into OpenSSL that did not succeed: STREAM_AGAIN, _EOF or _BROKEN. */
static ssize_t tls_outcome(struct stream *s, int rc)
{
    int error = SSL_get_error(s->ssl, rc);
    switch (error) {
    case SSL_ERROR_WANT_READ: return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE: s->tls_waits_to_write = true; return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return STREAM_EOF;
    default: break;
    }
    unsigned long code = ERR_peek_error();
    stream_end(s, error == SSL_ERROR_SSL && code ? ERR_reason_error_string(code) : NULL);
    return STREAM_BROKEN;
}

/* Has the peer's first record come whole, or what will never be one? */
static bool is_record_here(struct stream *s)
{
    unsigned char head[RECORD_HEAD_BYTES];
    struct iovec v = {head, sizeof(head)};
    struct msghdr message = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t n = recvmsg(s->fd, &message, MSG_PEEK);
    int here = 0;
    if (n <= 0 || ioctl(s->fd, FIONREAD, &here) < 0) {
        return !(n < 0 && (errno == EAGAIN || errno == EINTR));
    }
    int whole = RECORD_HEAD_BYTES + (n < RECORD_HEAD_BYTES ? 0 : head[3] << 8 | head[4]);
    bool grows = (unsigned)here > s->peeked; /* else it has ended */
    bool waits = head[0] == HANDSHAKE_RECORD && here < whole && whole <= RECORD_BYTES && grows;
    if (waits || s->peeked > 0) { /* nobody need be woken for each byte */
        int enough = waits ? whole : 1;
        (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof(enough));
    }
    s->peeked = waits ? (unsigned)here : 0;
    return !waits;
}

static bool start_tls(struct stream *s)
{
    s->ssl = SSL_new(s->tls);
    SSL_CTX_free(s->tls);
    s->tls = NULL;
    if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1) {
        return false;
    }
    (void)SSL_set_mode(s->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
    /* Go, for one, closes without a word; lengths tell whether something was whole. */
    (void)SSL_set_options(s->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return true;
}

bool stream_io_handshake(struct stream *s)
{
    if (!s->ssl && !is_record_here(s)) {
        return false; /* OpenSSL would hold 30 KB for a peer that has said nothing yet */
    }
    if (!s->ssl && !start_tls(s)) {
        stream_end(s, "out of memory");
        return false;
    }
    s->tls_waits_to_write = false;
    ERR_clear_error();
    int rc = SSL_accept(s->ssl);
    if (rc != 1 && tls_outcome(s, rc) == STREAM_EOF) {
        stream_end(s, NULL);
    }
    return rc == 1;
}

static ssize_t tls_read(struct stream *s, void *out, size_t max)
{
    ERR_clear_error();
    int rc = SSL_read(s->ssl, out, (int)MIN(max, (size_t)INT_MAX));
    if (rc > 0) {
        if (SSL_pending(s->ssl) > 0) {
            loop_defer(s->loop, &s->later);
        }
        return rc;
    }
    return tls_outcome(s, rc);
}

static ssize_t plain_read(struct stream *s, void *out, size_t max)
{
    ssize_t n = read(s->fd, out, max);
    if (n > 0) {
        return n;
    }
    if (n == 0) {
        return STREAM_EOF;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return STREAM_AGAIN;
    }
    stream_end(s, NULL);
    return STREAM_BROKEN;
}

ssize_t stream_io_read(struct stream *s, void *out, size_t max)
{
    return s->ssl ? tls_read(s, out, max) : plain_read(s, out, max);
}

static ssize_t put(struct stream *s, const struct iovec *v, int n)
{
    if (s->ssl) {
        ERR_clear_error();
        int rc = SSL_write(s->ssl, v->iov_base, (int)MIN(v->iov_len, (size_t)INT_MAX));
        if (rc > 0) {
            return rc;
        }
        if (tls_outcome(s, rc) != STREAM_AGAIN) {
            stream_end(s, NULL);
            return -1;
        }
        s->tls_waits_to_write = false; /* the queue does */
        return 0;
    }
    ssize_t sent = n == 1 ? write(s->fd, v->iov_base, v->iov_len) : writev(s->fd, v, n);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (sent < 0) {
        stream_end(s, NULL);
    }
    return sent;
}

/* TLS takes one piece at a time, and makes a record of each. */
static ssize_t put_tls(struct stream *s, const struct iovec *v, int n)
{
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        total += v[i].iov_len;
    }
    if (n > 1 && total <= RECORD_BYTES) {
        char whole[RECORD_BYTES];
        size_t at = 0;
        for (int i = 0; i < n; at += v[i].iov_len, i++) {
            memcpy(whole + at, v[i].iov_base, v[i].iov_len);
        }
        return put(s, &(struct iovec){whole, total}, 1);
    }
    size_t sent = 0;
    for (int i = 0; i < n; i++) {
        struct iovec rest = v[i];
        while (rest.iov_len > 0) {
            ssize_t took = put(s, &rest, 1);
            if (took <= 0) {
                return took < 0 ? -1 : (ssize_t)sent;
            }
            sent += (size_t)took;
            rest.iov_base = (char *)rest.iov_base + took;
            rest.iov_len -= (size_t)took;
        }
    }
    return (ssize_t)sent;
}

ssize_t stream_io_write(struct stream *s, const struct iovec *v, int n)
{
    return s->ssl ? put_tls(s, v, n) : put(s, v, n);
}

void stream_io_say_end(struct stream *s)
{
    if (s->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); /* the peer's own word is not awaited */
    }
    (void)shutdown(s->fd, SHUT_WR); /* fails when the peer has gone */
}
