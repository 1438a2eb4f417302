/* SPDX-License-Identifier: MIT */
/* https_conn: the life of a connection.
 *
 * HANDSHAKE -> HEAD        TLS is up (plain connections begin here)
 * HEAD      -> BODY        a head that the handler lets pass
 * BODY      -> HANDLING    the whole body is here; the handler owes a reply
 * HEAD, BODY, HANDLING -> WRITING  the reply (or refusal) is in the output
 * WRITING   -> HEAD        it has gone, and the connection goes on
 * WRITING   -> LINGERING   it has gone, unread input remains: closing now would reset the
 *                          connection, and the peer might never see the answer
 * any but HANDLING -> (freed)      deadline, error, end
 *
 * While HANDLING nothing frees the connection: a peer that leaves then is remembered in `gone`.
 * Deadlines are absolute and looked at by https_conns_sweep(), so a request costs no timer.
 */
#include "publisher/https_conn.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "publisher/http_reply.h"
#include "publisher/https_socket.h"
#include "publisher/pub_metrics.h"

enum {
    HANDSHAKE_MS = 10000,
    WRITE_MS = 10000,
    LINGER_MS = 2000,
    /* What the input may hold beyond the present request, and how much is read at a time. */
    INPUT_MARK = 16384,
};
#define NO_DEADLINE UINT64_MAX

enum https_conn_state {
    CONN_HANDSHAKE,
    CONN_HEAD,
    CONN_BODY,
    CONN_HANDLING,
    CONN_WRITING,
    CONN_LINGERING,
};
struct https_conn {
    struct list node;        /* in env's list */
    struct https_env *env;   /* borrowed (outlives all connections) */
    struct bufferevent *bev; /* owned, with its socket and its SSL */
    enum https_conn_state state;
    uint64_t deadline_ms;
    bool verified;      /* a client certificate was shown, and it is good */
    bool gone;          /* the peer has left; free at the reply */
    bool begun;         /* bytes of the present request have come */
    bool close;         /* after the present answer */
    bool linger;        /* before that */
    size_t mark;        /* what the input may hold; then reading pauses */
    size_t scanned;     /* of the input, in search of the head's end */
    uint64_t body_left; /* bytes of the request's body that are not drained from the input */
    struct buf text;    /* the head's bytes */
    struct http_head head;
    struct http_exchange exchange;
};

static void set_deadline(struct https_conn *c, uint64_t ms)
{
    c->deadline_ms = loop_now_ms(c->env->loop) + ms;
}

/* Makes room for a request of which `bytes` have yet to be in the input together. */
static void set_mark(struct https_conn *c, size_t bytes)
{
    size_t mark = bytes > INPUT_MARK / 2 ? bytes + INPUT_MARK : INPUT_MARK;
    if (mark != c->mark) {
        c->mark = mark;
        bufferevent_setwatermark(c->bev, EV_READ, 0, mark);
    }
}

static void conn_free(struct https_conn *c)
{
    if (c->state != CONN_HANDSHAKE && c->state != CONN_LINGERING && !c->gone) {
        https_socket_say_end(c->bev);
    }
    list_del(&c->node);
    c->env->n_conns--;
    c->env->metrics->http_connections--;
    bufferevent_free(c->bev);
    buf_release(&c->text);
    free(c);
}

static void expect_request(struct https_conn *c)
{
    c->state = CONN_HEAD;
    c->begun = c->close = c->linger = false;
    c->scanned = 0;
    c->body_left = 0;
    c->exchange.route = NULL;
    c->exchange.peer[0] = '\0';
    c->exchange.body = STR_NONE;
    c->head = (struct http_head){0};
    set_mark(c, 0);
    if (c->verified || c->exchange.is_publisher) {
        c->deadline_ms = NO_DEADLINE; /* Go does not repeat a POST whose connection closes */
    } else {
        set_deadline(c, LIMIT_PUBLISHER_IDLE_MS);
    }
}

static const char *date_of_now(struct https_env *env)
{
    int64_t now_s = clock_wall_ms() / 1000;
    if (now_s != env->date_s) {
        env->date_s = now_s;
        http_date(now_s, env->date);
    }
    return env->date;
}

/* What has come of the request's body is skipped; if more is to come the connection must end. */
static void skip_body(struct https_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t have = (size_t)MIN(c->body_left, (uint64_t)evbuffer_get_length(in));
    if (have == 0 || evbuffer_drain(in, have) == 0) {
        c->body_left -= have;
    }
    if (c->body_left > 0) {
        c->close = c->linger = true;
    }
}

