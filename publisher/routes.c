/* SPDX-License-Identifier: MIT */
/* routes: one table. A request is judged when its head is there, before any of its body is taken:
 * 404, 405, 401, 403, 400, 413, in this order.
 */
#include "publisher/routes.h"
#include "common/service/service.h"

#include "common/http/admin_http.h"
#include "common/http/http_reply.h"
#include "publisher/broadcast.h"
#include "publisher/control.h"
#include "publisher/peer_auth.h"
#include "publisher/pub_metrics.h"

enum { SMALL_BODY_MAX = 4096, IGNORED_BODY_MAX = 65536 };

enum route_body {
    BODY_NONE,
    BODY_IGNORED, /* whatever a client library sends along */
    BODY_SMALL,
    BODY_EVENT
};
typedef void (*route_fn)(struct routes *r, struct http_exchange *x, struct str name);
struct route {
    struct str path;
    bool is_prefix;      /* of paths with a name behind it */
    const char *methods; /* NULL: any */
    bool is_public;      /* asks for no identity */
    enum route_body body;
    route_fn fn;
};

static void reply_status(struct http_exchange *x, void (*fn)(struct admin_answer *, void *),
                         struct service *s)
{
    struct admin_answer a = {.status = 200};
    fn(&a, s);
    http_exchange_reply(x, &(struct http_reply){
                               .status = a.status,
                               .type = a.content_type,
                               .body = buf_str(&a.body),
                           });
    buf_release(&a.body);
}

static void get_health(struct routes *r, struct http_exchange *x, struct str name UNUSED)
{
    reply_status(x, service_answer_health, r->service);
}

static void get_ready(struct routes *r, struct http_exchange *x, struct str name UNUSED)
{
    reply_status(x, service_answer_ready, r->service);
}

static void get_metrics(struct routes *r, struct http_exchange *x, struct str name UNUSED)
{
    reply_status(x, service_answer_metrics, r->service);
}

static void post_broadcast(struct routes *r, struct http_exchange *x, struct str name UNUSED)
{
    broadcast_post(r->broadcast, x);
}

static void deauthenticate(struct routes *r, struct http_exchange *x, struct str name)
{
    control_deauthenticate(r->control, x, name);
}

static void change_scoreboard(struct routes *r, struct http_exchange *x, struct str name)
{
    if (str_eq(x->head->method, STR("PUT"))) {
        control_scoreboard_put(r->control, x, name);
    } else {
        control_scoreboard_delete(r->control, x, name);
    }
}

static const struct route table[] = {
    {{"/broadcast", 10}, false, "POST", false, BODY_EVENT, post_broadcast},
    {{"/deauthenticate/", 16}, true, NULL, false, BODY_IGNORED, deauthenticate},
    {{"/scoreboard/", 12}, true, "PUT, DELETE", false, BODY_SMALL, change_scoreboard},
    {{"/health", 7}, false, "GET, HEAD", true, BODY_NONE, get_health},
    {{"/ready", 6}, false, "GET, HEAD", true, BODY_NONE, get_ready},
    {{"/metrics", 8}, false, "GET, HEAD", true, BODY_NONE, get_metrics},
};

static struct str without_last_slash(struct str s)
{
    return s.n > 0 && s.p[s.n - 1] == '/' ? (struct str){s.p, s.n - 1} : s;
}

static const struct route *find_route(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct route *r = &table[i];
        if (r->is_prefix ? str_starts(path, r->path) && path.n > r->path.n
                         : str_eq(without_last_slash(path), r->path)) {
            return r;
        }
    }
    return NULL;
}

/* Is the method one of "GET, HEAD"? */
static bool is_allowed(const char *methods, struct str method)
{
    const char *at = methods;
    while (*at) {
        size_t n = strcspn(at, ",");
        if (str_eq((struct str){at, n}, method)) {
            return true;
        }
        at += n;
        at += strspn(at, ", ");
    }
    return false;
}

static void refuse_method(struct http_exchange *x, const struct route *route)
{
    struct buf body = {0};
    http_reply_error_body(&body, 405, STR("this path has other methods"));
    http_exchange_reply(x, &(struct http_reply){
                               .status = 405,
                               .body = buf_str(&body),
                               .allow = route->methods,
                           });
    buf_release(&body);
}

