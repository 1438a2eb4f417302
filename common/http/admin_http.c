/* SPDX-License-Identifier: MIT */
/* admin_http: evhttp with one request per connection. The answers are small and made at once, so
 * nothing is pending when it is freed.
 */
#include "common/http/admin_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"

enum {
    TIMEOUT_S = 10, /* of inactivity */
    MAX_HEADER_BYTES = 16 * 1024,
    MAX_BODY_BYTES = 4 * 1024, /* read and forgotten */
    BACKLOG = 128,
    ACCEPT_AGAIN_MS = 1000
};

struct admin_http {
    struct evhttp *http;              /* owned */
    struct evconnlistener *listener;  /* http's */
    const struct admin_route *routes; /* borrowed */
    size_t n_routes;
    void *arg;
    struct timer accept_again;
    uint16_t port;
};

static bool is_loopback(struct evhttp_connection *evcon)
{
    char *address = NULL; /* evcon's */
    uint16_t port;
    evhttp_connection_get_peer(evcon, &address, &port);
    return address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
                       strncmp(address, "::ffff:127.", 11) == 0);
}

static const struct admin_route *find_route(const struct admin_http *a, const char *path)
{
    for (size_t i = 0; path && i < a->n_routes; i++) {
        if (strcmp(a->routes[i].path, path) == 0) {
            return &a->routes[i];
        }
    }
    return NULL;
}

static void say(struct admin_answer *answer, int status, const char *text)
{
    answer->status = status;
    buf_add(&answer->body, str_of(text));
}

static void decide(const struct admin_http *a, struct evhttp_request *req,
                   struct admin_answer *answer)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req); /* NULL: no HTTP */
    const struct admin_route *route = find_route(a, uri ? evhttp_uri_get_path(uri) : NULL);
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    if (!uri) {
        say(answer, HTTP_BADREQUEST, "bad request\n");
    } else if (!route) {
        say(answer, HTTP_NOTFOUND, "not found\n");
    } else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        say(answer, HTTP_BADMETHOD, "only GET and HEAD\n");
    } else if (route->loopback_only && !is_loopback(evhttp_request_get_connection(req))) {
        say(answer, 403, "from this machine only\n");
    } else {
        route->fn(answer, a->arg);
    }
}

/* False when out of memory. The body of an answer to HEAD is not sent; its length is. */
static bool fill_reply(struct evhttp_request *req, const struct admin_answer *answer,
                       struct evbuffer *body)
{
    char length[24];
    (void)snprintf(length, sizeof(length), "%zu", answer->body.n);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    bool ok = !answer->body.failed &&
              evhttp_add_header(headers, "Content-Type", answer->content_type) == 0 &&
              evhttp_add_header(headers, "Content-Length", length) == 0 &&
              evhttp_add_header(headers, "Cache-Control", "no-store") == 0 &&
              evhttp_add_header(headers, "X-Content-Type-Options", "nosniff") == 0 &&
              evhttp_add_header(headers, "Connection", "close") == 0;
    if (ok && answer->status == HTTP_BADMETHOD) {
        ok = evhttp_add_header(headers, "Allow", "GET, HEAD") == 0;
    }
    if (ok && evhttp_request_get_command(req) != EVHTTP_REQ_HEAD) {
        ok = evbuffer_add(body, answer->body.p, answer->body.n) == 0;
    }
    return ok;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct admin_answer answer = {.status = HTTP_OK, .content_type = "text/plain; charset=utf-8"};
    decide(arg, req, &answer);
    struct evbuffer *body = evbuffer_new();
    if (body && fill_reply(req, &answer, body)) {
        evhttp_send_reply(req, answer.status, NULL, body);
    } else {
        evhttp_send_error(req, HTTP_INTERNAL, NULL);
    }
    if (body) {
        evbuffer_free(body);
    }
    buf_release(&answer.body);
}

static void on_accept_again(void *arg)
{
    struct admin_http *a = arg;
    (void)evconnlistener_enable(a->listener); /* nothing new when it is enabled */
}

/* Out of descriptors, as a rule: without a pause the loop would do nothing but fail. The argument
 * is evhttp's, which has taken the listener over; hence a timer that always runs. */
