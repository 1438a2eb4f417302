/* SPDX-License-Identifier: MIT */
#include "gateway/transport/sse_conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/net/stream.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/sse_request.h"
#include "proto/codes.h"

enum {
    CLOSE_S = 2,
    LEAVING_RETRY_MS = 1000,  /* to another gateway, behind the same address … */
    OVERLOAD_RETRY_MS = 5000, /* … and to this one, later … */
    REFUSED_RETRY_MS = 300000, /* … and when there is nothing to be had; each up to twice as long */
    READ_BYTES = 4096,
    NOISE_BYTES = 1024 * 1024, /* a client has nothing to say; one that says more is cut off */
};

enum state { HELD, STREAMING, ENDING };

struct sse_conn {
    struct list node;         /* in server's sse_conns */
    struct ws_server *server; /* borrowed, outlives us */
    struct session *session;  /* owned until session_on_closed() */
    struct stream *stream;    /* owned */
    struct ws_peer peer;
    size_t noise;      /* bytes that the client sent */
    char *cors_origin; /* owned; until the head is written; NULL: none to be told */
    enum state state;
    bool is_legacy;
    bool has_lines; /* one JSON text a line instead of events */
    bool in_event;  /* what was written last ends within an event */
    bool ends_line; /* … or line */
};

static const struct transport_ops ops;

static void end(struct sse_conn *c)
{
    session_on_closed(c->session);
    stream_free(c->stream);
    list_del(&c->node);
    address_limit_leave(&c->server->addresses, c->peer.count);
    c->server->connections--;
    free(c->cors_origin);
    free(c);
}

static void on_closed(void *arg)
{
    end(arg);
}

static void on_drained(void *arg)
{
    struct sse_conn *c = arg;
    if (c->state == STREAMING) {
        session_on_writable(c->session);
    }
}

/* What the client sends is thrown away; that it ends shows there. */
static void on_readable(void *arg)
{
    struct sse_conn *c = arg;
    char bytes[READ_BYTES];
    ssize_t n = stream_read(c->stream, bytes, sizeof(bytes));
    c->noise += n > 0 ? (size_t)n : 0;
    if (n == STREAM_EOF || c->noise > NOISE_BYTES) {
        stream_cut(c->stream);
    }
}

