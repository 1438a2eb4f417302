/* SPDX-License-Identifier: MIT */
/* What reaches both servers before anybody is known: heads, in pieces and whole. What both take they
 * read in the same way. */
#include "common/http_text.h"
#include "gateway/query.h"
#include "gateway/request.h"
#include "gateway/ws_extensions.h"
#include "publisher/http_head.h"
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
    STR("OPTIONS * HTTP/1.0\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"),
    STR("GET / HTTP/1.1\nHost: a\n\n"),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

/* The end of a head does not depend on the pieces in which it came. */
static size_t end_of(struct str bytes)
{
    size_t whole = 0;
    size_t in_pieces = 0;
    enum http_head_result at_once = http_head_scan(bytes, 0, &whole);
    size_t cut = bytes.n / 2;
    enum http_head_result first = http_head_scan((struct str){bytes.p, cut}, 0, &in_pieces);
    if (first == HTTP_HEAD_OK && in_pieces == 0) {
        enum http_head_result second = http_head_scan(bytes, cut, &in_pieces);
        MUST(second == at_once && in_pieces == whole);
    }
    MUST(whole <= bytes.n);
    return at_once == HTTP_HEAD_OK ? whole : 0;
}

static void look_at_query(const struct request *r)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = {(const char *)data, n};
    size_t end = end_of(bytes);
    struct str head = {bytes.p, end > 0 ? end : n};
    struct http_head h;
    struct request r;
    const char *why = NULL;
    bool is_ours = http_head_parse(head, &h, &why) == HTTP_HEAD_OK;
    MUST(is_ours == (why == NULL));
    for (size_t i = 0; i < HTTP_FIELDS; i++) {
        MUST(lies_in(h.fields[i], head));
    }
    bool is_gateways = request_parse(head, &r) == NULL;
    if (is_gateways) {
        struct ws_deflate d;
        look_at_query(&r);
        (void)!ws_extensions_read(&r.ws_extensions, &d);
    }
    if (is_ours && is_gateways) {
        MUST(str_eq(h.method, r.method) && str_eq(h.path, r.path));
        MUST(str_eq(h.fields[HTTP_HOST], r.host));
        MUST(r.has_body == (h.content_length > 0) && !r.transfer_encoding.p);
        MUST(h.is_http_1_0 != r.is_http_1_1);
    }
    return 0;
}