static void write_reply(struct https_conn *c, const struct http_reply *r)
{
    struct buf *scratch = &c->env->scratch;
    buf_clear(scratch);
    http_reply_write(scratch, r,
                     &(struct http_reply_options){
                         .date = date_of_now(c->env),
                         .is_http_1_0 = c->head.is_http_1_0,
                         .close = c->close,
                         .without_body = http_head_is_type(&c->head, STR("text/json")),
                         .is_head = str_eq(c->head.method, STR("HEAD")),
                     });
    set_deadline(c, WRITE_MS);
    if (scratch->failed ||
        evbuffer_add(bufferevent_get_output(c->bev), scratch->p, scratch->n) != 0) {
        log_error("no memory for an answer", LF_I64("status", r->status));
        c->deadline_ms = 0; /* the next sweep ends it */
    }
}

void http_exchange_reply(struct http_exchange *x, const struct http_reply *r)
{
    struct https_conn *c = CONTAINER_OF(x, struct https_conn, exchange);
    assert(c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_HANDLING);
    pub_metrics_count_status(c->env->metrics, r->status);
    if (c->gone) {
        conn_free(c);
        return;
    }
    if (r->close) {
        c->close = c->linger = true;
    }
    skip_body(c);
    c->close = c->close || !c->head.keep_alive || c->env->stopping;
    c->state = CONN_WRITING;
    write_reply(c, r);
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

/* Refuses what the handler never sees. */
static void refuse(struct https_conn *c, int status, const char *message)
{
    http_exchange_fail_and_close(&c->exchange, status, message);
}

/* The same when the head is not whole. Its copy in `text` keeps the type that was in it. */
static void refuse_part(struct https_conn *c, int status, const char *message)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t have = MIN(evbuffer_get_length(in), (size_t)HTTP_HEAD_MAX);
    buf_clear(&c->text);
    if (buf_reserve(&c->text, have)) {
        ev_ssize_t n = evbuffer_copyout(in, c->text.p, have);
        c->text.n = n > 0 ? (size_t)n : 0;
        http_head_look_for_type(buf_str(&c->text), &c->head);
    }
    refuse(c, status, message);
}

static void no_memory(struct https_conn *c)
{
    log_error("no memory for a request");
    c->deadline_ms = 0; /* the next sweep ends it */
}

/* Moves a whole head from the input to c->text. False: it is not whole, or not to be had. */
static bool take_head(struct https_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t have = MIN(evbuffer_get_length(in), (size_t)HTTP_HEAD_MAX + 1);
    const char *p = (const char *)evbuffer_pullup(in, (ev_ssize_t)have);
    if (!p) {
        no_memory(c);
        return false;
    }
    size_t n;
    enum http_head_result r = http_head_scan((struct str){p, have}, c->scanned, &n);
    if (r != HTTP_HEAD_OK) {
        refuse_part(c, http_head_status(r),
                    r == HTTP_HEAD_LINE_TOO_LONG ? "the request line is too long"
                                                 : "the headers are too large");
        return false;
    }
    if (n == 0) {
        c->scanned = have;
        set_mark(c, have > INPUT_MARK / 2 ? HTTP_HEAD_MAX : 0);
        return false;
    }
    buf_clear(&c->text);
    buf_add(&c->text, (struct str){p, n});
    if (c->text.failed || evbuffer_drain(in, n) != 0) {
        no_memory(c);
        return false;
    }
    return true;
}

/* Makes room for the body, and tells a peer that asks first to send it. */
static bool await_body(struct https_conn *c)
{
    bool here = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
    if (c->head.expects_continue && c->body_left > 0 && !here) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (evbuffer_add(bufferevent_get_output(c->bev), go_on, sizeof(go_on) - 1) != 0) {
            no_memory(c);
            return false;
        }
    }
    set_mark(c, (size_t)c->body_left);
    c->state = CONN_BODY;
    return true;
}

static bool step_head(struct https_conn *c)
{
    if (evbuffer_get_length(bufferevent_get_input(c->bev)) == 0) {
        return false;
    }
    if (!c->begun) {
        c->begun = true;
        set_deadline(c, LIMIT_PUBLISHER_REQUEST_MS);
    }
    if (!take_head(c)) {
        return false;
    }
    const char *why;
    enum http_head_result r = http_head_parse(buf_str(&c->text), &c->head, &why);
    if (r != HTTP_HEAD_OK) {
        refuse(c, http_head_status(r), why);
        return false;
    }
    c->body_left = c->head.content_length;
    uint64_t max_body = 0;
    if (!c->env->handler->on_head(&c->exchange, &max_body, c->env->handler_arg)) {
        return false;
    }
    if (c->body_left > max_body) {
        refuse(c, 413, "the body is too large");
        return false;
    }
    return await_body(c);
}

static bool step_body(struct https_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (evbuffer_get_length(in) < c->body_left) {
        return false;
    }
    if (c->body_left > 0) {
        const char *p = (const char *)evbuffer_pullup(in, (ev_ssize_t)c->body_left);
        if (!p) {
            no_memory(c);
            return false;
        }
        c->exchange.body = (struct str){p, (size_t)c->body_left};
    }
    c->state = CONN_HANDLING;
    c->deadline_ms = NO_DEADLINE;
    c->env->handler->on_request(&c->exchange, c->env->handler_arg);
    return false;
}