static const struct stream_handler handler = {
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* NULL: out of memory. Takes the request's channels. */
static struct sse_conn *create(struct ws_server *s, struct stream *stream,
                               const struct ws_peer *peer, const struct admission *a,
                               struct sse_request *q)
{
    struct sse_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    char text[ADDRESS_TEXT_MAX];
    c->server = s;
    c->is_legacy = !q->channels;
    c->has_lines = a->wants_lines;
    const struct session_request session = {
        .kind = c->is_legacy ? SESSION_LEGACY : SESSION_DOCUMENTED,
        .ops = &ops,
        .conn = c,
        .format = c->has_lines ? RENDERING_LINE : ops.format,
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
    c->stream = stream;
    list_push_back(&s->sse_conns, &c->node);
    s->connections++;
    return c;
}

struct sse_conn *sse_conn_create(struct ws_server *s, struct stream *stream,
                                 const struct ws_peer *peer, const struct http_head *r,
                                 struct admission *a)
{
    struct sse_request q;
    bool ok = sse_request_read(r, &q);
    struct sse_conn *c = ok ? create(s, stream, peer, a, &q) : NULL;
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
    stream_set_deadline(c->stream, CLOSE_S);
    stream_finish(c->stream, true);
}

static void sse_conn_admit(void *conn)
{
    struct sse_conn *c = conn;
    struct buf head = {0};
    if (c->state != HELD) {
        return;
    }
    http_pages_stream_head(c->has_lines ? HTTP_JSON_LINES : HTTP_EVENT_STREAM,
                           str_of(c->cors_origin), &head);
    forget_origin(c);
    c->state = STREAMING;
    c->server->gw->metrics->handshakes++;
    if (head.failed) {
        stream_cut(c->stream);
    } else {
        (void)stream_write(c->stream, head.p, head.n); /* a broken one reports itself */
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
        stream_cut(c->stream);
    } else {
        (void)stream_write(c->stream, answer.p, answer.n);
    }
    buf_release(&answer);
    finish(c);
}

/* An event ends with two line feeds, and holds no two of them elsewhere. */
static void note_written(struct sse_conn *c, const uint8_t *p, size_t n)
{
    bool ended_line = n > 1 ? p[n - 2] == '\n' : c->ends_line;
    c->ends_line = p[n - 1] == '\n';
    c->in_event = !c->ends_line || !(ended_line || c->has_lines);
}

static bool sse_conn_write(void *conn, const uint8_t *p, size_t n)
{
    struct sse_conn *c = conn;
    if (c->state != STREAMING) {
        return false;
    }
    note_written(c, p, n);
    return stream_write(c->stream, p, n);
}

static bool sse_conn_is_blocked(const void *conn)
{
    const struct sse_conn *c = conn;
    return stream_queued(c->stream) > 0;
}

/* How long the client is to stay away at least; 0: nothing is said. */
static unsigned retry_ms(unsigned code)
{
    switch (code) {
    case CLOSE_LEAVING: return LEAVING_RETRY_MS;
    case CLOSE_OVERLOAD: return OVERLOAD_RETRY_MS;
    case CLOSE_IDLE_STRANGER: return REFUSED_RETRY_MS;
    default: return 0;
    }
}

/* Clients connect anew by themselves. Within an event nothing may be said: the client would take
 * the part that it has for the whole. */
static void write_retry(struct sse_conn *c, unsigned code)
{
    struct buf line = {0};
    unsigned ms = retry_ms(code);
    if (c->in_event || ms == 0) {
        return;
    }
    if (code == CLOSE_IDLE_STRANGER && !c->is_legacy) {
        buf_addf(&line,
                 "%s{\"type\":\"error\",\"error\":\"%s\",\"message\":"
                 "\"every channel of this stream was refused\"}\n%s",
                 c->has_lines ? "" : "event: error\ndata: ", error_code_str(ERROR_FORBIDDEN),
                 c->has_lines ? "" : "\n");
    }
    if (!c->has_lines) {
        buf_addf(&line, "retry: %u\n\n", ms + (unsigned)(random_u64() % ms));
    }
    if (!line.failed && line.n > 0) {
        (void)stream_write(c->stream, line.p, line.n);
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
        stream_cut(c->stream);
    }
}

static bool sse_conn_ping(void *conn)
{
    struct sse_conn *c = conn;
    if (c->state != STREAMING || stream_queued(c->stream) > 0) {
        return true; /* it would say nothing new, and perhaps within an event */
    }
    struct str life = c->has_lines ? STR("{\"type\":\"pong\"}\n") : STR(":\n");
    return stream_write(c->stream, life.p, life.n);
}

static uint64_t client_of(const void *conn)
{
    const struct sse_conn *c = conn;
    return c->peer.line;
}

static const struct transport_ops ops = {
    .name = "sse",
    .format = RENDERING_SSE,
    .write = sse_conn_write,
    .is_blocked = sse_conn_is_blocked,
    .close = sse_conn_close,
    .ping = sse_conn_ping,
    .client = client_of,
    .admit = sse_conn_admit,
    .refuse = sse_conn_refuse,
};

/* Ends the connection when what was written is not acknowledged for so long. A proxy in front of the
 * client answers for it; then this only ends a dead proxy. Where it cannot be set, the kernel's own
 * patience holds. */
static void set_patience(const struct sse_conn *c)
{
    const struct settings *s = c->server->gw->settings;
    unsigned ms = (unsigned)(s->broadcaster.ping_interval_ms + s->broadcaster.write_timeout_ms);
    (void)setsockopt(stream_fd(c->stream), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void sse_conn_start(struct sse_conn *c)
{
    stream_set_handler(c->stream, &handler, c);
    stream_clear_deadline(c->stream);
    stream_resume(c->stream);
    set_patience(c);
    if (!c->is_legacy) {
        sse_conn_admit(c);
    }
    session_open(c->session);
}

void sse_conn_end_all(struct ws_server *s)
{
    LIST_FOR_EACH (node, next, &s->sse_conns) {
        end(LIST_ENTRY(node, struct sse_conn, node));
    }
}
