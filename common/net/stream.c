/* SPDX-License-Identifier: MIT */
/* stream: a non-blocking socket and, for TLS, an SSL that reads and writes it itself.
 *
 * Watching is lazy where that saves system calls: a paused stream stays watched for reading until
 * something comes, so a request whose answer takes a while costs none.
 */
#include "common/net/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/net/stream_internal.h"
#include "common/net/stream_io.h"
#include "common/net/stream_queue.h"

enum { DROP_BYTES = 16384 }; /* read and dropped at a time */

/* --- watching --- */

static unsigned wants(const struct stream *s)
{
    bool queued = s->out.n > 0;
    switch (s->state) {
    case STREAM_HANDSHAKE:
        if (s->tls_waits_to_write) {
            return STREAM_WRITE;
        }
        return s->paused ? 0 : STREAM_READ;
    case STREAM_OPEN:
        return (s->paused || s->eof ? 0u : STREAM_READ) |
               (queued || s->tls_waits_to_write ? STREAM_WRITE : 0u);
    case STREAM_FINISHING: return STREAM_WRITE;
    case STREAM_LINGERING: return STREAM_READ;
    case STREAM_OVER: break;
    }
    return 0;
}

static void on_event(evutil_socket_t fd, short what, void *arg);

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
    if (!arm_event(s, wanted)) {
        stream_end(s, "out of memory");
    }
}

void stream_update(struct stream *s)
{
    bool is_lazy = s->state == STREAM_OPEN && s->paused && !s->eof;
    arm(s, wants(s) | (is_lazy ? s->armed & STREAM_READ : 0u));
}

void stream_end(struct stream *s, const char *problem)
{
    if (s->state != STREAM_OVER) {
        s->state = STREAM_OVER;
        s->problem = problem;
        wheel_cancel(&s->deadline);
        arm(s, 0);
        loop_defer(s->loop, &s->later);
    }
}

/* --- reading --- */

ssize_t stream_read(struct stream *s, void *out, size_t max)
{
    if (s->state == STREAM_OVER) {
        return STREAM_BROKEN;
    }
    if (s->state != STREAM_OPEN) {
        return STREAM_AGAIN;
    }
    if (s->eof) {
        return STREAM_EOF;
    }
    ssize_t n = stream_io_read(s, out, max);
    if (n == STREAM_EOF) {
        s->eof = true;
        stream_update(s);
    } else if (n == STREAM_AGAIN && s->tls_waits_to_write) {
        stream_update(s);
    }
    return n;
}

void stream_resume(struct stream *s)
{
    s->paused = false;
    stream_update(s);
    if (s->state == STREAM_OPEN && s->ssl && SSL_pending(s->ssl) > 0) {
        loop_defer(s->loop, &s->later);
    }
}

void stream_pause(struct stream *s)
{
    s->paused = true;
}

/* --- the end --- */

/* All that was to be said has been sent. */
static void finished(struct stream *s)
{
    stream_io_say_end(s);
    if (!s->linger || s->eof) {
        stream_end(s, NULL);
        return;
    }
    s->state = STREAM_LINGERING;
    s->sent = 0;
    wheel_set(s->wheel, &s->deadline, STREAM_LINGER_S);
    stream_update(s);
}

void stream_finish(struct stream *s, bool linger)
{
    s->linger = linger;
    if (s->state == STREAM_HANDSHAKE) {
        stream_end(s, NULL);
    } else if (s->state == STREAM_OPEN) {
        s->state = STREAM_FINISHING;
        if (s->out.n == 0) {
            finished(s);
        } else {
            stream_update(s);
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
        stream_end(s, NULL);
    }
}

void stream_cut(struct stream *s)
{
    stream_end(s, NULL);
}

/* --- what the loop says --- */

static void on_readable(struct stream *s)
{
    if (s->paused || s->eof || !s->handler->on_readable) {
        arm(s, wants(s) & ~(unsigned)STREAM_READ);
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
    if (!stream_queue_flush(s) || s->out.n > 0) {
        return s->state == STREAM_OPEN;
    }
    if (s->state == STREAM_FINISHING) {
        finished(s);
        return false;
    }
    stream_update(s);
    if (s->handler->on_drained) {
        s->handler->on_drained(s->arg); /* reading has its turn when the poller tells of it again */
        return false;
    }
    return true;
}

static void step_handshake(struct stream *s)
{
    bool is_done = stream_io_handshake(s);
    if (is_done) {
        s->state = STREAM_OPEN;
    }
    stream_update(s); /* something may be queued already */
    if (is_done && s->handler->on_handshake_done) {
        s->handler->on_handshake_done(s->arg);
    }
}

static void on_ready(struct stream *s, unsigned what)
{
    if (s->state == STREAM_HANDSHAKE) {
        step_handshake(s);
        return;
    }
    if (s->state == STREAM_LINGERING) {
        drop_input(s);
        return;
    }
    if (what & STREAM_WRITE) {
        if (!on_writable(s)) {
            return;
        }
        if (s->tls_waits_to_write) {
            s->tls_waits_to_write = false;
            stream_update(s);
            what |= STREAM_READ;
        }
    }
    if (what & STREAM_READ && s->state == STREAM_OPEN) {
        on_readable(s);
    }
}

static void on_event(evutil_socket_t fd UNUSED, short what, void *arg)
{
    on_ready(arg, (what & EV_READ ? STREAM_READ : 0u) | (what & EV_WRITE ? STREAM_WRITE : 0u));
}

static void on_later(void *arg)
{
    struct stream *s = arg;
    if (s->state == STREAM_OVER) {
        s->handler->on_closed(s->arg);
    } else if (s->state == STREAM_OPEN && !s->paused && !s->eof) {
        on_readable(s);
    }
}

static void on_deadline(void *arg)
{
    struct stream *s = arg;
    bool is_ours = s->state == STREAM_FINISHING || s->state == STREAM_LINGERING;
    if (is_ours || !s->handler->on_deadline) {
        stream_end(s, NULL);
    } else {
        s->handler->on_deadline(s->arg);
    }
}

void stream_set_deadline(struct stream *s, uint32_t seconds)
{
    if (s->state != STREAM_OVER && s->state != STREAM_LINGERING) {
        wheel_set(s->wheel, &s->deadline, seconds);
    }
}

void stream_clear_deadline(struct stream *s)
{
    if (s->state != STREAM_LINGERING) {
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
    s->state = STREAM_OPEN;
    s->paused = true;
    s->loop = o->loop;
    s->wheel = o->wheel;
    s->handler = o->handler;
    s->arg = o->arg;
    deferred_init(&s->later, on_later, s);
    wheel_node_init(&s->deadline, on_deadline, s);
    if (o->tls) {
        if (SSL_CTX_up_ref(o->tls) != 1) {
            return stream_free(s); /* cannot happen */
        }
        s->tls = o->tls;
        s->state = STREAM_HANDSHAKE;
    }
    return s;
}

struct stream *stream_free(struct stream *s)
{
    if (!s) {
        return NULL;
    }
    if (s->state == STREAM_OPEN && s->ssl && s->out.n == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl);
    }
    deferred_cancel(&s->later);
    wheel_cancel(&s->deadline);
    if (s->event) {
        event_free(s->event);
    }
    SSL_free(s->ssl);
    SSL_CTX_free(s->tls);
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
    return s->state == STREAM_HANDSHAKE;
}

const char *stream_problem(const struct stream *s)
{
    return s->problem;
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
