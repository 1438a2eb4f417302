/* SPDX-License-Identifier: MIT */
/* admin_http: the shared HTTP server with one request per connection. The answers are small and made
 * at once, so nothing is pending when it is freed.
 */
#include "common/http/admin_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/http/http_server.h"
#include "common/net/stream.h"

enum {
    TIME_S = 10,          /* for a whole request, from accept, and for its answer to be read */
    CONNECTIONS_MAX = 64, /* then the oldest of the address that holds most gives way */
    MAX_LINE_BYTES = 4096,
    MAX_FIELDS_BYTES = 16 * 1024,
};
#define TEXT "text/plain; charset=utf-8"

struct admin_http {
    struct http_server *server;       /* owned */
    const struct admin_route *routes; /* borrowed */
    size_t n_routes;
    void *arg;
};

/* --- requests --- */

static bool is_loopback(const struct http_exchange *x)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {0};
    socklen_t n = sizeof(at);
    if (getpeername(stream_fd(x->stream), &at.any, &n) < 0) {
        return false;
    }
    if (at.any.sa_family == AF_INET) {
        return ntohl(at.v4.sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *v6 = &at.v6.sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static const struct admin_route *find_route(const struct admin_http *a, struct str path)
{
    for (size_t i = 0; i < a->n_routes; i++) {
        if (str_eq(str_of(a->routes[i].path), path)) {
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

static void decide(const struct admin_http *a, const struct http_exchange *x,
                   struct admin_answer *answer)
{
    const struct http_head *h = x->head;
    const struct admin_route *route = find_route(a, h->path);
    if (!route) {
        say(answer, 404, "not found\n");
    } else if (!str_eq(h->method, STR("GET")) && !str_eq(h->method, STR("HEAD"))) {
        say(answer, 405, "only GET and HEAD\n");
    } else if (route->loopback_only && !(is_loopback(x) && http_is_local(h))) {
        say(answer, 403, "from this machine only\n");
    } else if (h->has_body) {
        say(answer, 413, "no body is taken here\n");
    } else {
        route->fn(answer, a->arg);
    }
}

static void reply(struct http_exchange *x, struct admin_answer *answer)
{
    bool ok = !answer->body.failed;
    http_exchange_reply(x, &(struct http_reply){
                               .status = ok ? answer->status : 500,
                               .type = answer->content_type,
                               .body = ok ? buf_str(&answer->body) : STR_NONE,
                               .allow = answer->status == 405 ? "GET, HEAD" : NULL,
                               .fields = "Cache-Control: no-store\r\n"
                                         "X-Content-Type-Options: nosniff\r\n",
                           });
    buf_release(&answer->body);
}

static bool on_head(struct http_exchange *x, uint64_t *out_max_body UNUSED, void *arg)
{
    struct admin_answer answer = {.status = 200, .content_type = TEXT};
    decide(arg, x, &answer);
    reply(x, &answer);
    return false;
}

static void on_fault(struct http_exchange *x, struct http_fault fault, void *arg UNUSED)
{
    struct admin_answer answer = {.content_type = TEXT};
    say(&answer, fault.status, fault.reason);
    buf_addc(&answer.body, '\n');
    reply(x, &answer);
}

static const struct http_handler handler = {.on_head = on_head, .on_fault = on_fault};
static const struct http_rules rules = {
    .interest = HTTP_BASIC,
    .max_line_bytes = MAX_LINE_BYTES,
    .max_fields_bytes = MAX_FIELDS_BYTES,
    .line_too_long_status = 414,
    .line_too_long = "the request line is too long",
    .fields_too_large = "the headers are too large",
};

/* --- life --- */

static bool is_number(const char *bind)
{
    struct in6_addr any;
    return bind[0] == '\0' || inet_pton(AF_INET, bind, &any) == 1 ||
           inet_pton(AF_INET6, bind, &any) == 1;
}

int admin_http_create(struct loop *l, const char *bind, uint16_t port,
                      const struct admin_route *routes, size_t n_routes, void *arg,
                      struct admin_http **out_admin)
{
    if (!is_number(bind)) {
        return -EINVAL;
    }
    AUTO(admin_http) *a = calloc(1, sizeof(*a));
    if (!a) {
        return -ENOMEM;
    }
    a->routes = routes;
    a->n_routes = n_routes;
    a->arg = arg;
    a->server = http_server_create(&(struct http_server_options){
        .loop = l,
        .rules = &rules,
        .handler = &handler,
        .arg = a,
        .times = {.first = TIME_S, .request = TIME_S, .idle = TIME_S, .write = TIME_S},
        .max_strangers = CONNECTIONS_MAX,
        .one_request = true,
        .owns_port = true,
    });
    if (!a->server) {
        return -ENOMEM;
    }
    int rc = http_server_listen(a->server, bind, port);
    if (rc == 0) {
        *out_admin = TAKE(a);
    }
    return rc;
}

struct admin_http *admin_http_free(struct admin_http *a)
{
    if (a) {
        http_server_free(a->server);
        free(a);
    }
    return NULL;
}

uint16_t admin_http_port(const struct admin_http *a)
{
    return http_server_port(a->server);
}
