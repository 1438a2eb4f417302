/* SPDX-License-Identifier: MIT */
/* An epoll within libevent's: when it is readable, some of its sockets are ready.
 *
 * libwebsockets says what it wants to know of a socket in on_wanted(); we tell it what happened with
 * lws_service_fd(). What it wants to do without any socket's help (its timers; what it has read and
 * not used, because reading was paused or TLS gave more than was asked for) it does in settle(),
 * which runs at the end of each turn in which it did something, and when the next such thing is due.
 */
#include "gateway/transport/lws_events.h"

#include <errno.h>
#include <event2/event.h>
#include <libwebsockets.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"

enum {
    BATCH = 64,          /* sockets served before others get their turn */
    FORCED_AGAIN_MS = 1, /* somebody still has something after having been served once */
    SETTLE_MAX_MS = 60000,
    LOOK_FROM = 64,         /* times that a socket is served for reading: is anything read? */
    UNREAD_MAX = 64 + 1024, /* it may have bytes of its own to go on with, but not so often */
};

struct lws_events {
    struct loop *loop;       /* borrowed */
    struct lws_context *lws; /* borrowed; NULL before it and after it */
    void (*on_written)(struct lws *wsi);
    int epoll;              /* owned */
    struct event *readable; /* owned */
    struct deferred settle;
    struct timer later;
    uint8_t *wanted;  /* owned; by descriptor: LWS_EV_READ, LWS_EV_WRITE */
    uint16_t *served; /* owned; by descriptor: how often for reading, since it was seen to read */
    size_t n_wanted;  /* of both */
};

/* ---- what happened ---- */

static void serve(struct lws_events *e, int fd, short event, uint8_t flag, bool is_ready)
{
    if (is_ready && e->wanted[fd] & flag) { /* the one before may have ended it */
        struct lws_pollfd p = {.fd = fd, .events = event, .revents = event};
        (void)lws_service_fd(e->lws, &p); /* it ends broken connections itself */
    }
}

static void stop_reading(struct lws_events *e, int fd);

static int unread_bytes(int fd)
{
    int n = 0;
    return ioctl(fd, SIOCINQ, &n) < 0 ? 0 : n;
}

/* libwebsockets reads nothing more of a connection that it ends when its output has gone, and does
 * not say so: epoll would report it again at once, for seconds. */
static void serve_reading(struct lws_events *e, int fd, bool is_ready)
{
    if (!is_ready || !(e->wanted[fd] & LWS_EV_READ)) {
        return;
    }
    bool looks = ++e->served[fd] >= LOOK_FROM;
    int before = looks ? unread_bytes(fd) : 0;
    serve(e, fd, LWS_POLLIN, LWS_EV_READ, true);
    if (looks && unread_bytes(fd) < before) {
        e->served[fd] = 0;
    } else if (e->served[fd] >= UNREAD_MAX && e->wanted[fd] & LWS_EV_READ) {
        e->served[fd] = 0;
        stop_reading(e, fd);
    }
}

static void on_readable(evutil_socket_t epoll, short what UNUSED, void *arg)
{
    struct lws_events *e = arg;
    struct epoll_event ready[BATCH];
    int n = epoll_wait(epoll, ready, BATCH, 0);

    for (int i = 0; i < n; i++) {
        int fd = ready[i].data.fd;
        bool is_broken = ready[i].events & (EPOLLERR | EPOLLHUP);
        serve_reading(e, fd, ready[i].events & EPOLLIN || is_broken);
        if (e->wanted[fd] & LWS_EV_WRITE && (ready[i].events & EPOLLOUT || is_broken)) {
            serve(e, fd, LWS_POLLOUT, LWS_EV_WRITE, true);
            struct lws *wsi = wsi_from_fd(e->lws, fd);
            if (wsi) {
                e->on_written(wsi);
            }
        }
    }
    loop_defer(e->loop, &e->settle);
}

static void settle(void *arg)
{
    struct lws_events *e = arg;
    if (!e->lws) {
        return;
    }
    int wait_ms = lws_service_adjust_timeout(e->lws, SETTLE_MAX_MS, 0); /* runs its timers, too */
    if (wait_ms == 0) {
        (void)_lws_plat_service_forced_tsi(e->lws, 0);
        wait_ms = FORCED_AGAIN_MS;
    }
    timer_start_ms(&e->later, (uint64_t)wait_ms);
}

/* ---- what libwebsockets wants ---- */

