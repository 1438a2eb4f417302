/* SPDX-License-Identifier: MIT */
/* stream: a non-blocking socket and, for TLS, an SSL that reads and writes it itself.
 *
 * Watching is lazy where that saves system calls: a paused stream stays watched for reading until
 * something comes, so a request whose answer takes a while costs none.
 *
 * read() and write(), not recv() and send(): the gateway wraps those for libwebsockets at link time,
 * so that they end here.
 */
#include "common/net/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/loop.h"
#include "common/wheel.h"

enum {
    DROP_BYTES = 16384,    /* read and dropped at a time */
    RECORD_BYTES = 16384,  /* of TLS: what is written in pieces goes as one up to here */
    COMPACT_BYTES = 65536, /* sent bytes that may stand before the queued ones */
};

enum stream_state { HANDSHAKE, OPEN, FINISHING, LINGERING, OVER };

struct stream {
    const struct stream_handler *handler; /* static */
    void *arg;
    SSL *ssl; /* owned; NULL: plain */
    int fd;   /* owned */
    enum stream_state state : 8;
    unsigned armed : 2;      /* what the poller watches */
    bool paused;             /* nobody reads now */
    bool eof;                /* the peer has closed its half */
    bool linger;             /* when finishing */
    bool tls_waits_to_write; /* for a handshake or a read to go on */
    struct buf out;          /* queued, of which … */
    size_t sent;             /* … so much has gone; LINGERING: bytes dropped */
    struct loop *loop;       /* borrowed */
    struct wheel *wheel;     /* borrowed */
    struct event *event;     /* owned; NULL: not needed yet, or somebody else watches */
    stream_watch_fn watch;   /* NULL: libevent */
    void *watch_arg;
    const char *problem; /* static */
    struct wheel_node deadline;
    struct deferred later; /* on_closed(), or on_readable() for what TLS holds */
};

/* --- watching --- */

static void end(struct stream *s, const char *problem);

unsigned stream_wants(const struct stream *s)
{
    bool queued = s->out.n > 0;
    switch (s->state) {
    case HANDSHAKE:
        if (s->tls_waits_to_write) {
            return STREAM_WRITE;
        }
        return s->paused ? 0 : STREAM_READ;
    case OPEN:
        return (s->paused || s->eof ? 0u : STREAM_READ) |
               (queued || s->tls_waits_to_write ? STREAM_WRITE : 0u);
    case FINISHING: return STREAM_WRITE;
    case LINGERING: return STREAM_READ;
    case OVER: break;
    }
    return 0;
}

static void on_event(evutil_socket_t fd UNUSED, short what, void *arg)
{
    stream_on_ready(arg,
                    (what & EV_READ ? STREAM_READ : 0u) | (what & EV_WRITE ? STREAM_WRITE : 0u));
}

static bool arm_event(struct stream *s, unsigned wanted)
{
    short what = (short)((wanted & STREAM_READ ? EV_READ : 0) |
                         (wanted & STREAM_WRITE ? EV_WRITE : 0) | EV_PERSIST);
    struct event_base *base = loop_base(s->loop);
    if (s->event && event_del(s->event) < 0) {
        return false;
    }
    if (wanted == 0) {
        return true;
    }
    if (s->event) {
        return event_assign(s->event, base, s->fd, what, on_event, s) == 0 &&
               event_add(s->event, NULL) == 0;
    }
    s->event = event_new(base, s->fd, what, on_event, s);
    return s->event && event_add(s->event, NULL) == 0;
}

static void arm(struct stream *s, unsigned wanted)
{
    if (wanted == s->armed) {
        return;
    }
    s->armed = wanted & 3u;
    if (s->watch) {
        s->watch(s, wanted, s->watch_arg);
    } else if (!arm_event(s, wanted)) {
        end(s, "out of memory");
    }
}

/* After a change of what stream_wants() looks at. */
static void update(struct stream *s)
{
    bool is_lazy = s->state == OPEN && s->paused && !s->eof;
    arm(s, stream_wants(s) | (is_lazy ? s->armed & STREAM_READ : 0u));
}

