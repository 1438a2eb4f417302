/* SPDX-License-Identifier: MIT */
/* http_conn: on top of evhttp's client, around these habits of it (libevent 2.1):
 *
 *  - It may call back inside evhttp_make_request(). So its callbacks only note what happened, and
 *    settle() acts on it at the end of the turn, when no evhttp function is on the stack either.
 *  - It drains the buffers before it tells of an error. Whether anything was sent or received is
 *    therefore noted by callbacks on the buffers.
 *  - Which failures free the request is hard to tell. So it is ours from the beginning.
 *  - It would connect anew on the same bufferevent, whose TLS state is used up by then. Hence one
 *    evhttp_connection per TCP connection.
 */
#include "common/http/http_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "common/http/http_origin.h"
#include "common/loop.h"
#include "common/net/resolve.h"
#include "common/net/tls_ctx.h"

/* evhttp's own time-out, of inactivity; the client has a deadline for each call. It also ends
 * connections that were idle as long. */
enum { INACTIVITY_S = 300, MAX_HEADER_BYTES = 64 * 1024 };

struct http_conn {
    struct loop *loop;                /* borrowed */
    const struct http_origin *origin; /* borrowed */
    const struct http_conn_handler *handler;
    void *arg;

    struct resolve *resolve; /* owned; while resolving */
    struct resolve_address addresses[RESOLVE_MAX_ADDRESSES];
    size_t n_addresses, next_address;
    struct evhttp_connection *evcon; /* owned; NULL before an address is known */
    SSL *ssl;                        /* borrowed from evcon's bufferevent */

    const struct http_conn_request *request; /* borrowed; NULL: idle or closed */
    void *request_arg;
    struct evhttp_request *evreq; /* owned; from sending to settling; evcon points to it */
    bool dispatched;              /* it was put on a working connection */
    bool received;                /* something of its answer came */
    bool answered;                /* the whole answer is in evreq */
    bool too_large;
    bool has_worked; /* an answer came before */
    bool closed;
    bool failed;
    const char *why; /* static */
    struct deferred settled;
};

static void on_output(struct evbuffer *b UNUSED, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *c = arg;
    c->dispatched = c->dispatched || info->n_added > 0;
}

static void on_input(struct evbuffer *b UNUSED, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *c = arg;
    c->received = c->received || info->n_added > 0;
}

static void fail(struct http_conn *c, const char *why)
{
    c->failed = true;
    c->why = why;
    loop_defer(c->loop, &c->settled);
}

static void on_evhttp_error(enum evhttp_request_error error, void *arg)
{
    struct http_conn *c = arg;
    c->too_large = error == EVREQ_HTTP_DATA_TOO_LONG;
}

/* req is NULL, or one without a status, when there is no answer. */
static void on_evhttp_done(struct evhttp_request *req, void *arg)
{
    struct http_conn *c = arg;
    if (!req || evhttp_request_get_response_code(req) == 0) {
        fail(c, c->dispatched ? "connection cut" : "cannot connect");
        return;
    }
    c->answered = true;
    loop_defer(c->loop, &c->settled);
}

static void on_evhttp_close(struct evhttp_connection *evcon UNUSED, void *arg)
{
    struct http_conn *c = arg;
    c->closed = true;
    loop_defer(c->loop, &c->settled);
}

static void drop_evreq(struct http_conn *c)
{
    if (c->evreq) {
        evhttp_request_free(c->evreq);
        c->evreq = NULL;
    }
}

static void drop_evcon(struct http_conn *c)
{
    if (c->evcon) {
        evhttp_connection_set_closecb(c->evcon, NULL, NULL);
        evhttp_connection_free(c->evcon);
        c->evcon = NULL;
        c->ssl = NULL;
    }
    drop_evreq(c); /* only now: the connection had it in its list */
}

