/* SPDX-License-Identifier: MIT */
/* https_server: our own listener in front of https_conn.c. */
#include "publisher/https_server.h"

#include <errno.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/net/tls_ctx.h"
#include "publisher/listen_socket.h"
#include "publisher/log_limit.h"
#include "publisher/pub_metrics.h"

enum {
    SWEEP_MS = 500,
    ACCEPT_PAUSE_MS = 100,
    LOG_INTERVAL_MS = 10000,
    CONNECTIONS_MAX = 4096, /* backends are few: more is an attack or a leak at their side */
    RESERVE = 64,           /* descriptors: for Redis, the frontend, the metrics */
};

struct https_server {
    struct https_env env;
    struct evconnlistener *listener; /* owned; NULL after stop */
    struct ssl_ctx_st *tls;          /* ref; NULL: plain */
    struct timer sweep;
    struct timer pause; /* of accepting */
    struct log_limit refusals;
    uint64_t descriptors; /* RLIMIT_NOFILE */
    uint16_t port;
};

static void on_sweep(void *arg)
{
    struct https_server *s = arg;
    https_conns_sweep(&s->env);
}

static void count_refusal(struct https_server *s, const char *why)
{
    uint64_t silenced;
    s->env.metrics->http_refused++;
    if (log_limit_pass(&s->refusals, loop_now_ms(s->env.loop), LOG_INTERVAL_MS, &silenced)) {
        log_warn("connection refused", LF_STR("reason", why), LF_U64("connections", s->env.n_conns),
                 LF_U64("silenced", silenced));
    }
}

static bool is_reserved(const struct https_server *s, int fd)
{
    uint64_t reserve = MIN((uint64_t)RESERVE, s->descriptors / 4);
    return (uint64_t)fd >= s->descriptors - reserve;
}

static void on_accept(struct evconnlistener *l UNUSED, evutil_socket_t fd,
                      struct sockaddr *peer UNUSED, int peer_len UNUSED, void *arg)
{
    struct https_server *s = arg;
    s->env.metrics->http_accepted++;
    if (s->env.n_conns >= CONNECTIONS_MAX || is_reserved(s, fd)) {
        (void)evutil_closesocket(fd); /* nothing more can be done about it */
        count_refusal(s, is_reserved(s, fd) ? "out of descriptors" : "too many connections");
    } else if (!https_conn_accept(&s->env, fd, s->tls)) {
        count_refusal(s, "no memory");
    }
}

/* Most likely EMFILE: the connection stays in the kernel's queue, so accepting would spin. */
static void on_accept_error(struct evconnlistener *l, void *arg)
{
    struct https_server *s = arg;
    count_refusal(s, strerror(EVUTIL_SOCKET_ERROR()));
    (void)evconnlistener_disable(l); /* it can only fail for a listener that is none */
    timer_start_ms(&s->pause, ACCEPT_PAUSE_MS);
}

static void on_pause_over(void *arg)
{
    struct https_server *s = arg;
    if (s->listener && evconnlistener_enable(s->listener) != 0) {
        timer_start_ms(&s->pause, ACCEPT_PAUSE_MS);
    }
}

static int start_listening(struct https_server *s, const struct https_server_options *o)
{
    s->port = o->port;
    int fd = listen_socket_open(o->bind, &s->port);
    if (fd < 0) {
        return fd;
    }
    s->listener = evconnlistener_new(loop_base(s->env.loop), on_accept, s,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!s->listener) {
        (void)close(fd);
        return -ENOMEM;
    }
    evconnlistener_set_error_cb(s->listener, on_accept_error);
    return 0;
}

int https_server_create(struct loop *l, const struct https_server_options *o,
                        struct https_server **out_server)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return -errno;
    }
    AUTO(https_server) *s = calloc(1, sizeof(*s));
    if (!s) {
        return -ENOMEM;
    }
    s->descriptors = limit.rlim_cur;
    s->env = (struct https_env){
        .loop = l,
        .handler = o->handler,
        .handler_arg = o->handler_arg,
        .metrics = o->metrics,
    };
    list_init(&s->env.conns);
    if (!timer_init(&s->sweep, l, on_sweep, s) || !timer_init(&s->pause, l, on_pause_over, s)) {
        return -ENOMEM;
    }
    https_server_set_tls(s, o->tls);
    int rc = start_listening(s, o);
    if (rc < 0) {
        return rc;
    }
    timer_start_every_ms(&s->sweep, SWEEP_MS);
    *out_server = TAKE(s);
    return 0;
}

struct https_server *https_server_free(struct https_server *s)
{
    if (!s) {
        return NULL;
    }
    https_server_stop(s);
    https_conns_end_all(&s->env);
    timer_release(&s->sweep);
    timer_release(&s->pause);
    tls_ctx_free(s->tls);
    buf_release(&s->env.scratch);
    free(s);
    return NULL;
}

void https_server_set_tls(struct https_server *s, struct ssl_ctx_st *tls)
{
    if (tls && SSL_CTX_up_ref(tls) != 1) {
        return; /* cannot happen; the old one serves on */
    }
    tls_ctx_free(s->tls);
    s->tls = tls;
}

void https_server_stop(struct https_server *s)
{
    if (!s->listener) {
        return;
    }
    evconnlistener_free(s->listener);
    s->listener = NULL;
    s->env.stopping = true;
    https_conns_end_idle(&s->env);
}

size_t https_server_connections(const struct https_server *s)
{
    return s->env.n_conns;
}

uint16_t https_server_port(const struct https_server *s)
{
    return s->port;
}
