/* SPDX-License-Identifier: MIT */
#include "gateway/transport/sse_conn.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/wheel.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/sse_request.h"
#include "gateway/transport/sse_socket.h"
#include "gateway/transport/sse_tls.h"

enum {
    CLOSE_S = 2,
    LEAVING_RETRY_MS = 1000,  /* to another gateway, behind the same address … */
    OVERLOAD_RETRY_MS = 5000, /* … and to this one, later; each up to twice as long */
};

enum state { HELD, STREAMING, ENDING };

struct sse_conn {
    struct list node;            /* in server's sse_conns, unless inside TLS */
    struct ws_server *server;    /* borrowed, outlives us */
    struct session *session;     /* owned until session_on_closed() */
    const struct sse_link *link; /* static; NULL before it starts */
    void *link_arg;              /* socket, or borrowed */
    struct sse_socket socket;    /* without TLS */
    struct wheel_node deadline;  /* ENDING */
    struct ws_peer peer;
    char *cors_origin; /* owned; until the head is written; NULL: none to be told */
    enum state state;
    bool is_legacy;
    bool in_event;  /* what was written last ends within an event */
    bool ends_line; /* … or line */
};

static const struct transport_ops ops;

void sse_conn_free(struct sse_conn *c)
{
    session_on_closed(c->session);
    if (c->link && c->link->release) {
        c->link->release(c->link_arg);
    }
    wheel_cancel(&c->deadline);
    list_del(&c->node);
    address_limit_leave(&c->server->addresses, c->peer.count);
    c->server->connections--;
    free(c->cors_origin);
    free(c);
}

static void on_gone(void *arg)
{
    sse_conn_free(arg);
}

void sse_conn_writable(struct sse_conn *c)
{
    if (c->state == STREAMING) {
        session_on_writable(c->session);
    }
}

static void on_writable(void *arg)
{
    sse_conn_writable(arg);
}

static const struct sse_socket_handler socket_handler = {
    .on_writable = on_writable,
    .on_gone = on_gone,
};

static void on_deadline(void *arg)
{
    struct sse_conn *c = arg;
    if (c->link->release) {
        sse_conn_free(c);
    } else {
        c->link->cut(c->link_arg); /* who owns the socket ends us */
    }
}

/* NULL: out of memory. Takes the request's channels. */
static struct sse_conn *create(struct ws_server *s, const struct ws_peer *peer,
                               const struct admission *a, struct sse_request *q)
{
    struct sse_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    char text[ADDRESS_TEXT_MAX];
    c->server = s;
    c->is_legacy = !q->channels;
    const struct session_request session = {
        .kind = c->is_legacy ? SESSION_LEGACY : SESSION_DOCUMENTED,
        .ops = &ops,
        .conn = c,
        .format = ops.format,
        .credential_token = a->credential,
        .filters = buf_str(&q->filters),
        .peer = {text, address_write(&peer->address, text)},
        .channels = q->channels,
    };
    c->cors_origin = a->cors_origin.n ? strndup(a->cors_origin.p, a->cors_origin.n) : NULL;
    bool has_memory = c->cors_origin || a->cors_origin.n == 0;
    c->session = has_memory ? session_create(s->gw, &session) : NULL;
    if (!c->session) {
        free(c->cors_origin);
        free(c);
        return NULL;
    }
    q->channels = NULL; /* the session's now */
    c->peer = *peer;
    wheel_node_init(&c->deadline, on_deadline, c);
    list_init(&c->node);
    s->connections++;
    return c;
}

struct sse_conn *sse_conn_create(struct ws_server *s, const struct ws_peer *peer,
                                 const struct request *r, struct admission *a)
{
    struct sse_request q;
    bool ok = sse_request_read(r, (size_t)s->gw->settings->broadcaster.max_subscriptions, &q);
    struct sse_conn *c = ok ? create(s, peer, a, &q) : NULL;
    if (!c) {
        struct str cors_origin = a->cors_origin;
        admission_refuse(a, REFUSAL_BAD_REQUEST, ok ? 503 : q.status, ok ? "out of memory" : q.why);
        a->cors_origin = cors_origin;
        ws_server_count_refusal(s, REFUSAL_BAD_REQUEST);
    }
    sse_request_release(&q);
    return c;
}

/* --- what is written --- */

static void forget_origin(struct sse_conn *c)
{
    free(c->cors_origin);
    c->cors_origin = NULL;
}

/* No more comes from the session: the client is told, and may still read what is pending. */
static void finish(struct sse_conn *c)
{
    c->state = ENDING;
    c->link->finish(c->link_arg);
    wheel_set(c->server->gw->wheel, &c->deadline, CLOSE_S);
}