/* Goes on as far as the input allows. Never frees the connection. */
static void advance(struct https_conn *c)
{
    bool more = true;
    while (more) {
        switch (c->state) {
        case CONN_HEAD: more = step_head(c); break;
        case CONN_BODY: more = step_body(c); break;
        case CONN_LINGERING:
            (void)evbuffer_drain(bufferevent_get_input(c->bev), SIZE_MAX); /* a later one will do */
            more = false;
            break;
        case CONN_HANDSHAKE:
        case CONN_HANDLING:
        case CONN_WRITING: more = false; break;
        }
    }
}

static void on_readable(struct bufferevent *bev UNUSED, void *arg)
{
    advance(arg);
}

/* The output is empty: an answer, or a "100 Continue", has gone. */
static void on_written(struct bufferevent *bev, void *arg)
{
    struct https_conn *c = arg;
    if (c->state != CONN_WRITING || evbuffer_get_length(bufferevent_get_output(bev)) > 0 ||
        c->deadline_ms == 0) {
        return;
    }
    if (c->close && c->linger) {
        c->state = CONN_LINGERING;
        https_socket_say_end(c->bev);
        set_deadline(c, LINGER_MS);
    } else if (c->close) {
        conn_free(c);
        return;
    } else {
        expect_request(c);
    }
    advance(c);
}

static void on_handshake_done(struct https_conn *c)
{
    c->verified = https_socket_is_verified(c->exchange.ssl);
    expect_request(c);
}

static void on_event(struct bufferevent *bev UNUSED, short what, void *arg)
{
    struct https_conn *c = arg;
    if (what & BEV_EVENT_CONNECTED) {
        on_handshake_done(c);
        return;
    }
    if (c->state == CONN_HANDSHAKE) {
        c->env->metrics->tls_failures++;
        https_socket_log_failure(c->bev, &c->env->refusals, loop_now_ms(c->env->loop));
    }
    /* A plain peer may close its half and still read; bufferevent's TLS writes no more then. */
    if ((what & BEV_EVENT_EOF) && !c->exchange.ssl &&
        (c->state == CONN_HANDLING || c->state == CONN_WRITING)) {
        c->close = true;
        return;
    }
    c->gone = true;
    if (c->state != CONN_HANDLING) {
        conn_free(c);
    }
}

bool https_conn_accept(struct https_env *env, int fd, struct ssl_ctx_st *ctx)
{
    struct https_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)evutil_closesocket(fd); /* nothing more can be done about it */
        return false;
    }
    struct bufferevent *bev = https_socket_create(loop_base(env->loop), fd, ctx);
    if (!bev) {
        free(c);
        return false;
    }
    c->env = env;
    c->bev = bev;
    c->exchange.head = &c->head;
    c->exchange.ssl = https_socket_ssl(bev);
    list_push_back(&env->conns, &c->node);
    env->n_conns++;
    env->metrics->http_connections++;
    if (ctx) {
        c->state = CONN_HANDSHAKE;
        set_mark(c, 0);
        set_deadline(c, HANDSHAKE_MS);
    } else {
        expect_request(c);
    }
    bufferevent_setcb(bev, on_readable, on_written, on_event, c);
    if (bufferevent_enable(bev, EV_READ | EV_WRITE) != 0) {
        conn_free(c);
        return false;
    }
    return true;
}

static void on_deadline(struct https_conn *c)
{
    c->env->metrics->http_timeouts++;
    bool in_request = (c->state == CONN_HEAD && c->begun) || c->state == CONN_BODY;
    if (!in_request || c->deadline_ms == 0) {
        conn_free(c);
    } else if (c->state == CONN_BODY) {
        refuse(c, 408, "the request did not come whole in time");
    } else {
        refuse_part(c, 408, "the request did not come whole in time");
    }
}

void https_conns_sweep(struct https_env *env)
{
    uint64_t now_ms = loop_now_ms(env->loop);
    LIST_FOR_EACH (node, next, &env->conns) {
        struct https_conn *c = LIST_ENTRY(node, struct https_conn, node);
        if (c->deadline_ms <= now_ms) {
            on_deadline(c);
        }
    }
}

void https_conns_end_idle(struct https_env *env)
{
    LIST_FOR_EACH (node, next, &env->conns) {
        struct https_conn *c = LIST_ENTRY(node, struct https_conn, node);
        if (c->state == CONN_HANDSHAKE || (c->state == CONN_HEAD && !c->begun)) {
            conn_free(c);
        }
    }
}

void https_conns_end_all(struct https_env *env)
{
    LIST_FOR_EACH (node, next, &env->conns) {
        struct https_conn *c = LIST_ENTRY(node, struct https_conn, node);
        assert(c->state != CONN_HANDLING);
        conn_free(c);
    }
}