static struct bufferevent *create_bufferevent(struct http_conn *c)
{
    if (!c->origin->tls) {
        return bufferevent_socket_new(loop_base(c->loop), -1, BEV_OPT_CLOSE_ON_FREE);
    }
    SSL *ssl = tls_client_ssl(c->origin->tls, c->origin->host);
    if (!ssl) {
        return NULL;
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        loop_base(c->loop), -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    c->ssl = ssl;
    return bev;
}

static bool create_evcon(struct http_conn *c, const char *address)
{
    struct bufferevent *bev = create_bufferevent(c);
    if (!bev) {
        return false;
    }
    if (!evbuffer_add_cb(bufferevent_get_input(bev), on_input, c) ||
        !evbuffer_add_cb(bufferevent_get_output(bev), on_output, c)) {
        bufferevent_free(bev);
        c->ssl = NULL;
        return false;
    }
    /* With a number for an address and no resolver it asks nobody. */
    c->evcon = evhttp_connection_base_bufferevent_new(loop_base(c->loop), NULL, bev, address,
                                                      c->origin->port);
    if (!c->evcon) {
        bufferevent_free(bev);
        c->ssl = NULL;
        return false;
    }
    evhttp_connection_set_timeout(c->evcon, INACTIVITY_S);
    evhttp_connection_set_max_headers_size(c->evcon, MAX_HEADER_BYTES);
    evhttp_connection_set_max_body_size(c->evcon, (ev_ssize_t)c->origin->max_answer_bytes);
    evhttp_connection_set_closecb(c->evcon, on_evhttp_close, c);
    return true;
}

static struct evhttp_request *build_request(struct http_conn *c)
{
    const struct http_conn_request *q = c->request;
    struct evhttp_request *req = evhttp_request_new(on_evhttp_done, c);
    if (!req) {
        return NULL;
    }
    evhttp_request_own(req);
    evhttp_request_set_error_cb(req, on_evhttp_error);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    bool ok = evhttp_add_header(headers, "Host", c->origin->host_header) == 0 &&
              evhttp_add_header(headers, "Connection", "keep-alive") == 0;
    for (size_t i = 0; ok && i < q->n_headers; i++) {
        ok = evhttp_add_header(headers, q->headers[i].name, q->headers[i].value) == 0;
    }
    if (ok && q->body_len > 0) {
        ok = evbuffer_add(evhttp_request_get_output_buffer(req), q->body, q->body_len) == 0;
    }
    if (!ok) {
        evhttp_request_free(req);
        return NULL;
    }
    return req;
}

static void send_request(struct http_conn *c)
{
    c->dispatched = c->received = c->answered = c->too_large = c->failed = false;
    c->evreq = build_request(c);
    if (!c->evreq) {
        fail(c, "out of memory");
        return;
    }
    enum evhttp_cmd_type type = c->request->post ? EVHTTP_REQ_POST : EVHTTP_REQ_GET;
    if (evhttp_make_request(c->evcon, c->evreq, type, c->request->uri) < 0) {
        fail(c, "cannot send"); /* no socket or no memory, and no callback */
    }
}

static void try_next_address(struct http_conn *c)
{
    drop_evcon(c);
    if (create_evcon(c, c->addresses[c->next_address++].text)) {
        send_request(c);
    } else {
        fail(c, "out of memory");
    }
}

static void on_resolved(const struct resolve_address *addresses, size_t n, const char *why,
                        void *arg)
{
    struct http_conn *c = arg;
    c->resolve = NULL;
    if (n == 0) {
        fail(c, why);
        return;
    }
    memcpy(c->addresses, addresses, n * sizeof(addresses[0]));
    c->n_addresses = n;
    try_next_address(c);
}

static enum http_conn_outcome outcome_of(const struct http_conn *c)
{
    if (c->answered) {
        return HTTP_CONN_ANSWERED;
    }
    if (c->too_large) {
        return HTTP_CONN_TOO_LARGE;
    }
    return c->has_worked && !c->received ? HTTP_CONN_STALE : HTTP_CONN_BROKEN;
}

static void settle(void *arg)
{
    struct http_conn *c = arg;
    if (c->failed && !c->dispatched && c->next_address < c->n_addresses) {
        c->closed = false;
        try_next_address(c);
        return;
    }
    if (!c->request) {
        c->handler->on_closed(c, c->arg);
        return;
    }
    if (!c->answered && !c->failed) {
        return; /* closed, and evhttp will say what that means for the request */
    }
    const char *problem = c->ssl && c->failed ? tls_verify_problem(c->ssl) : NULL;
    enum http_conn_outcome outcome = outcome_of(c);
    struct evhttp_request *answer = c->answered ? TAKE(c->evreq) : NULL;
    drop_evreq(c);
    c->has_worked = c->has_worked || answer;
    c->closed = c->closed || c->failed;
    c->request = NULL;
    c->handler->on_done(c, outcome, answer, problem ? problem : c->why, c->request_arg);
}

struct http_conn *http_conn_create(struct loop *l, const struct http_origin *origin,
                                   const struct http_conn_handler *handler, void *arg)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->loop = l;
    c->origin = origin;
    c->handler = handler;
    c->arg = arg;
    deferred_init(&c->settled, settle, c);
    return c;
}

struct http_conn *http_conn_free(struct http_conn *c)
{
    if (!c) {
        return NULL;
    }
    deferred_cancel(&c->settled);
    resolve_cancel(c->resolve);
    drop_evcon(c);
    free(c);
    return NULL;
}

void http_conn_send(struct http_conn *c, const struct http_conn_request *q, void *arg)
{
    c->request = q;
    c->request_arg = arg;
    c->why = NULL;
    if (c->evcon) {
        send_request(c);
        return;
    }
    c->resolve = resolve_start(c->loop, c->origin->host, on_resolved, c);
    if (!c->resolve) {
        fail(c, "out of memory");
    }
}

bool http_conn_is_idle(const struct http_conn *c)
{
    return !c->request && !c->closed && c->evcon;
}

bool http_conn_is_closed(const struct http_conn *c)
{
    return c->closed;
}
