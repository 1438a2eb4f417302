/* SPDX-License-Identifier: MIT */
/* http_client: calls wait in one list, first come first served, and each gets a connection of its
 * own for as long as it takes. A call ends in finish(), which takes it out of everything before it
 * calls back, so that the callback may do as it likes, freeing the client included.
 *
 *   waiting -> active  pump          a connection is free, or there may be one more
 *   active  -> active  send_again    the kept-alive connection turned out closed; once
 *   active  -> (freed) finish        answer, failure, deadline
 *   any     -> (freed) http_call_cancel, http_client_free
 */
#include "common/http/http_client.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/http_conn.h"
#include "common/http/http_origin.h"
#include "common/log.h"
#include "common/loop.h"

enum { SAME_FAILURE_LOG_MS = 60000 };

struct http_client {
    struct loop *loop; /* borrowed */
    struct http_origin origin;
    struct http_conn **conns; /* owned, each owned; n_conns of them */
    size_t n_conns, max_conns;
    struct list waiting, active; /* of struct http_call, owned */
    struct deferred pump;
    uint64_t logged_ms; /* when a failure was logged last */
};

struct http_call {
    struct list node;           /* in the client's waiting or active */
    struct http_client *client; /* borrowed */
    struct http_conn *conn;     /* the client's; NULL while waiting */
    struct http_conn_request request;
    http_answer_fn fn;
    void *arg;
    uint32_t timeout_ms;
    struct timer deadline; /* from sending */
    bool sent_again;
};

/* --- calls --- */

static void release_request(struct http_conn_request *q)
{
    for (size_t i = 0; i < q->n_headers; i++) {
        free(q->headers[i].name);
        free(q->headers[i].value);
    }
    free(q->headers);
    free(q->uri);
    free(q->body);
}

static void free_call(struct http_call *call)
{
    list_del(&call->node);
    timer_release(&call->deadline);
    release_request(&call->request);
    free(call);
}

