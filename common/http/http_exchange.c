/* SPDX-License-Identifier: MIT */
/* http_exchange: answers, and what becomes of the connection behind them. */
#include "common/http/http_exchange.h"

#include <assert.h>
#include <sys/uio.h>

#include "common/clock.h"
#include "common/http/http_server_conn.h"
#include "common/log.h"
#include "common/net/stream.h"

static const char *date_of_now(struct http_server *s)
{
    int64_t now_s = clock_wall_ms() / 1000;
    if (now_s != s->date_s) {
        s->date_s = now_s;
        http_date(now_s, s->date);
    }
    return s->date;
}

/* What has come of the request's body is skipped; if more is to come the connection must end. */
static void skip_body(struct http_server_conn *c)
{
    if (c->busy && !c->head.is_chunked) {
        size_t have = (size_t)MIN(c->body_left, (uint64_t)c->unread.n);
        c->unread = str_after(c->unread, have);
        c->body_left -= have;
    }
    if (c->body_left > 0 || c->head.is_chunked) {
        c->close = c->linger = true;
    }
}

static void send_answer(struct http_server_conn *c, struct str head, struct str body)
{
    const struct iovec v[] = {{(void *)head.p, head.n}, {(void *)body.p, body.n}};
    c->is_first = false;
    c->linger |= c->unread.n > 0 || c->head.keep_alive; /* its next request may be on its way */
    bool ok = stream_writev(c->stream, v, body.n > 0 ? 2 : 1);
    if (!ok || c->close) {
        c->state = HTTP_ENDING;
        stream_set_deadline(c->stream, c->server->o.times.write);
        stream_finish(c->stream, c->linger);
    } else if (stream_queued(c->stream) > 0) {
        c->state = HTTP_WRITING;
        http_server_conn_deadline(c, c->server->o.times.write);
    } else {
        http_server_conn_expect(c);
    }
    if (!c->busy && c->state == HTTP_HEAD) {
        stream_resume(c->stream);
        if (c->in.n > 0) {
            loop_defer(c->server->o.loop, &c->again);
        }
    }
}

/* False: there is nobody left to be answered. */
static bool begin_answer(struct http_server_conn *c, int status)
{
    const struct http_server_options *o = &c->server->o;
    assert(c->state == HTTP_HEAD || c->state == HTTP_BODY || c->state == HTTP_HANDLING);
    if (o->handler->on_status) {
        o->handler->on_status(status, o->arg);
    }
    if (!c->stream) {
        http_server_conn_end(c);
        return false;
    }
    skip_body(c);
    return true;
}

void http_exchange_reply(struct http_exchange *x, const struct http_reply *r)
{
    struct http_server_conn *c = CONTAINER_OF(x, struct http_server_conn, exchange);
    struct http_server *s = c->server;
    if (r->close) {
        c->close = c->linger = true;
    }
    if (!begin_answer(c, r->status)) {
        return;
    }
    c->close |= !c->head.keep_alive || s->stopping || s->o.one_request;
    bool bodiless =
        s->o.bodiless_type.n > 0 && http_is_type(c->head.content_type, s->o.bodiless_type);
    buf_clear(&s->answer);
    http_reply_write_head(&s->answer, r,
                          &(struct http_reply_options){
                              .date = date_of_now(s),
                              .is_http_1_0 = c->head.method.p && !c->head.is_http_1_1,
                              .close = c->close,
                              .without_body = bodiless,
                          });
    if (s->answer.failed) {
        log_error("no memory for an answer", LF_I64("status", r->status));
        c->state = HTTP_ENDING;
        stream_cut(c->stream);
        return;
    }
    bool is_head = c->head.method.p && str_eq(c->head.method, STR("HEAD"));
    send_answer(c, buf_str(&s->answer), bodiless || is_head ? STR_NONE : r->body);
}

void http_exchange_send(struct http_exchange *x, int status, struct str answer)
{
    struct http_server_conn *c = CONTAINER_OF(x, struct http_server_conn, exchange);
    if (begin_answer(c, status)) {
        c->close = true;
        send_answer(c, answer, STR_NONE);
    }
}

static void fail(struct http_exchange *x, int status, const char *message, bool close)
{
    struct buf body = {0};
    http_reply_error_body(&body, status, str_of(message));
    http_exchange_reply(
        x, &(struct http_reply){.status = status, .body = buf_str(&body), .close = close});
    buf_release(&body);
}

void http_exchange_fail(struct http_exchange *x, int status, const char *message)
{
    fail(x, status, message, false);
}

void http_exchange_fail_and_close(struct http_exchange *x, int status, const char *message)
{
    fail(x, status, message, true);
}

struct stream *http_exchange_take(struct http_exchange *x, struct str *out_rest)
{
    struct http_server_conn *c = CONTAINER_OF(x, struct http_server_conn, exchange);
    assert(c->busy && c->state == HTTP_HANDLING);
    *out_rest = c->unread;
    c->state = HTTP_GONE;
    stream_clear_deadline(c->stream);
    return TAKE(c->stream);
}