static void end(struct stream *s, const char *problem)
{
    if (s->state != OVER) {
        s->state = OVER;
        s->problem = problem;
        wheel_cancel(&s->deadline);
        arm(s, 0);
        loop_defer(s->loop, &s->later);
    }
}

/* --- TLS --- */

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
    end(s, error == SSL_ERROR_SSL && code ? ERR_reason_error_string(code) : NULL);
    return STREAM_BROKEN;
}

static void step_handshake(struct stream *s)
{
    s->tls_waits_to_write = false;
    ERR_clear_error();
    int rc = SSL_accept(s->ssl);
    if (rc != 1) {
        if (tls_outcome(s, rc) == STREAM_EOF) {
            end(s, NULL);
        }
        update(s);
        return;
    }
    s->state = OPEN;
    update(s); /* something may be queued already */
    if (s->handler->on_handshake_done) {
        s->handler->on_handshake_done(s->arg);
    }
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

static bool start_tls(struct stream *s, struct ssl_ctx_st *ctx)
{
    s->state = HANDSHAKE;
    s->ssl = SSL_new(ctx);
    if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1) {
        return false;
    }
    (void)SSL_set_mode(s->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
    /* Go, for one, closes without a word; lengths tell whether something was whole. */
    (void)SSL_set_options(s->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return true;
}

/* --- reading --- */

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
    end(s, NULL);
    return STREAM_BROKEN;
}

ssize_t stream_read(struct stream *s, void *out, size_t max)
{
    if (s->state == OVER) {
        return STREAM_BROKEN;
    }
    if (s->state != OPEN) {
        return STREAM_AGAIN;
    }
    if (s->eof) {
        return STREAM_EOF;
    }
    ssize_t n = s->ssl ? tls_read(s, out, max) : plain_read(s, out, max);
    if (n == STREAM_EOF) {
        s->eof = true;
        update(s);
    } else if (n == STREAM_AGAIN && s->tls_waits_to_write) {
        update(s);
    }
    return n;
}

void stream_resume(struct stream *s)
{
    s->paused = false;
    update(s);
    if (stream_has_pending(s) && s->state == OPEN) {
        loop_defer(s->loop, &s->later);
    }
}

void stream_pause(struct stream *s)
{
    s->paused = true;
}

bool stream_has_pending(const struct stream *s)
{
    return s->ssl && SSL_pending(s->ssl) > 0;
}

/* --- writing --- */

/* Bytes taken, 0: none now, or -1: broken. */
static ssize_t put(struct stream *s, const struct iovec *v, int n)
{
    if (s->ssl) {
        ERR_clear_error();
        int rc = SSL_write(s->ssl, v->iov_base, (int)MIN(v->iov_len, (size_t)INT_MAX));
        if (rc > 0) {
            return rc;
        }
        if (tls_outcome(s, rc) != STREAM_AGAIN) {
            end(s, NULL);
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
        end(s, NULL);
    }
    return sent;
}

static bool queue(struct stream *s, const void *p, size_t n)
{
    if (s->sent >= COMPACT_BYTES && s->sent >= s->out.n / 2) {
        s->out.n -= s->sent;
        memmove(s->out.p, s->out.p + s->sent, s->out.n);
        s->sent = 0;
    }
    buf_add(&s->out, (struct str){p, n});
    if (s->out.failed) {
        end(s, "out of memory");
    }
    return !s->out.failed;
}

static bool queue_from(struct stream *s, const struct iovec *v, int n, size_t skip)
{
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        size_t gone = MIN(skip, v[i].iov_len);
        skip -= gone;
        if (v[i].iov_len > gone) {
            ok = queue(s, (const char *)v[i].iov_base + gone, v[i].iov_len - gone);
        }
    }
    return ok;
}

/* TLS takes one piece at a time, and makes a record of each. */
static ssize_t put_tls(struct stream *s, const struct iovec *v, int n, size_t total)
{
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

bool stream_writev(struct stream *s, const struct iovec *v, int n)
{
    if (s->state != OPEN && s->state != HANDSHAKE) {
        return false;
    }
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        total += v[i].iov_len;
    }
    ssize_t sent = 0;
    if (s->out.n == 0 && s->state == OPEN && total > 0) {
        sent = s->ssl ? put_tls(s, v, n, total) : put(s, v, n);
    }
    if (sent < 0 || ((size_t)sent < total && !queue_from(s, v, n, (size_t)sent))) {
        return false;
    }
    if (s->out.n > 0) {
        update(s);
    }
    return s->state != OVER;
}

bool stream_write(struct stream *s, const void *p, size_t n)
{
    return stream_writev(s, &(struct iovec){(void *)p, n}, 1);
}

size_t stream_queued(const struct stream *s)
{
    return s->state == LINGERING ? 0 : s->out.n - s->sent;
}

/* Sends of the queue what can be sent. False: the stream is over. */
static bool flush(struct stream *s)
{
    while (s->sent < s->out.n) {
        /* All of it each time: OpenSSL wants a repeated call to offer no less than the first. */
        ssize_t n = put(s, &(struct iovec){s->out.p + s->sent, s->out.n - s->sent}, 1);
        if (n <= 0) {
            return n == 0;
        }
        s->sent += (size_t)n;
    }
    buf_release(&s->out); /* its memory too: most connections never need any again */
    s->sent = 0;
    return true;
}

/* --- the end --- */

static void say_end(struct stream *s)
{
    if (s->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); /* the peer's own word is not awaited */
    }
    (void)shutdown(s->fd, SHUT_WR); /* fails when the peer has gone */
}

