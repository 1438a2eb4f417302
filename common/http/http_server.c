/* SPDX-License-Identifier: MIT */
/* http_server: a port, its connections, and how many of them there may be. */
#include "common/http/http_server.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http/http_server_conn.h"
#include "common/log.h"
#include "common/net/listener.h"
#include "common/net/stream.h"
#include "common/net/tls_ctx.h"
#include "common/wheel.h"

/* --- taking connections --- */

static bool refuse(struct http_server *s, int fd, const char *reason)
{
    (void)close(fd); /* nothing more can be done about it */
    (*s->o.counts.refused)++;
    log_warn("connection refused", LF_STR("reason", reason), LF_U64("connections", s->n_conns));
    return false;
}

/* Every connection begins as a stranger's. True: there is room for one more. */
static bool make_room(struct http_server *s)
{
    if (s->o.max_strangers == 0 || s->strangers.n < s->o.max_strangers) {
        return true;
    }
    struct http_crowd_member *m = http_crowd_weakest(&s->strangers);
    struct http_server_conn *c = LIST_ENTRY(m, struct http_server_conn, stranger);
    if (c->state == HTTP_HANDLING) {
        return false;
    }
    (*s->o.counts.refused)++;
    http_server_conn_end(c);
    return true;
}

bool http_server_take(struct http_server *s, int fd, const struct sockaddr *peer,
                      struct ssl_ctx_st *tls, void *context)
{
    if (!make_room(s)) {
        return refuse(s, fd, "too many connections");
    }
    if (!http_server_conn_open(s, fd, peer, tls, context)) {
        return refuse(s, -1, "out of memory");
    }
    return true;
}

static void on_accept(int fd, const struct sockaddr *peer, void *arg)
{
    struct http_server *s = arg;
    (void)http_server_take(s, fd, peer, s->tls, NULL); /* a refusal is logged */
}

int http_server_listen(struct http_server *s, const char *bind, uint16_t port)
{
    const struct listener_options o = {.loop = s->o.loop,
                                       .bind = bind,
                                       .port = port,
                                       .fn = on_accept,
                                       .arg = s,
                                       .keepalive = true,
                                       .owns_port = s->o.owns_port,
                                       .accepted = s->o.counts.accepted,
                                       .refused = s->o.counts.refused};
    return listener_create(&o, &s->listener);
}

/* --- TLS --- */

static void write_address(int fd, char out[static NI_MAXHOST])
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    if (getpeername(fd, (struct sockaddr *)&address, &n) != 0 ||
        getnameinfo((struct sockaddr *)&address, n, out, NI_MAXHOST, NULL, 0, NI_NUMERICHOST)) {
        (void)snprintf(out, NI_MAXHOST, "unknown");
    }
}

/* Port scanners and load balancers do this all day; a refused certificate is worth a line. */
void http_server_handshake_failed(struct http_server *s, struct stream *stream)
{
    const struct ssl_st *ssl = stream_ssl(stream);
    const char *problem = ssl ? tls_verify_problem(ssl) : NULL;
    const char *reason = stream_problem(stream);
    char address[NI_MAXHOST];
    (*s->o.counts.tls_failures)++;
    write_address(stream_fd(stream), address);
    if (!problem) {
        log_debug("tls handshake failed", LF_STR("address", address),
                  LF_STR("reason", reason ? reason : "connection closed"));
    } else {
        log_warn("client certificate refused", LF_STR("address", address),
                 LF_STR("problem", problem));
    }
}

/* --- life --- */

static void use_counts(struct http_server *s)
{
    struct http_counts *c = &s->o.counts;
    uint64_t **each[] = {&c->accepted, &c->refused, &c->timeouts, &c->tls_failures};
    for (size_t i = 0; i < ARRAY_LEN(each); i++) {
        if (!*each[i]) {
            *each[i] = &s->uncounted;
        }
    }
    if (!c->connections) {
        c->connections = &s->uncounted_connections;
    }
}

struct http_server *http_server_create(const struct http_server_options *o)
{
    AUTO(http_server) *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->o = *o;
    use_counts(s);
    list_init(&s->conns);
    http_crowd_init(&s->strangers);
    s->own_wheel = o->wheel ? NULL : wheel_create(o->loop);
    s->wheel = o->wheel ? o->wheel : s->own_wheel;
    s->scratch = malloc(HTTP_SCRATCH_BYTES);
    return s->wheel && s->scratch ? TAKE(s) : NULL;
}

struct http_server *http_server_free(struct http_server *s)
{
    if (!s) {
        return NULL;
    }
    s->listener = listener_free(s->listener);
    LIST_FOR_EACH (node, next, &s->conns) {
        http_server_conn_end(LIST_ENTRY(node, struct http_server_conn, node));
    }
    wheel_free(s->own_wheel);
    tls_ctx_free(s->tls);
    buf_release(&s->answer);
    free(s->scratch);
    free(s);
    return NULL;
}

void http_server_set_tls(struct http_server *s, struct ssl_ctx_st *tls)
{
    if (tls && SSL_CTX_up_ref(tls) != 1) {
        return; /* cannot happen; the old one serves on */
    }
    tls_ctx_free(s->tls);
    s->tls = tls;
}

void http_server_stop(struct http_server *s)
{
    if (s->listener) {
        listener_stop(s->listener);
    }
    s->stopping = true;
    LIST_FOR_EACH (node, next, &s->conns) {
        struct http_server_conn *c = LIST_ENTRY(node, struct http_server_conn, node);
        if (http_server_conn_is_idle(c)) {
            http_server_conn_end(c);
        }
    }
}

size_t http_server_connections(const struct http_server *s)
{
    return s->n_conns;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->listener ? listener_port(s->listener) : 0;
}
