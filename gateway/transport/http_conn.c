/* SPDX-License-Identifier: MIT */
#include "gateway/transport/http_conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/net/stream.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/page.h"
#include "gateway/transport/request.h"
#include "gateway/transport/sse_conn.h"
#include "gateway/transport/ws_conn.h"
#include "proto/limits.h"

enum {
    HANDSHAKE_S = LIMIT_HANDSHAKE_MS / 1000,
    ANSWER_S = 2,
    PIECES_AT_ONCE = 16, /* of a page */
    PIECE_BYTES = 4096,  /* how a head that comes in pieces is read */
};

struct http_conn {
    struct list node;         /* in server's http_conns */
    struct ws_server *server; /* borrowed, outlives us */
    struct stream *stream;    /* owned */
    struct ws_peer peer;
    enum { READING, ASKING, SENDING, FINISHING } state;
    struct buf in;      /* READING: what came so far, when the head is not whole */
    struct page *page;  /* owned; ASKING, SENDING */
    struct timer again; /* SENDING: after others had their turn */
    bool more_may_come; /* there is a body, or something after the head */
};

/* The stream is somebody else's now. */
static void release(struct http_conn *c)
{
    timer_release(&c->again);
    list_del(&c->node);
    buf_release(&c->in);
    page_free(c->page);
    c->server->connections--;
    free(c);
}

static void end(struct http_conn *c)
{
    address_limit_leave(&c->server->addresses, c->peer.count);
    stream_free(c->stream);
    release(c);
}

/* All is written. */
static void finish(struct http_conn *c)
{
    c->state = FINISHING;
    stream_finish(c->stream, c->more_may_come);
}

/* A piece at a time, and not more than a few at once: others wait, too. */
static void send_page(struct http_conn *c)
{
    char *piece = c->server->scratch;
    size_t n = 0;
    for (size_t i = 0; i < PIECES_AT_ONCE; i++) {
        if (!page_read(c->page, piece, WS_SERVER_SCRATCH_BYTES, &n)) {
            stream_cut(c->stream);
            return;
        }
        if (n == 0) {
            finish(c);
            return;
        }
        if (!stream_write(c->stream, piece, n)) {
            return; /* it is over, and says so */
        }
        page_took(c->page, n);
        if (stream_queued(c->stream) > 0) {
            return; /* until it is drained */
        }
    }
    timer_start_us(&c->again, 0);
}

static void answer(struct http_conn *c, const struct admission *a, const struct request *r)
{
    struct ws_server *s = c->server;
    struct buf out = {0};
    if (a->kind == ADMIT_REFUSE && log_enabled(LOG_LEVEL_DEBUG)) {
        char text[ADDRESS_TEXT_MAX];
        struct str peer = {text, address_write(&c->peer.address, text)};
        log_debug("request refused", LF_S("peer", peer), LF_I64("status", a->status),
                  LF_STR("reason", a->why));
    }
    http_pages_answer(a, r, s->gw->metrics->connections_active, &out);
    stream_set_deadline(c->stream, ANSWER_S);
    if (out.failed || !stream_write(c->stream, out.p, out.n)) {
        stream_cut(c->stream);
    } else {
        finish(c);
    }
    buf_release(&out);
}

static void on_page_ready(void *arg)
{
    struct http_conn *c = arg;
    c->state = SENDING;
    send_page(c);
}

static void start_page(struct http_conn *c, const struct request *r)
{
    struct ws_server *s = c->server;
    const struct page_options o = {.gw = s->gw,
                                   .request = r,
                                   .is_local = address_is_local(&s->trusted, r, &c->peer.address),
                                   .client = c->peer.line,
                                   .on_ready = on_page_ready,
                                   .arg = c};
    c->page = timer_init(&c->again, s->gw->loop, on_page_ready, c) ? page_create(&o) : NULL;
    if (!c->page) {
        stream_cut(c->stream);
        return;
    }
    stream_set_deadline(c->stream, PAGE_LIMIT_S);
    if (page_is_ready(c->page)) {
        on_page_ready(c);
    } else {
        c->state = ASKING;
    }
}

/* Before or without a readable head. */
static void refuse(struct http_conn *c, enum refusal refusal, int status, const char *why)
{
    struct admission a;
    admission_refuse(&a, refusal, status, why);
    ws_server_count_refusal(c->server, refusal);
    c->more_may_come = true;
    answer(c, &a, NULL);
}

static void become_websocket(struct http_conn *c, const struct request *r,
                             const struct admission *a, struct str behind)
{
    stream_clear_deadline(c->stream);
    if (!ws_conn_start(c->server, c->stream, &c->peer, r, a, behind)) {
        refuse(c, REFUSAL_BAD_REQUEST, 503, "out of memory");
        return;
    }
    release(c); /* stream and peer are the ws_conn's now */
}

/* What follows the head is thrown away, as all that the client sends from here on. */
static void become_stream(struct http_conn *c, const struct request *r, struct admission *a)
{
    struct sse_conn *sse = sse_conn_create(c->server, c->stream, &c->peer, r, a);
    if (!sse) {
        c->more_may_come = true;
        answer(c, a, r);
        return;
    }
    release(c); /* stream and peer are the sse_conn's now */
    sse_conn_start(sse);
}