/* All that was to be said has been sent. */
static void finished(struct stream *s)
{
    say_end(s);
    if (!s->linger || s->eof) {
        end(s, NULL);
        return;
    }
    s->state = LINGERING;
    s->sent = 0;
    wheel_set(s->wheel, &s->deadline, STREAM_LINGER_S);
    update(s);
}

void stream_finish(struct stream *s, bool linger)
{
    s->linger = linger;
    if (s->state == HANDSHAKE) {
        end(s, NULL);
    } else if (s->state == OPEN) {
        s->state = FINISHING;
        if (s->out.n == 0) {
            finished(s);
        } else {
            update(s);
        }
    }
}

/* As it comes from the kernel: nobody wants to know what TLS would make of it. */
static void drop_input(struct stream *s)
{
    char bytes[DROP_BYTES];
    ssize_t n = read(s->fd, bytes, sizeof(bytes));
    if (n > 0) {
        s->sent += (size_t)n;
    }
    bool goes_on = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
    if (!goes_on || s->sent > STREAM_LINGER_BYTES) {
        end(s, NULL);
    }
}

void stream_cut(struct stream *s)
{
    end(s, NULL);
}

/* --- what the loop says --- */

static void on_readable(struct stream *s)
{
    if (s->paused || s->eof || !s->handler->on_readable) {
        arm(s, stream_wants(s) & ~(unsigned)STREAM_READ);
    } else {
        s->handler->on_readable(s->arg);
    }
}

/* False: there is nothing more to be done, or nobody left to do it. */
static bool on_writable(struct stream *s)
{
    if (s->out.n == 0) {
        return true;
    }
    if (!flush(s) || s->out.n > 0) {
        return s->state == OPEN;
    }
    if (s->state == FINISHING) {
        finished(s);
        return false;
    }
    update(s);
    if (s->handler->on_drained) {
        s->handler->on_drained(s->arg); /* reading has its turn when the poller tells of it again */
        return false;
    }
    return true;
}

