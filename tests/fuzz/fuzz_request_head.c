/* SPDX-License-Identifier: MIT */
/* What reaches both servers before anybody is known: heads, in pieces and whole. What both take they
 * read in the same way. */
#include "common/config/settings.h"
#include "common/http/http_chunked.h"
#include "common/http/http_reader.h"
#include "gateway/session/sse_channels.h"
#include "gateway/transport/address.h"
#include "gateway/transport/console_path.h"
#include "gateway/transport/credentials.h"
#include "gateway/transport/origin.h"
#include "gateway/transport/query.h"
#include "gateway/transport/sse_request.h"
#include "gateway/transport/ws_extensions.h"
#include "proto/topic.h"
#include "tests/fuzz/fuzz.h"

static const struct str seeds[] = {
    STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    STR("POST /broadcast/?a=%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Type: "
        "text/json\r\n"
        "Expect: 100-continue\r\nIdempotency-Key: k\r\n\r\n{}"),
    STR("GET http://judge.example/events/?filter=%2Fproblem%2Fa,/user/b HTTP/1.1\r\nHost: a\r\n"
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"15\", x\r\n"
        "Cookie: a=b; ouat=c\r\nX-Forwarded-For: ::1, 1.2.3.4\r\n\r\n"),
    STR("GET /events/?channel=/contest/a&channel=%2Fuser%2Fana&lastEventId=x HTTP/1.1\r\nHost: "
        "a:1\r\n"
        "Origin: https://a\r\nAccept: text/event-stream\r\nAuthorization: token abc\r\n"
        "Last-Event-ID: 0123456789abcdef:7,0123456789abcdef:8\r\nSec-Fetch-Site: none\r\n\r\n"),
    STR("GET /console/assets/index-0123abcd.js HTTP/1.1\r\nHost: [::1]:80\r\nIf-None-Match: "
        "\"x\"\r\n\r\n"),
    STR("OPTIONS * HTTP/1.0\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"),
    STR("GET / HTTP/1.1\nHost: a\n\n"),
    STR("POST / HTTP/1.1\r\nHost: a_b:1\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n0\r\n"
        "Trailer: z\r\n\r\n"),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

static const struct http_rules rules = {
    .interest = HTTP_PUBLISHING,
    .max_line_bytes = 300,
    .max_fields_bytes = 1000,
    .line_too_long_status = 414,
    .line_too_long = "line",
    .fields_too_large = "fields",
};

/* The end of a head does not depend on the pieces in which it came. */
static size_t end_of(struct str bytes)
{
    size_t whole = 0;
    size_t in_pieces = 0;
    struct http_fault fault;
    enum http_find at_once = http_reader_find(bytes, 0, &rules, &whole, &fault);
    size_t cut = bytes.n / 2;
    enum http_find first =
        http_reader_find((struct str){bytes.p, cut}, 0, &rules, &in_pieces, &fault);
    if (first == HTTP_FIND_MORE) {
        enum http_find second = http_reader_find(bytes, cut, &rules, &in_pieces, &fault);
        MUST(second == at_once && in_pieces == whole);
    }
    MUST(whole <= bytes.n);
    return at_once == HTTP_FIND_HEAD ? whole : 0;
}

/* Nor does a chunked body. */
static void look_at_chunks(struct str bytes)
{
    enum { BODY_MAX = 100 };
    struct http_chunked whole = {0};
    struct http_chunked pieces = {0};
    struct buf body = {0};
    struct buf same = {0};
    struct http_fault fault;
    size_t n = 0;
    size_t at = 0;
    enum http_chunked_result want = http_chunked_add(&whole, bytes, BODY_MAX, &body, &n, &fault);
    enum http_chunked_result r = HTTP_CHUNKED_MORE;
    while (at < bytes.n && r == HTTP_CHUNKED_MORE) {
        size_t used = 0;
        r = http_chunked_add(&pieces, (struct str){bytes.p + at, 1}, BODY_MAX, &same, &used,
                             &fault);
        at += used;
    }
    MUST(r == want && body.n <= BODY_MAX && str_eq(buf_str(&body), buf_str(&same)));
    MUST(want != HTTP_CHUNKED_WHOLE || n == at);
    buf_release(&body);
    buf_release(&same);
}

static void look_at_query(const struct http_head *r)
{
    struct str rest = r->query;
    struct str name;
    struct str value;
    while (query_next(&rest, &name, &value)) {
        struct buf b = {0};
        MUST(lies_in(name, r->query) && lies_in(value, r->query));
        bool ok = query_decode(value, &b);
        MUST(!ok || b.n <= value.n);
        buf_release(&b);
    }
}

static void look_at_stream(const struct http_head *r)
{
    struct sse_request q;
    if (sse_request_read(r, &q)) {
        MUST(!q.channels || (q.channels->n >= 1 && q.channels->n <= 128));
        MUST(q.channels || q.filters.n > 0);
    } else {
        MUST(q.status >= 400 && q.why);
    }
    sse_request_release(&q);
}

/* A file's name never leads out of its folder. */
static void look_at_file(const struct http_head *r)
{
    static const struct str prefix = {"/console/", 9};
    char name[CONSOLE_PATH_MAX];
    if (str_starts(r->path, prefix) && console_path_clean(str_after(r->path, prefix.n), name)) {
        MUST(name[0] != '/' && name[0] != '.' && !strstr(name, "/.") && !strstr(name, "//"));
        MUST(console_path_type(name));
    }
}

static void look_at_client(const struct http_head *r, struct str head)
{
    char proxies[] = "10.0.0.0/8";
    const struct string_list list = {.v = (char *[]){proxies}, .n = 1};
    const struct string_list none = {0};
    struct str token = credentials_find(r, origin_is_allowed(r, &none));
    MUST(token.n == 0 || (lies_in(token, head) && name_is_token(token)));
    const char *bad;
    struct networks trusted;
    struct address peer;
    MUST(networks_parse(&list, &trusted, &bad) && address_parse(STR("10.0.0.1"), &peer));
    struct address client = peer;
    if (address_forwarded(&trusted, r, &client)) {
        char text[ADDRESS_TEXT_MAX];
        struct address back;
        MUST(address_parse((struct str){text, address_write(&client, text)}, &back));
    }
    networks_release(&trusted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct http_rules events = {.interest = HTTP_EVENTS};
    struct str bytes = {(const char *)data, n};
    size_t end = end_of(bytes);
    struct str head = {bytes.p, end > 0 ? end : n};
    struct http_head h;
    struct http_head r;
    struct http_fault fault = http_reader_parse(head, &rules, &h);
    MUST((fault.status == 0) == (fault.reason == NULL));
    MUST(lies_in(h.method, head) && lies_in(h.content_type, head) && lies_in(h.host, head));
    MUST(lies_in(h.authorization, head) && lies_in(h.idempotency_key, head));
    look_at_chunks(str_after(bytes, end));
    bool is_gateways = http_reader_parse(head, &events, &r).reason == NULL;
    if (is_gateways) {
        struct ws_deflate d;
        look_at_query(&r);
        look_at_stream(&r);
        look_at_file(&r);
        look_at_client(&r, head);
        (void)!ws_extensions_read(&r.ws_extensions, &d);
    }
    if (!fault.reason && is_gateways) {
        MUST(str_eq(h.method, r.method) && str_eq(h.path, r.path) && str_eq(h.query, r.query));
        MUST(r.has_body == h.has_body && h.is_http_1_1 == r.is_http_1_1);
        MUST(str_eq(h.host, r.host) && h.keep_alive == r.keep_alive);
    }
    return 0;
}