static bool reserve(struct lws_events *e, size_t fd)
{
    if (fd < e->n_wanted) {
        return true;
    }
    size_t n = MAX(e->n_wanted * 2, (size_t)1024);
    while (n <= fd) {
        n *= 2;
    }
    uint8_t *wanted = realloc(e->wanted, n);
    e->wanted = wanted ? wanted : e->wanted;
    uint16_t *served = wanted ? realloc(e->served, n * sizeof(*served)) : NULL;
    if (!served) {
        return false;
    }
    e->served = served;
    memset(wanted + e->n_wanted, 0, n - e->n_wanted);
    memset(served + e->n_wanted, 0, (n - e->n_wanted) * sizeof(*served));
    e->n_wanted = n;
    return true;
}

static bool watch(struct lws_events *e, int fd, uint8_t before, uint8_t now)
{
    struct epoll_event ev = {.data.fd = fd};
    ev.events |= now & LWS_EV_READ ? EPOLLIN : 0u;
    ev.events |= now & LWS_EV_WRITE ? EPOLLOUT : 0u;
    /* Watched for nothing, it would still report that it is broken, again and again. */
    int what = now == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl(e->epoll, what, fd, &ev) == 0;
}

static void stop_reading(struct lws_events *e, int fd)
{
    uint8_t now = e->wanted[fd] & (uint8_t)~LWS_EV_READ;
    if (watch(e, fd, e->wanted[fd], now)) {
        e->wanted[fd] = now;
    }
}

static void on_wanted(struct lws *wsi, unsigned flags)
{
    struct lws_events *e = *(struct lws_events **)lws_evlib_wsi_to_evlib_pt(wsi);
    int fd = lws_get_socket_fd(wsi);
    if (!e || fd < 0 || e->epoll < 0) {
        return; /* its context is ending */
    }
    uint8_t what = flags & (LWS_EV_READ | LWS_EV_WRITE);
    bool is_known = reserve(e, (size_t)fd);
    uint8_t before = is_known ? e->wanted[fd] : 0;
    uint8_t now = (uint8_t)(flags & LWS_EV_START ? before | what : before & ~what);
    if (now != before && (!is_known || !watch(e, fd, before, now))) {
        log_error("a socket cannot be watched", LF_U64("fd", (uint64_t)fd),
                  LF_STR("why", strerror(errno)));
        return; /* its deadline, or the missing pong, ends it */
    }
    if (is_known) {
        e->wanted[fd] = now;
        e->served[fd] = 0;
    }
    loop_defer(e->loop, &e->settle); /* reading may have been resumed, a timer may have been set */
}

static int on_context(struct lws_context *lws, void *foreign_loop, int tsi)
{
    struct lws_events *e = foreign_loop;
    *(struct lws_events **)lws_evlib_tsi_to_evlib_pt(lws, tsi) = e;
    e->lws = lws;
    loop_defer(e->loop, &e->settle);
    return 0;
}

static void on_context_end(struct lws_context *lws, int tsi)
{
    struct lws_events **e = lws_evlib_tsi_to_evlib_pt(lws, tsi);
    if (*e) {
        (*e)->lws = NULL;
        *e = NULL;
    }
}

static const struct lws_event_loop_ops ops = {
    .name = "lws_events",
    .init_pt = on_context,
    .io = on_wanted,
    .destroy_pt = on_context_end,
    .evlib_size_pt = sizeof(struct lws_events *),
};

const struct lws_plugin_evlib lws_events_plugin = {
    .hdr = {"lws_events", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC},
    .ops = &ops,
};

/* ---- life ---- */

struct lws_events *lws_events_create(const struct lws_events_options *o)
{
    AUTO(lws_events) *e = calloc(1, sizeof(*e));
    if (!e) {
        return NULL;
    }
    e->loop = o->loop;
    e->on_written = o->on_written;
    deferred_init(&e->settle, settle, e);
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (e->epoll < 0 || !timer_init(&e->later, o->loop, settle, e)) {
        return NULL;
    }
    e->readable = event_new(loop_base(o->loop), e->epoll, EV_READ | EV_PERSIST, on_readable, e);
    if (!e->readable || event_add(e->readable, NULL) < 0) {
        return NULL;
    }
    return TAKE(e);
}

struct lws_events *lws_events_free(struct lws_events *e)
{
    if (!e) {
        return NULL;
    }
    deferred_cancel(&e->settle);
    timer_release(&e->later);
    if (e->readable) {
        event_free(e->readable);
    }
    if (e->epoll >= 0) {
        (void)close(e->epoll);
    }
    free(e->wanted);
    free(e->served);
    free(e);
    return NULL;
}