static void deny(struct http_exchange *x, enum peer_verdict verdict)
{
    if (verdict == PEER_FORBIDDEN) {
        http_exchange_fail(x, 403, "the client certificate has none of the accepted names");
    } else {
        http_exchange_fail(x, 401, "no accepted client certificate and no known bearer token");
    }
}

/* True: the peer may use the route; else replied. Connections of peers that are not accepted any
 * more are not cut: Go, for one, does not repeat a POST whose connection closes under it. */
static bool identify(const struct routes *r, struct http_exchange *x)
{
    enum client_trust_verdict trust = client_trust_look(&r->trust, x);
    if (x->head->is_from_browser) {
        http_exchange_fail(x, 403, "this is for backends, and no browser is one");
        return false;
    }
    enum peer_verdict verdict = peer_auth_check(r->auth, trust == CLIENT_TRUST_GOOD ? x->ssl : NULL,
                                                x->head->authorization, x->peer);
    if (verdict == PEER_KNOWN) {
        x->is_identified = true;
    } else if (x->is_identified || trust == CLIENT_TRUST_ENDED) {
        http_exchange_fail_and_close(x, 401, "this publisher is not accepted any more");
    } else {
        deny(x, verdict);
    }
    return verdict == PEER_KNOWN;
}

static uint64_t body_limit(const struct routes *r, enum route_body body)
{
    switch (body) {
    case BODY_NONE: return 0;
    case BODY_IGNORED: return IGNORED_BODY_MAX;
    case BODY_SMALL: return SMALL_BODY_MAX;
    case BODY_EVENT: return r->max_body_bytes;
    }
    return 0;
}

static bool lacks_length(const struct route *route, const struct http_head *h)
{
    bool takes_body = route->body == BODY_EVENT || route->body == BODY_SMALL;
    bool is_delete = str_eq(h->method, STR("DELETE"));
    return takes_body && !is_delete && !h->content_length_text.p && !h->is_chunked;
}

static bool on_head(struct http_exchange *x, uint64_t *out_max_body, void *arg)
{
    const struct routes *r = arg;
    const struct route *route = find_route(x->head->path);
    if (!route) {
        http_exchange_fail(x, 404, "no such path");
        return false;
    }
    if (route->methods && !is_allowed(route->methods, x->head->method)) {
        refuse_method(x, route);
        return false;
    }
    if (!route->is_public && !identify(r, x)) {
        return false;
    }
    if (lacks_length(route, x->head)) {
        http_exchange_fail_and_close(x, 400, "neither Content-Length nor Transfer-Encoding");
        return false;
    }
    x->route = route;
    *out_max_body = body_limit(r, route->body);
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool routes_decode_name(struct str rest, struct buf *out)
{
    rest = without_last_slash(rest);
    for (size_t i = 0; i < rest.n; i++) {
        char c = rest.p[i];
        if (c == '%') {
            int high = rest.n - i > 2 ? hex_value(rest.p[i + 1]) : -1;
            int low = rest.n - i > 2 ? hex_value(rest.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '/') {
            return false;
        }
        buf_addc(out, c);
    }
    return !out->failed;
}

static void on_request(struct http_exchange *x, void *arg)
{
    struct routes *r = arg;
    const struct route *route = x->route;
    struct buf name = {0};
    if (route->is_prefix && !routes_decode_name(str_after(x->head->path, route->path.n), &name)) {
        http_exchange_fail(x, 400, "the last part of the path is malformed");
    } else {
        route->fn(r, x, buf_str(&name));
    }
    buf_release(&name);
}

static void on_connected(struct http_exchange *x, void *arg)
{
    const struct routes *r = arg;
    char name[HTTP_PEER_MAX + 1];
    client_trust_begin(&r->trust, x);
    x->is_identified = peer_auth_check(r->auth, x->ssl, STR_NONE, name) == PEER_KNOWN;
}

static void on_fault(struct http_exchange *x, struct http_fault fault, void *arg UNUSED)
{
    http_exchange_fail_and_close(x, fault.status, fault.reason);
}

static void on_status(int status, void *arg)
{
    const struct routes *r = arg;
    pub_metrics_count_status(r->metrics, status);
}

const struct http_handler routes_handler = {
    .on_connected = on_connected,
    .on_head = on_head,
    .on_request = on_request,
    .on_fault = on_fault,
    .on_status = on_status,
};