static void sse_conn_admit(void *conn)
{
    struct sse_conn *c = conn;
    struct buf head = {0};
    if (c->state != HELD) {
        return;
    }
    http_pages_stream_head(str_of(c->cors_origin), &head);
    forget_origin(c);
    c->state = STREAMING;
    c->server->gw->metrics->handshakes++;
    if (head.failed) {
        c->link->cut(c->link_arg);
    } else {
        (void)c->link->write(c->link_arg, head.p, head.n); /* a broken one reports itself */
    }
    buf_release(&head);
}

static void sse_conn_refuse(void *conn, int status, struct str text)
{
    struct sse_conn *c = conn;
    struct buf answer = {0};
    if (c->state != HELD) {
        return;
    }
    http_pages_text(status, text, str_of(c->cors_origin), &answer);
    forget_origin(c);
    if (answer.failed) {
        c->link->cut(c->link_arg);
    } else {
        (void)c->link->write(c->link_arg, answer.p, answer.n);
    }
    buf_release(&answer);
    finish(c);
}

/* An event ends with two line feeds, and holds no two of them elsewhere. */
static void note_written(struct sse_conn *c, const uint8_t *p, size_t n)
{
    bool ended_line = n > 1 ? p[n - 2] == '\n' : c->ends_line;
    c->ends_line = p[n - 1] == '\n';
    c->in_event = !(ended_line && c->ends_line);
}

static bool sse_conn_write(void *conn, const uint8_t *p, size_t n)
{
    struct sse_conn *c = conn;
    if (c->state != STREAMING) {
        return false;
    }
    note_written(c, p, n);
    return c->link->write(c->link_arg, p, n);
}

static bool sse_conn_is_blocked(const void *conn)
{
    const struct sse_conn *c = conn;
    return c->link->is_blocked(c->link_arg);
}

static unsigned retry_ms(unsigned code)
{
    unsigned ms = code == CLOSE_LEAVING ? LEAVING_RETRY_MS : OVERLOAD_RETRY_MS;
    return ms + (unsigned)(random_u64() % ms);
}

/* Clients connect anew by themselves. Within an event nothing may be said: the client would take
 * the part that it has for the whole. */
static void write_retry(struct sse_conn *c, unsigned code)
{
    struct buf line = {0};
    if (c->in_event || (code != CLOSE_LEAVING && code != CLOSE_OVERLOAD)) {
        return;
    }
    buf_addf(&line, "retry: %u\n\n", retry_ms(code));
    if (!line.failed) {
        (void)c->link->write(c->link_arg, line.p, line.n);
    }
    buf_release(&line);
}

static void sse_conn_close(void *conn, unsigned code, struct str reason, bool at_once)
{
    struct sse_conn *c = conn;
    switch (c->state) {
    case HELD: sse_conn_refuse(c, 503, reason); break;
    case STREAMING:
        write_retry(c, code);
        finish(c);
        break;
    case ENDING: break;
    }
    if (at_once) {
        c->link->cut(c->link_arg);
    }
}

static bool sse_conn_ping(void *conn)
{
    struct sse_conn *c = conn;
    if (c->state != STREAMING || c->link->is_blocked(c->link_arg)) {
        return true; /* it would say nothing new, and perhaps within an event */
    }
    return c->link->write(c->link_arg, ":\n", 2);
}

static const struct transport_ops ops = {
    .name = "sse",
    .format = RENDERING_SSE,
    .write = sse_conn_write,
    .is_blocked = sse_conn_is_blocked,
    .close = sse_conn_close,
    .ping = sse_conn_ping,
    .admit = sse_conn_admit,
    .refuse = sse_conn_refuse,
};

static void start(struct sse_conn *c, const struct sse_link *link, void *arg)
{
    const struct settings *s = c->server->gw->settings;
    c->link = link;
    c->link_arg = arg;
    int64_t patience = s->broadcaster.ping_interval_ms + s->broadcaster.write_timeout_ms;
    link->set_patience(arg, (unsigned)patience);
    if (!c->is_legacy) {
        sse_conn_admit(c);
    }
    session_open(c->session);
}

void sse_conn_start(struct sse_conn *c, int fd)
{
    list_push_back(&c->server->sse_conns, &c->node);
    if (sse_socket_init(&c->socket, c->server->gw->loop, fd, &socket_handler, c)) {
        start(c, &sse_socket_link, &c->socket);
    } else {
        c->link = &sse_socket_link;
        c->link_arg = &c->socket;
        sse_conn_free(c);
    }
}

void sse_conn_start_tls(struct sse_conn *c, struct lws *wsi)
{
    start(c, &sse_tls_link, wsi);
}

bool sse_conn_is_ending(const struct sse_conn *c)
{
    return c->state == ENDING;
}

void sse_conn_end_all(struct ws_server *s)
{
    LIST_FOR_EACH (node, next, &s->sse_conns) {
        sse_conn_free(LIST_ENTRY(node, struct sse_conn, node));
    }
}
