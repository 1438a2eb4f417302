/* SPDX-License-Identifier: MIT */
#include "common/net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"

enum {
    BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
    BATCH = 64,     /* connections per turn of the loop: sessions must have theirs */
    PAUSE_MS = 100,
    RESERVE = 64, /* descriptors */
    LOG_EVERY_MS = 10000,
    KEEPALIVE_S = 30,
    KEEPALIVE_PROBES = 3,
};

struct listener {
    struct loop *loop; /* borrowed */
    listener_fn fn;
    void *arg;
    uint64_t *accepted, *refused; /* borrowed */
    struct event *readable;       /* owned */
    struct timer pause;
    int fd;               /* -1 after listener_stop() */
    uint64_t descriptors; /* RLIMIT_NOFILE */
    uint64_t next_log_ms; /* at most one line about trouble per LOG_EVERY_MS */
};

bool listener_is_reserved(int fd, uint64_t limit)
{
    uint64_t reserve = MIN((uint64_t)RESERVE, limit / 4);
    return (uint64_t)fd >= limit - reserve;
}

enum listener_next listener_after(int error)
{
    switch (error) {
    case EAGAIN: return LISTENER_DONE;
    /* Linux hands over what the network said about this one connection. */
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
    case EOPNOTSUPP: return LISTENER_AGAIN;
    default: return LISTENER_PAUSE; /* EMFILE, ENFILE, ENOBUFS, ENOMEM */
    }
}

static void log_trouble(struct listener *l, const char *phrase, int error)
{
    uint64_t now_ms = loop_now_ms(l->loop);
    if (now_ms >= l->next_log_ms) {
        l->next_log_ms = now_ms + LOG_EVERY_MS;
        log_warn(phrase, LF_I64("errno", error), LF_U64("descriptors", l->descriptors));
    }
}

static enum listener_next take_one(struct listener *l)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        enum listener_next next = listener_after(error);
        if (next == LISTENER_PAUSE) {
            log_trouble(l, "accepting paused", error);
        }
        return next;
    }
    if (listener_is_reserved(fd, l->descriptors)) {
        /* Closed rather than left in the queue: a proxy then tries another gateway at once. */
        (void)close(fd);
        (*l->refused)++;
        log_trouble(l, "connection refused, out of descriptors", EMFILE);
        return LISTENER_AGAIN;
    }
    (*l->accepted)++;
    l->fn(fd, (const struct sockaddr *)&peer, l->arg);
    return LISTENER_AGAIN;
}

static void on_readable(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct listener *l = arg;
    for (int i = 0; i < BATCH; i++) {
        enum listener_next next = take_one(l);
        if (next == LISTENER_PAUSE) {
            (void)event_del(l->readable);
            timer_start_ms(&l->pause, PAUSE_MS);
        }
        if (next != LISTENER_AGAIN) {
            return;
        }
    }
}

static void on_pause_over(void *arg)
{
    struct listener *l = arg;
    if (event_add(l->readable, NULL) < 0) {
        timer_start_ms(&l->pause, PAUSE_MS);
    }
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* Connections inherit them (Linux copies them), which saves a system call each per connection. */
static bool set_options(int fd, int family, const struct listener_options *o)
{
    bool ok = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
              (o->owns_port || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
              set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
              (family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    return ok && (!o->keepalive || (set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
                                    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S) &&
                                    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S) &&
                                    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES)));
}

static int listen_on(const struct addrinfo *a, const struct listener_options *o)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    bool ok = set_options(fd, a->ai_family, o) && bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
              listen(fd, BACKLOG) == 0;
    if (!ok) {
        int error = errno;
        (void)close(fd);
        return -error;
    }
    return fd;
}

/* The first of a name's addresses that can be listened on. */
static int open_address(const char *bind, const struct listener_options *o)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", (unsigned)o->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    if (getaddrinfo(bind, service, &hints, &found) != 0) {
        return -EADDRNOTAVAIL;
    }
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = listen_on(a, o);
    }
    freeaddrinfo(found);
    return fd;
}

/* Without an address: all of IPv6 and IPv4, or of IPv4 where there is no IPv6. */
static int open_any(const struct listener_options *o)
{
    if (o->bind[0] != '\0') {
        return open_address(o->bind, o);
    }
    int fd = open_address("::", o);
    bool no_ipv6 = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL;
    return no_ipv6 ? open_address("0.0.0.0", o) : fd;
}

int listener_create(const struct listener_options *o, struct listener **out_listener)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return -errno;
    }
    int fd = open_any(o);
    if (fd < 0) {
        return fd;
    }
    struct listener *l = calloc(1, sizeof(*l));
    if (!l) {
        (void)close(fd);
        return -ENOMEM;
    }
    *l = (struct listener){.loop = o->loop,
                           .fn = o->fn,
                           .arg = o->arg,
                           .accepted = o->accepted,
                           .refused = o->refused,
                           .fd = fd,
                           .descriptors = limit.rlim_cur};
    l->readable = event_new(loop_base(l->loop), fd, EV_READ | EV_PERSIST, on_readable, l);
    if (!l->readable || !timer_init(&l->pause, l->loop, on_pause_over, l) ||
        event_add(l->readable, NULL) < 0) {
        listener_free(l);
        return -ENOMEM;
    }
    *out_listener = l;
    return 0;
}

void listener_stop(struct listener *l)
{
    if (l->fd < 0) {
        return;
    }
    for (int i = 0; i < BACKLOG && take_one(l) == LISTENER_AGAIN; i++) {
    }
    timer_release(&l->pause);
    event_free(l->readable);
    l->readable = NULL;
    (void)close(l->fd);
    l->fd = -1;
}

struct listener *listener_free(struct listener *l)
{
    if (!l) {
        return NULL;
    }
    if (l->readable) { /* unlike listener_stop(): who is queued is refused */
        event_free(l->readable);
    }
    timer_release(&l->pause);
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    free(l);
    return NULL;
}

uint16_t listener_port(const struct listener *l)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    socklen_t len = sizeof(a);
    memset(&a, 0, sizeof(a));
    if (l->fd < 0 || getsockname(l->fd, &a.any, &len) < 0) {
        return 0;
    }
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}