static void on_head(struct http_conn *c, struct str head, struct str behind)
{
    struct request r;
    const char *why = request_parse(head, &r);
    if (why) {
        refuse(c, REFUSAL_BAD_REQUEST, 400, why);
        return;
    }
    struct admission a;
    ws_server_look_behind_proxy(c->server, &r, &c->peer);
    ws_server_decide(c->server, &r, &c->peer, &a);
    if (admission_is_upgrade(&a)) {
        become_websocket(c, &r, &a, behind);
    } else if (a.kind == ADMIT_SSE) {
        become_stream(c, &r, &a);
    } else {
        c->more_may_come = r.has_body || behind.n > 0;
        if (a.kind == ADMIT_PAGE && page_is_for(&r)) {
            start_page(c, &r);
        } else {
            answer(c, &a, &r);
        }
    }
    admission_release(&a);
}

/* bytes: all that came so far, of which the first `seen` were looked at before. */
static void on_bytes(struct http_conn *c, struct str bytes, size_t seen)
{
    size_t head;
    switch (request_progress(bytes, seen, &head)) {
    case REQUEST_COMPLETE: on_head(c, (struct str){bytes.p, head}, str_after(bytes, head)); return;
    case REQUEST_NOT_HTTP: refuse(c, REFUSAL_BAD_REQUEST, 400, "this is not HTTP"); return;
    case REQUEST_LINE_TOO_LONG:
        refuse(c, REFUSAL_TOO_LARGE, 431, "the request line is longer than 16 KiB");
        return;
    case REQUEST_HEADERS_TOO_LARGE:
        refuse(c, REFUSAL_TOO_LARGE, 431, "the header fields are larger than 64 KiB");
        return;
    case REQUEST_INCOMPLETE:
        if (c->in.n == 0) {
            buf_add(&c->in, bytes);
        }
        if (c->in.failed) {
            stream_cut(c->stream);
        } else {
            stream_resume(c->stream);
        }
        return;
    }
}

/* Most heads come whole: they are read into the server's buffer and need none of their own. */
static void read_head(struct http_conn *c)
{
    size_t seen = c->in.n;
    char *room = c->server->scratch;
    if (seen > 0) {
        if (!buf_reserve(&c->in, PIECE_BYTES)) {
            stream_cut(c->stream);
            return;
        }
        room = c->in.p + seen;
    }
    ssize_t n = stream_read(c->stream, room, seen > 0 ? PIECE_BYTES : WS_SERVER_SCRATCH_BYTES);
    if (n == STREAM_AGAIN) {
        stream_resume(c->stream);
    } else if (n == STREAM_EOF) {
        stream_cut(c->stream);
    } else if (n > 0 && seen > 0) {
        c->in.n += (size_t)n;
        on_bytes(c, buf_str(&c->in), seen);
    } else if (n > 0) {
        on_bytes(c, (struct str){room, (size_t)n}, 0);
    }
}

/* While an answer is on its way nothing is read. */
static void on_readable(void *arg)
{
    struct http_conn *c = arg;
    stream_pause(c->stream);
    if (c->state == READING) {
        read_head(c);
    }
}

static void on_drained(void *arg)
{
    struct http_conn *c = arg;
    if (c->state == SENDING) {
        send_page(c);
    }
}

static void on_deadline(void *arg)
{
    struct http_conn *c = arg;
    if (c->state == READING && c->in.n > 0) {
        refuse(c, REFUSAL_TIMEOUT, 408, "the request took longer than 5 seconds");
        return;
    }
    if (c->state == READING) {
        ws_server_count_refusal(c->server, REFUSAL_TIMEOUT);
    }
    stream_cut(c->stream);
}

static void on_closed(void *arg)
{
    end(arg);
}

static const struct stream_handler handler = {
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_deadline = on_deadline,
    .on_closed = on_closed,
};

void http_conn_start(struct ws_server *s, int fd, const struct ws_peer *peer)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    const struct stream_options o = {
        .loop = s->gw->loop, .wheel = s->gw->wheel, .tls = s->tls, .handler = &handler, .arg = c};
    if (c) {
        c->stream = stream_create(fd, &o);
    } else {
        (void)close(fd);
    }
    if (!c || !c->stream) {
        address_limit_leave(&s->addresses, peer->count);
        free(c);
        return;
    }
    c->server = s;
    c->peer = *peer;
    list_push_back(&s->http_conns, &c->node);
    s->connections++;
    stream_set_deadline(c->stream, HANDSHAKE_S);
    if (s->tls) {
        stream_resume(c->stream);
    } else {
        read_head(c); /* it is often there already: then the loop never sees this socket */
    }
}

void http_conn_end_all(struct ws_server *s)
{
    LIST_FOR_EACH (node, next, &s->http_conns) {
        end(LIST_ENTRY(node, struct http_conn, node));
    }
}