void stream_on_ready(struct stream *s, unsigned what)
{
    if (s->state == HANDSHAKE) {
        step_handshake(s);
        return;
    }
    if (s->state == LINGERING) {
        drop_input(s);
        return;
    }
    if (what & STREAM_WRITE) {
        if (!on_writable(s)) {
            return;
        }
        if (s->tls_waits_to_write) {
            s->tls_waits_to_write = false;
            update(s);
            what |= STREAM_READ;
        }
    }
    if (what & STREAM_READ && s->state == OPEN) {
        on_readable(s);
    }
}

static void on_later(void *arg)
{
    struct stream *s = arg;
    if (s->state == OVER) {
        s->handler->on_closed(s->arg);
    } else if (s->state == OPEN && !s->paused && !s->eof) {
        on_readable(s);
    }
}

static void on_deadline(void *arg)
{
    struct stream *s = arg;
    bool is_ours = s->state == FINISHING || s->state == LINGERING;
    if (is_ours || !s->handler->on_deadline) {
        end(s, NULL);
    } else {
        s->handler->on_deadline(s->arg);
    }
}

void stream_set_deadline(struct stream *s, uint32_t seconds)
{
    if (s->state != OVER && s->state != LINGERING) {
        wheel_set(s->wheel, &s->deadline, seconds);
    }
}

void stream_clear_deadline(struct stream *s)
{
    if (s->state != LINGERING) {
        wheel_cancel(&s->deadline);
    }
}

/* --- life --- */

struct stream *stream_create(int fd, const struct stream_options *o)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (!s) {
        (void)close(fd); /* nothing more can be done about it */
        return NULL;
    }
    s->fd = fd;
    s->state = OPEN;
    s->paused = true;
    s->loop = o->loop;
    s->wheel = o->wheel;
    s->handler = o->handler;
    s->arg = o->arg;
    deferred_init(&s->later, on_later, s);
    wheel_node_init(&s->deadline, on_deadline, s);
    return o->tls && !start_tls(s, o->tls) ? stream_free(s) : s;
}

struct stream *stream_free(struct stream *s)
{
    if (!s) {
        return NULL;
    }
    if (s->state == OPEN && s->ssl && s->out.n == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl);
    }
    deferred_cancel(&s->later);
    wheel_cancel(&s->deadline);
    if (s->watch) {
        arm(s, 0);
    } else if (s->event) {
        event_free(s->event);
    }
    SSL_free(s->ssl);
    ERR_clear_error(); /* SSL_get_error() of another connection must not see what is over */
    (void)close(s->fd);
    buf_release(&s->out);
    free(s);
    return NULL;
}

void stream_set_handler(struct stream *s, const struct stream_handler *handler, void *arg)
{
    s->handler = handler;
    s->arg = arg;
}

void stream_set_poller(struct stream *s, stream_watch_fn watch, void *arg)
{
    unsigned wanted = s->armed;
    arm(s, 0);
    if (watch && s->event) {
        event_free(s->event);
        s->event = NULL;
    }
    s->watch = watch;
    s->watch_arg = arg;
    arm(s, wanted);
}

/* --- questions --- */

int stream_fd(const struct stream *s)
{
    return s->fd;
}

struct ssl_st *stream_ssl(const struct stream *s)
{
    return s->ssl;
}

bool stream_is_handshaking(const struct stream *s)
{
    return s->state == HANDSHAKE;
}

bool stream_has_ended(const struct stream *s)
{
    return s->eof;
}

const char *stream_problem(const struct stream *s)
{
    return s->problem;
}

size_t stream_memory(const struct stream *s)
{
    return sizeof(*s) + s->out.cap;
}

/* --- as libraries call it --- */

ssize_t stream_recv(struct stream *s, void *out, size_t max)
{
    ssize_t n = stream_read(s, out, max);
    if (n > 0) {
        return n;
    }
    if (n == STREAM_EOF) {
        return 0;
    }
    errno = n == STREAM_AGAIN ? EAGAIN : ECONNRESET;
    return -1;
}

ssize_t stream_send(struct stream *s, const void *p, size_t n)
{
    if (stream_write(s, p, n)) {
        return (ssize_t)n;
    }
    errno = EPIPE;
    return -1;
}