static void on_accept_error(struct evconnlistener *listener, void *evhttps_own UNUSED)
{
    int error = EVUTIL_SOCKET_ERROR();
    log_warn("admin port cannot accept", LF_STR("why", evutil_socket_error_to_string(error)));
    (void)evconnlistener_disable(listener);
}

/* Fills a socket address for bind:port; "" is all addresses of both families. */
static int parse_bind(const char *bind, uint16_t port, struct sockaddr_storage *out, int *out_len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, bind, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *out_len = (int)sizeof(*v4);
        return 0;
    }
    if (bind[0] == '\0' || inet_pton(AF_INET6, bind, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6; /* the zeros are :: */
        v6->sin6_port = htons(port);
        *out_len = (int)sizeof(*v6);
        return 0;
    }
    return -EINVAL;
}

static struct evconnlistener *listen_on(struct loop *l, const struct sockaddr_storage *at, int len)
{
    errno = 0;
    return evconnlistener_new_bind(
        loop_base(l), NULL, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
        BACKLOG, (const struct sockaddr *)at, len);
}

static int open_listener(struct loop *l, const char *bind, uint16_t port,
                         struct evconnlistener **out_listener)
{
    struct sockaddr_storage at;
    int len;
    int rc = parse_bind(bind, port, &at, &len);
    if (rc < 0) {
        return rc;
    }
    struct evconnlistener *listener = listen_on(l, &at, len);
    if (!listener && errno == EAFNOSUPPORT && bind[0] == '\0') { /* a machine without IPv6 */
        rc = parse_bind("0.0.0.0", port, &at, &len);
        listener = rc < 0 ? NULL : listen_on(l, &at, len);
    }
    if (!listener) {
        return errno ? -errno : -ENOMEM;
    }
    *out_listener = listener;
    return 0;
}

static uint16_t port_of(struct evconnlistener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {0};
    socklen_t len = sizeof(at);
    if (getsockname(evconnlistener_get_fd(listener), &at.any, &len) < 0) {
        return 0;
    }
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

static bool start_server(struct loop *l, struct admin_http *a)
{
    a->http = evhttp_new(loop_base(l));
    if (!a->http || !timer_init(&a->accept_again, l, on_accept_again, a)) {
        return false;
    }
    evhttp_set_timeout(a->http, TIMEOUT_S);
    evhttp_set_max_headers_size(a->http, MAX_HEADER_BYTES);
    evhttp_set_max_body_size(a->http, MAX_BODY_BYTES);
    /* All, or evhttp itself answers 501 with a page of its own. */
    evhttp_set_allowed_methods(a->http, UINT16_MAX);
    evhttp_set_gencb(a->http, on_request, a);
    return true;
}

static int start(struct loop *l, struct admin_http *a, const char *bind, uint16_t port)
{
    if (!start_server(l, a)) {
        return -ENOMEM;
    }
    int rc = open_listener(l, bind, port, &a->listener);
    if (rc < 0) {
        return rc;
    }
    evconnlistener_set_error_cb(a->listener, on_accept_error);
    if (!evhttp_bind_listener(a->http, a->listener)) {
        evconnlistener_free(a->listener);
        return -ENOMEM;
    }
    a->port = port_of(a->listener);
    timer_start_every_ms(&a->accept_again, ACCEPT_AGAIN_MS);
    return 0;
}

int admin_http_create(struct loop *l, const char *bind, uint16_t port,
                      const struct admin_route *routes, size_t n_routes, void *arg,
                      struct admin_http **out_admin)
{
    struct admin_http *a = calloc(1, sizeof(*a));
    if (!a) {
        return -ENOMEM;
    }
    a->routes = routes;
    a->n_routes = n_routes;
    a->arg = arg;
    int rc = start(l, a, bind, port);
    if (rc < 0) {
        admin_http_free(a);
        return rc;
    }
    *out_admin = a;
    return 0;
}

struct admin_http *admin_http_free(struct admin_http *a)
{
    if (!a) {
        return NULL;
    }
    timer_release(&a->accept_again);
    if (a->http) {
        evhttp_free(a->http); /* its connections and the listener with it */
    }
    free(a);
    return NULL;
}

uint16_t admin_http_port(const struct admin_http *a)
{
    return a->port;
}
