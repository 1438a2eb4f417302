/* SPDX-License-Identifier: MIT */
#include "gateway/transport/sse_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/loop.h"

enum {
    READ_BYTES = 4096,
    NOISE_BYTES = 1024 * 1024, /* a client has nothing to say; one that says more is cut off */
};

static void on_event(evutil_socket_t fd, short what, void *arg);

static bool watch(struct sse_socket *s, short what)
{
    if (s->event) {
        event_free(s->event);
    }
    s->event = event_new(loop_base(s->loop), s->fd, (short)(what | EV_PERSIST), on_event, s);
    return s->event && event_add(s->event, NULL) == 0;
}

bool sse_socket_init(struct sse_socket *s, struct loop *l, int fd,
                     const struct sse_socket_handler *handler, void *arg)
{
    *s = (struct sse_socket){.loop = l, .handler = handler, .arg = arg, .fd = fd};
    return watch(s, EV_READ);
}

static void release(void *arg)
{
    struct sse_socket *s = arg;
    if (s->event) {
        event_free(s->event);
        s->event = NULL;
    }
    buf_release(&s->pending);
    (void)close(s->fd);
}

/* A proxy in front of the client answers for it; then this only ends a dead proxy. Where it cannot be
 * set, the kernel's own patience holds. */
static void set_patience(void *arg, unsigned ms)
{
    const struct sse_socket *s = arg;
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* Its end then shows when reading, which is always watched. */
static void cut(void *arg)
{
    const struct sse_socket *s = arg;
    (void)shutdown(s->fd, SHUT_RDWR);
}

/* -1: broken. */
static ssize_t send_some(const struct sse_socket *s, const void *p, size_t n)
{
    ssize_t sent = send(s->fd, p, n, MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

static bool is_blocked(const void *arg)
{
    const struct sse_socket *s = arg;
    return s->pending.n > 0;
}

static bool write_all(void *arg, const void *p, size_t n)
{
    struct sse_socket *s = arg;
    bool was_blocked = is_blocked(s);
    ssize_t sent = was_blocked ? 0 : send_some(s, p, n);
    if (sent >= 0 && (size_t)sent == n) {
        return true;
    }
    if (sent >= 0) {
        buf_add(&s->pending, (struct str){(const char *)p + sent, n - (size_t)sent});
    }
    if (sent < 0 || s->pending.failed || (!was_blocked && !watch(s, EV_READ | EV_WRITE))) {
        cut(s);
        return false;
    }
    return true;
}

static void finish(void *arg)
{
    struct sse_socket *s = arg;
    s->is_ending = true;
    if (!is_blocked(s)) {
        (void)shutdown(s->fd, SHUT_WR);
    }
}

/* False: it is over. */
static bool throw_away(struct sse_socket *s)
{
    char bytes[READ_BYTES];
    ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    s->noise += (size_t)n;
    return n > 0 && s->noise <= NOISE_BYTES;
}

/* False: it is over. */
static bool send_pending(struct sse_socket *s)
{
    ssize_t n = send_some(s, s->pending.p + s->sent, s->pending.n - s->sent);
    if (n < 0) {
        return false;
    }
    s->sent += (size_t)n;
    if (s->sent < s->pending.n) {
        return true;
    }
    buf_release(&s->pending); /* its memory too: most connections never need any again */
    s->sent = 0;
    return watch(s, EV_READ);
}

static void on_event(evutil_socket_t fd UNUSED, short what, void *arg)
{
    struct sse_socket *s = arg;
    bool is_alive = !(what & EV_READ) || throw_away(s);
    if (is_alive && (what & EV_WRITE) && is_blocked(s)) {
        is_alive = send_pending(s);
    }
    if (!is_alive) {
        s->handler->on_gone(s->arg);
    } else if ((what & EV_WRITE) && !is_blocked(s)) {
        if (s->is_ending) {
            (void)shutdown(s->fd, SHUT_WR);
        }
        s->handler->on_writable(s->arg);
    }
}

const struct sse_link sse_socket_link = {
    .write = write_all,
    .is_blocked = is_blocked,
    .finish = finish,
    .cut = cut,
    .set_patience = set_patience,
    .release = release,
};