static bool is_token(const char *s)
{
    return *s != '\0' &&
           s[strspn(s, "!#$%&'*+-.^_`|~0123456789"
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

static bool copy_headers(struct http_conn_request *to, const struct http_request *q)
{
    to->headers = calloc(q->n_headers ? q->n_headers : 1, sizeof(to->headers[0]));
    if (!to->headers) {
        return false;
    }
    for (size_t i = 0; i < q->n_headers; i++) {
        const struct http_header *h = &q->headers[i];
        if (!is_token(h->name) || !http_is_one_line(h->value)) {
            return false;
        }
        to->headers[i].name = strdup(h->name);
        to->headers[i].value = strdup(h->value);
        to->n_headers++;
        if (!to->headers[i].name || !to->headers[i].value) {
            return false;
        }
    }
    return true;
}

static bool copy_request(struct http_conn_request *to, const struct http_client *c,
                         const struct http_request *q)
{
    if (q->path_and_query[0] != '/' || !http_is_one_word(q->path_and_query)) {
        return false;
    }
    to->post = q->post;
    if (asprintf(&to->uri, "%s%s", c->origin.prefix, q->path_and_query) < 0) {
        to->uri = NULL;
        return false;
    }
    if (q->post && q->body.n > 0) {
        to->body = malloc(q->body.n);
        if (!to->body) {
            return false;
        }
        memcpy(to->body, q->body.p, q->body.n);
        to->body_len = q->body.n;
    }
    return copy_headers(to, q);
}

/* --- connections --- */

static void discard_conn(struct http_client *c, struct http_conn *conn)
{
    for (size_t i = 0; i < c->n_conns; i++) {
        if (c->conns[i] == conn) {
            c->conns[i] = c->conns[--c->n_conns];
            break;
        }
    }
    http_conn_free(conn);
}

static void on_conn_done(struct http_conn *conn, enum http_conn_outcome outcome,
                         struct evhttp_request *answer, const char *why, void *arg);

static void on_conn_closed(struct http_conn *conn, void *arg)
{
    discard_conn(arg, conn);
}

static struct http_conn *open_conn(struct http_client *c)
{
    static const struct http_conn_handler handler = {.on_done = on_conn_done,
                                                     .on_closed = on_conn_closed};
    struct http_conn *conn = http_conn_create(c->loop, &c->origin, &handler, c);
    if (conn) {
        c->conns[c->n_conns++] = conn;
    }
    return conn;
}

/* NULL: all are busy, or no memory. */
static struct http_conn *find_conn(struct http_client *c)
{
    for (size_t i = 0; i < c->n_conns; i++) {
        if (http_conn_is_idle(c->conns[i])) {
            return c->conns[i];
        }
    }
    return c->n_conns < c->max_conns ? open_conn(c) : NULL;
}

static void finish(struct http_call *call, const struct http_answer *a)
{
    struct http_client *c = call->client;
    http_answer_fn fn = call->fn;
    void *arg = call->arg;
    loop_defer(c->loop, &c->pump);
    free_call(call);
    fn(a, arg);
}

static void pump(void *arg)
{
    struct http_client *c = arg;
    struct list *first;
    while ((first = list_first(&c->waiting)) != NULL) {
        struct http_call *call = LIST_ENTRY(first, struct http_call, node);
        struct http_conn *conn = find_conn(c);
        if (!conn && c->n_conns < c->max_conns) { /* no memory; this pumps again */
            finish(call, &(struct http_answer){.outcome = HTTP_FAILED});
            return;
        }
        if (!conn) {
            return;
        }
        list_del(&call->node);
        list_push_back(&c->active, &call->node);
        call->conn = conn;
        timer_start_ms(&call->deadline, call->timeout_ms);
        http_conn_send(conn, &call->request, call);
    }
}

/* --- the end of a call --- */

static void finish_answered(struct http_call *call, struct evhttp_request *answer)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(answer);
    const char *type = evhttp_find_header(evhttp_request_get_input_headers(answer), "Content-Type");
    struct http_answer a = {.outcome = HTTP_ANSWERED,
                            .status = evhttp_request_get_response_code(answer),
                            .content_type = str_of(type),
                            .body = {NULL, evbuffer_get_length(body)}};
    a.body.p = (const char *)evbuffer_pullup(body, -1);
    if (a.body.n > 0 && !a.body.p) { /* no memory for one piece */
        a = (struct http_answer){.outcome = HTTP_FAILED};
    }
    finish(call, &a);
    evhttp_request_free(answer);
}

static void log_failure(struct http_client *c, const char *why)
{
    uint64_t now = loop_now_ms(c->loop);
    if (c->logged_ms == 0 || now - c->logged_ms >= SAME_FAILURE_LOG_MS) {
        c->logged_ms = now;
        log_warn("http call failed", LF_STR("host", c->origin.host_header), LF_STR("why", why));
    }
}

/* The connection was discarded, so there is room for another. The deadline goes on. */
static bool send_again(struct http_call *call)
{
    call->sent_again = true;
    call->conn = open_conn(call->client);
    if (call->conn) {
        http_conn_send(call->conn, &call->request, call);
    }
    return call->conn != NULL;
}

static void on_conn_done(struct http_conn *conn, enum http_conn_outcome outcome,
                         struct evhttp_request *answer, const char *why, void *arg)
{
    struct http_call *call = arg;
    struct http_client *c = call->client;
    call->conn = NULL;
    if (http_conn_is_closed(conn)) {
        discard_conn(c, conn);
    }
    switch (outcome) {
    case HTTP_CONN_ANSWERED: finish_answered(call, answer); return;
    case HTTP_CONN_TOO_LARGE:
        finish(call, &(struct http_answer){.outcome = HTTP_TOO_LARGE});
        return;
    case HTTP_CONN_STALE:
        if (!call->sent_again && send_again(call)) {
            return;
        }
        break;
    case HTTP_CONN_BROKEN: break;
    }
    log_failure(c, why);
    finish(call, &(struct http_answer){.outcome = HTTP_FAILED});
}

/* An answer may still come on its connection, which therefore is of no more use. */
static void let_go_of_conn(struct http_call *call)
{
    if (call->conn) {
        discard_conn(call->client, TAKE(call->conn));
    }
}

static void on_deadline(void *arg)
{
    struct http_call *call = arg;
    let_go_of_conn(call);
    finish(call, &(struct http_answer){.outcome = HTTP_TIMEOUT});
}

/* --- public --- */

static const char *init(struct http_client *c, const struct http_client_options *o)
{
    const char *why = http_origin_init(&c->origin, o->base_url, o->ca_file);
    if (why) {
        return why;
    }
    c->origin.max_answer_bytes = o->max_answer_bytes;
    c->max_conns = MAX(o->max_connections, 1);
    c->conns = calloc(c->max_conns, sizeof(struct http_conn *));
    return c->conns ? NULL : "out of memory";
}

struct http_client *http_client_create(struct loop *l, const struct http_client_options *o,
                                       const char **out_why)
{
    AUTO(http_client) *c = calloc(1, sizeof(*c));
    if (!c) {
        *out_why = "out of memory";
        return NULL;
    }
    c->loop = l;
    list_init(&c->waiting);
    list_init(&c->active);
    deferred_init(&c->pump, pump, c);
    const char *why = init(c, o);
    if (why) {
        *out_why = why;
        return NULL;
    }
    return TAKE(c);
}

static void free_calls(struct list *calls)
{
    LIST_FOR_EACH (node, next, calls) {
        free_call(LIST_ENTRY(node, struct http_call, node));
    }
}

struct http_client *http_client_free(struct http_client *c)
{
    if (!c) {
        return NULL;
    }
    while (c->n_conns > 0) {
        http_conn_free(c->conns[--c->n_conns]);
    }
    free_calls(&c->waiting);
    free_calls(&c->active);
    deferred_cancel(&c->pump);
    http_origin_release(&c->origin);
    free(c->conns);
    free(c);
    return NULL;
}

struct http_call *http_client_call(struct http_client *c, const struct http_request *q,
                                   http_answer_fn fn, void *arg)
{
    struct http_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    list_init(&call->node);
    call->client = c;
    call->fn = fn;
    call->arg = arg;
    call->timeout_ms = q->timeout_ms;
    if (!copy_request(&call->request, c, q) ||
        !timer_init(&call->deadline, c->loop, on_deadline, call)) {
        free_call(call);
        return NULL;
    }
    list_push_back(&c->waiting, &call->node);
    loop_defer(c->loop, &c->pump);
    return call;
}

void http_call_cancel(struct http_call *call)
{
    let_go_of_conn(call);
    loop_defer(call->client->loop, &call->client->pump);
    free_call(call);
}
