/* SPDX-License-Identifier: MIT */
#include "gateway/transport/events_port.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/http/http_server.h"
#include "common/log.h"
#include "common/net/stream.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/transport/farewell.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/page.h"
#include "gateway/transport/page_sender.h"
#include "gateway/transport/sse_conn.h"
#include "gateway/transport/ws_conn.h"
#include "proto/limits.h"

enum {
    REQUEST_S = LIMIT_HANDSHAKE_MS / 1000, /* from accept to the end of the request's head */
    ANSWER_S = 2,
    LINE_END_BYTES = 2,
};

static const struct http_rules rules = {
    .interest = HTTP_EVENTS,
    .max_line_bytes = LIMIT_REQUEST_LINE_BYTES + LINE_END_BYTES,
    .max_fields_bytes = LIMIT_REQUEST_HEADER_BYTES + LINE_END_BYTES,
    .line_too_long_status = 431,
    .line_too_long = "the request line is longer than 16 KiB",
    .fields_too_large = "the header fields are larger than 64 KiB",
};

/* --- answers --- */

static void log_refusal(const struct admission *a, const struct ws_peer *peer)
{
    if (a->kind == ADMIT_REFUSE && log_enabled(LOG_LEVEL_DEBUG)) {
        char text[ADDRESS_TEXT_MAX];
        struct str address = {text, address_write(&peer->address, text)};
        log_debug("request refused", LF_S("peer", address), LF_I64("status", a->status),
                  LF_STR("reason", a->why));
    }
}

static void answer(struct ws_server *s, struct http_exchange *x, const struct admission *a,
                   const struct http_head *h)
{
    struct buf out = {0};
    log_refusal(a, x->context);
    http_pages_answer(a, h, s->gw->metrics->connections_active, &out);
    if (out.failed) {
        http_exchange_fail_and_close(x, 503, "out of memory");
    } else {
        http_exchange_send(x, a->kind == ADMIT_REFUSE ? a->status : 200, buf_str(&out));
    }
    buf_release(&out);
}

/* The same when the stream was taken already. */
static void answer_without_memory(struct ws_server *s, struct stream *stream,
                                  const struct ws_peer *peer)
{
    struct buf out = {0};
    struct admission a;
    admission_refuse(&a, REFUSAL_BAD_REQUEST, 503, "out of memory");
    ws_server_count_refusal(s, REFUSAL_BAD_REQUEST);
    log_refusal(&a, peer);
    http_pages_answer(&a, NULL, s->gw->metrics->connections_active, &out);
    (void)stream_write(stream, out.p, out.failed ? 0 : out.n); /* else it is over, and says so */
    buf_release(&out);
    farewell_to(&s->farewells, stream);
}

/* A request that is not read to its end, or not read at all. */
static void on_fault(struct http_exchange *x, struct http_fault fault, void *arg)
{
    struct ws_server *s = arg;
    struct admission a;
    enum refusal refusal = fault.status == 431 ? REFUSAL_TOO_LARGE : REFUSAL_BAD_REQUEST;
    admission_refuse(&a, refusal, fault.status, fault.reason);
    if (fault.status != 408) { /* the server has counted it */
        ws_server_count_refusal(s, refusal);
    }
    answer(s, x, &a, NULL);
}

/* --- what takes the stream --- */

static void forget_peer(struct http_exchange *x)
{
    free(x->context);
    x->context = NULL;
}

static void become_websocket(struct ws_server *s, struct http_exchange *x,
                             const struct admission *a)
{
    struct str behind;
    const struct ws_peer *peer = x->context;
    struct stream *stream = http_exchange_take(x, &behind);
    if (!ws_conn_start(s, stream, peer, x->head, a, behind)) {
        address_limit_leave(&s->addresses, peer->count);
        answer_without_memory(s, stream, peer);
    }
    forget_peer(x);
}

/* What follows the head is thrown away, as all that the client sends from here on. */
static void become_stream(struct ws_server *s, struct http_exchange *x, struct admission *a)
{
    struct str behind;
    struct sse_conn *sse = sse_conn_create(s, x->stream, x->context, x->head, a);
    if (!sse) {
        answer(s, x, a, x->head);
        return;
    }
    (void)http_exchange_take(x, &behind);
    forget_peer(x); /* the sse_conn's now, as the stream is */
    sse_conn_start(sse);
}

static void become_page(struct ws_server *s, struct http_exchange *x)
{
    struct str behind;
    struct stream *stream = http_exchange_take(x, &behind);
    bool linger = x->head->has_body || behind.n > 0 || x->head->keep_alive;
    page_sender_start(s, stream, x->context, x->head, linger);
    forget_peer(x);
}

/* --- requests --- */

static bool on_head(struct http_exchange *x, uint64_t *out_max_body UNUSED, void *arg)
{
    struct ws_server *s = arg;
    struct ws_peer *peer = x->context;
    struct admission a;
    ws_server_look_behind_proxy(s, x->head, peer);
    ws_server_decide(s, x->head, peer, &a);
    if (admission_is_upgrade(&a)) {
        become_websocket(s, x, &a);
    } else if (a.kind == ADMIT_SSE) {
        become_stream(s, x, &a);
    } else if (a.kind == ADMIT_PAGE && page_is_for(x->head)) {
        become_page(s, x);
    } else {
        answer(s, x, &a, x->head);
    }
    admission_release(&a);
    return false;
}

static void on_end(void *context, void *arg)
{
    struct ws_server *s = arg;
    struct ws_peer *peer = context;
    address_limit_leave(&s->addresses, peer->count);
    free(peer);
}

static const struct http_handler handler = {
    .on_head = on_head,
    .on_fault = on_fault,
    .on_end = on_end,
};

/* --- life --- */

struct http_server *events_port_create(struct ws_server *s)
{
    return http_server_create(&(struct http_server_options){
        .loop = s->gw->loop,
        .wheel = s->gw->wheel,
        .rules = &rules,
        .handler = &handler,
        .arg = s,
        .times = {.first = REQUEST_S, .write = ANSWER_S},
        .one_request = true,
        .counts = {.timeouts = &s->gw->metrics->refused_timeout},
    });
}

void events_port_take(struct ws_server *s, int fd, const struct ws_peer *peer)
{
    struct ws_peer *context = malloc(sizeof(*context));
    if (!context) {
        address_limit_leave(&s->addresses, peer->count);
        (void)close(fd);
        return;
    }
    *context = *peer;
    if (!http_server_take(s->http, fd, NULL, s->tls, context)) {
        address_limit_leave(&s->addresses, peer->count);
        free(context);
    }
}
