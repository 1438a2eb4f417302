/* SPDX-License-Identifier: MIT */
/* http_reader: what a strict server must refuse, and what it must not. */
#include "common/http/http_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdlib.h>

#include "common/buf.h"

enum { LINE_MAX_BYTES = 100, FIELDS_MAX_BYTES = 300 };
#define HOST "Host: a\r\n"
#define GET(fields) STR("GET / HTTP/1.1\r\n" fields "\r\n")

static const struct http_rules publishing = {
    .interest = HTTP_PUBLISHING,
    .max_line_bytes = LINE_MAX_BYTES,
    .max_fields_bytes = FIELDS_MAX_BYTES,
    .line_too_long_status = 414,
    .line_too_long = "line",
    .fields_too_large = "fields",
};
static const struct http_rules events = {
    .interest = HTTP_EVENTS,
    .max_line_bytes = LINE_MAX_BYTES,
    .max_fields_bytes = FIELDS_MAX_BYTES,
    .line_too_long_status = 431,
    .line_too_long = "line",
    .fields_too_large = "fields",
};

static int status_of(struct str text, const struct http_rules *rules)
{
    struct http_head h;
    struct http_fault f = http_reader_parse(text, rules, &h);
    assert_true((f.status == 0) == (f.reason == NULL));
    return f.status;
}

struct row {
    struct str text;
    int status; /* 0: taken */
};

static void each(const struct row *rows, size_t n, const struct http_rules *rules)
{
    for (size_t i = 0; i < n; i++) {
        int status = status_of(rows[i].text, rules);
        if (status != rows[i].status) {
            fail_msg("row %zu: %d, not %d: %.*s", i, status, rows[i].status, STR_ARG(rows[i].text));
        }
    }
}

/* Whoever asks. */
static void each_text_has_its_verdict(void **state)
{
    static const struct row rows[] = {
        {GET(HOST), 0},
        {GET("host:a\r\n"), 0},
        {GET("Host: \r\n"), 0},
        {GET(HOST "X:\r\nY:\t b \t\r\n"), 0},
        {GET(HOST "X: \xc3\xa9\r\n"), 0},
        {GET(HOST "Content-Length: 0\r\n"), 0},
        {STR("GET / HTTP/1.0\r\n\r\n"), 0},
        {STR("X-9! /p%20q?r=s?t HTTP/1.1\r\n" HOST "\r\n"), 0},
        {STR("GET http://a/ HTTP/1.1\r\n" HOST "\r\n"), 0},
        {STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 0},
        /* the request line */
        {STR(""), 400},
        {STR("\r\n"), 400},
        {STR("GET /\r\n" HOST "\r\n"), 400},
        {STR("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET / HTTP/1.1 \r\n" HOST "\r\n"), 400},
        {STR("GET / x HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("G(T / HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR(" / HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET / HTTP/1.2\r\n" HOST "\r\n"), 400},
        {STR("GET / HTTP/0.9\r\n" HOST "\r\n"), 400},
        {STR("GET / HTTP/2\r\n" HOST "\r\n"), 400},
        {STR("GET / HTTP/2.00\r\n" HOST "\r\n"), 400},
        {STR("GET / http/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET / HTTP/2.0\r\n" HOST "\r\n"), 505},
        {STR("GET / HTTP/3.0\r\n" HOST "\r\n"), 505},
        {STR("PRI * HTTP/2.0\r\n\r\n"), 505},
        {STR("GET * HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET a HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET ?a HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET http:///a HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET /#a HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET /\x01 HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), 400},
        {STR("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), 400},
        /* line ends */
        {STR("GET / HTTP/1.1\n" HOST "\r\n"), 400},
        {GET("Host: a\n"), 400},
        {GET(HOST "X: a\rb\r\n"), 400},
        {STR("GET / HTTP/1.1\r\n" HOST "\n"), 400},
        {STR("GET / HTTP/1.1\r\n" HOST), 400},
        /* fields */
        {GET(""), 400},
        {GET(HOST HOST), 400},
        {GET(HOST "X : a\r\n"), 400},
        {GET(HOST ": a\r\n"), 400},
        {GET(HOST "X\r\n"), 400},
        {GET(HOST "X: a\r\n b\r\n"), 400},
        {GET(" X: a\r\n" HOST), 400},
        {GET(HOST "X: a\0b\r\n"), 400},
        /* framing */
        {GET(HOST "Transfer-Encoding: chunked\r\n"), 0},
        {GET(HOST "transfer-encoding: \t ChunKed\t\r\n"), 0},
        {GET(HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        {GET(HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400},
        {GET(HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        {GET(HOST "Transfer-Encoding: chunked, chunked\r\n"), 400},
        {GET(HOST "Transfer-Encoding: chunked,\r\n"), 400},
        {GET(HOST "Transfer-Encoding: chunked;a=b\r\n"), 400},
        {GET(HOST "Transfer-Encoding:\r\n"), 400},
        {STR("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {GET(HOST "transfer-encoding: identity\r\n"), 501},
        {GET(HOST "Transfer-Encoding: gzip, chunked\r\n"), 501},
        {GET(HOST "Transfer-Encoding: xchunked\r\n"), 501},
        {GET(HOST "Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
        {GET(HOST "Content-Length: 1, 1\r\n"), 400},
        {GET(HOST "Content-Length: \r\n"), 400},
        {GET(HOST "Content-Length: +1\r\n"), 400},
        {GET(HOST "Content-Length: -1\r\n"), 400},
        {GET(HOST "Content-Length: 0x1\r\n"), 400},
        {GET(HOST "Content-Length: 1 1\r\n"), 400},
        {GET(HOST "Content-Length: 1000000000000000000\r\n"), 400},
    };
    each(rows, ARRAY_LEN(rows), &publishing);
    each(rows, ARRAY_LEN(rows), &events);
    (void)state;
}

static void hosts_are_names_or_addresses(void **state)
{
    static const struct row rows[] = {
        {GET("Host: judge.example\r\n"), 0},
        {GET("Host: my_judge:443\r\n"), 0},
        {GET("Host: 127.0.0.1:80\r\n"), 0},
        {GET("Host: [::1]:8080\r\n"), 0},
        {GET("Host: [2001:db8::1]\r\n"), 0},
        {GET("Host: [::ffff:1.2.3.4]\r\n"), 0},
        {GET("Host: a%20b\r\n"), 0},
        {GET("Host: a:\r\n"), 0},
        {GET("Host: a b\r\n"), 400},
        {GET("Host: a/b\r\n"), 400},
        {GET("Host: a,b c\r\n"), 400},
        {GET("Host: a@b\r\n"), 400},
        {GET("Host: http://a\r\n"), 400},
        {GET("Host: a?b\r\n"), 400},
        {GET("Host: a:b\r\n"), 400},
        {GET("Host: a:65536\r\n"), 400},
        {GET("Host: a:123456\r\n"), 400},
        {GET("Host: :80\r\n"), 400},
        {GET("Host: ::1\r\n"), 400},
        {GET("Host: []\r\n"), 400},
        {GET("Host: [::1\r\n"), 400},
        {GET("Host: [::1]x\r\n"), 400},
        {GET("Host: [1]\r\n"), 400},
        {GET("Host: a%2\r\n"), 400},
        {GET("Host: a\xc3\xa9\r\n"), 400},
        {GET("Host: \"a\"\r\n"), 400},
        {STR("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), 400},
    };
    each(rows, ARRAY_LEN(rows), &publishing);
    each(rows, ARRAY_LEN(rows), &events);
    (void)state;
}

/* What one server does not look at may stand as often as it likes. */
static void fields_that_may_stand_once_depend_on_the_server(void **state)
{
    static const struct row of_publisher[] = {
        {GET(HOST "Authorization: a\r\nAuthorization: a\r\n"), 400},
        {GET(HOST "Idempotency-Key: a\r\nIdempotency-Key: b\r\n"), 400},
        {GET(HOST "Content-Type: a\r\nContent-Type: b\r\n"), 400},
        {GET(HOST "Expect: 100-continue\r\nExpect: 100-continue\r\n"), 400},
        {GET(HOST "Expect: 100-Continue\r\n"), 0},
        {GET(HOST "Expect: 200-ok\r\n"), 417},
        {STR("GET / HTTP/1.0\r\nExpect: x\r\n\r\n"), 0},
        {GET(HOST "X-Real-IP: a\r\nX-Real-IP: b\r\n"), 0},
        {GET(HOST "Cookie: 1\r\nCookie: 2\r\nCookie: 3\r\nCookie: 4\r\nCookie: 5\r\n"), 0},
    };
    static const struct row of_gateway[] = {
        {GET(HOST "Authorization: a\r\nAuthorization: a\r\n"), 400},
        {GET(HOST "Origin: a\r\nOrigin: b\r\n"), 400},
        {GET(HOST "X-Real-IP: a\r\nX-Real-IP: b\r\n"), 400},
        {GET(HOST "Content-Type: a\r\nContent-Type: b\r\n"), 0},
        {GET(HOST "Expect: 200-ok\r\n"), 0},
        {GET(HOST "Cookie: 1\r\nCookie: 2\r\nCookie: 3\r\nCookie: 4\r\n"), 0},
        {GET(HOST "Cookie: 1\r\nCookie: 2\r\nCookie: 3\r\nCookie: 4\r\nCookie: 5\r\n"), 400},
    };
    each(of_publisher, ARRAY_LEN(of_publisher), &publishing);
    each(of_gateway, ARRAY_LEN(of_gateway), &events);
    (void)state;
}

static struct http_head parsed(struct str text, const struct http_rules *rules)
{
    struct http_head h;
    struct http_fault f = http_reader_parse(text, rules, &h);
    if (f.reason) {
        fail_msg("%.*s: %s", STR_ARG(text), f.reason);
    }
    return h;
}

static void expect(const char *expected, struct str got)
{
    assert_int_equal(strlen(expected), got.n);
    assert_memory_equal(expected, got.n ? got.p : "", got.n);
}

static void request_line_is_taken_apart(void **state)
{
    static const struct {
        struct str head;
        const char *method, *path, *query, *host;
        bool is_1_1;
    } rows[] = {
        {GET(HOST), "GET", "/", "", "a", true},
        {STR("HEAD /health HTTP/1.0\r\n\r\n"), "HEAD", "/health", "", "", false},
        {STR("GET /events/?a=b&c=?d HTTP/1.1\r\nHost: b\r\n\r\n"), "GET", "/events/", "a=b&c=?d",
         "b", true},
        {STR("GET /? HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "/", "", "a", true},
        {STR("GET http://judge.example:80/x?y HTTP/1.1\r\nHost: b\r\n\r\n"), "GET", "/x", "y",
         "judge.example:80", true},
        {STR("GET HTTPS://judge.example HTTP/1.1\r\nHost: b\r\n\r\n"), "GET", "/", "",
         "judge.example", true},
        {STR("GET http://[::1]?y HTTP/1.1\r\nHost: b\r\n\r\n"), "GET", "/", "y", "[::1]", true},
        {STR("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS", "*", "", "a", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_head h = parsed(rows[i].head, &events);
        expect(rows[i].method, h.method);
        expect(rows[i].path, h.path);
        expect(rows[i].query, h.query);
        expect(rows[i].host, h.host);
        assert_int_equal(rows[i].is_1_1, h.is_http_1_1);
    }
    (void)state;
}

static void fields_are_found_in_any_case_and_trimmed(void **state)
{
    struct http_head h = parsed(GET("HOST: \t judge.example \t\r\nunknown: x\r\n"
                                    "Sec-WebSocket-Key:k\r\nOrigin:\r\ncookie: a\r\nCookie: b\r\n"),
                                &events);
    expect("judge.example", h.host);
    expect("k", h.ws_key);
    assert_non_null(h.origin.p); /* there, and empty */
    assert_int_equal(0, h.origin.n);
    assert_null(h.ws_version.p);
    assert_int_equal(2, h.cookie.n);
    expect("a", h.cookie.v[0]);
    expect("b", h.cookie.v[1]);
    h = parsed(STR("POST /broadcast/?a=b HTTP/1.1\r\nHost: h:1\r\ncontent-LENGTH: 17\r\n"
                   "Content-Type:  text/json ; charset=utf-8\t\r\n"
                   "Authorization: Bearer x\r\nIdempotency-Key:\r\n\r\n"),
               &publishing);
    expect("Bearer x", h.authorization);
    assert_int_equal(17, h.content_length);
    assert_non_null(h.idempotency_key.p);
    assert_false(h.expects_continue);
    assert_true(http_is_type(h.content_type, STR("text/json")));
    assert_false(http_is_type(h.content_type, STR("text/jso")));
    (void)state;
}

static void body_is_announced_by_length_or_encoding(void **state)
{
    assert_false(parsed(GET(HOST), &events).has_body);
    assert_false(parsed(GET(HOST "Content-Length: 00\r\n"), &events).has_body);
    assert_true(parsed(GET(HOST "Content-Length: 10\r\n"), &events).has_body);
    assert_true(parsed(GET(HOST "Transfer-Encoding: chunked\r\n"), &events).has_body);
    assert_true(parsed(GET(HOST "Transfer-Encoding: chunked\r\n"), &events).is_chunked);
    assert_true(parsed(GET(HOST "Expect: 100-continue\r\n"), &publishing).expects_continue);
    (void)state;
}

static void connection_says_whether_to_go_on(void **state)
{
    static const struct {
        struct str text;
        bool keep_alive;
    } rows[] = {
        {GET(HOST), true},
        {GET(HOST "Connection: close\r\n"), false},
        {GET(HOST "Connection: TE, Close\r\n"), false},
        {GET(HOST "Connection: closed\r\n"), true},
        {GET(HOST "Connection: keep-alive\r\nConnection: close\r\n"), false},
        {STR("GET / HTTP/1.0\r\n\r\n"), false},
        {STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(rows[i].keep_alive, parsed(rows[i].text, &publishing).keep_alive);
        assert_int_equal(rows[i].keep_alive, parsed(rows[i].text, &events).keep_alive);
    }
    (void)state;
}

static void browsers_are_told_from_backends(void **state)
{
    assert_false(parsed(GET(HOST "Sec-Fetch-: x\r\nX-Origin: y\r\n"), &publishing).is_from_browser);
    assert_true(parsed(GET(HOST "origin: null\r\n"), &publishing).is_from_browser);
    assert_true(parsed(GET(HOST "Sec-Fetch-Mode: cors\r\n"), &publishing).is_from_browser);
    (void)state;
}

static void type_is_found_behind_the_trouble(void **state)
{
    static const struct str heads[] = {
        STR("nonsense\r\nContent-Type: text/json\r\n\r\n"),
        STR("GET /\xff HTTP/1.1\r\ncontent-type:text/json\r\n\r\n"),
        GET(HOST HOST "X: y\r\nContent-Type: text/json; charset=utf-8\r\n"),
        GET(HOST "Content-Type: text/json\r\nContent-Length: x\r\n"),
        GET(HOST "Transfer-Encoding: gzip\r\nContent-Type: text/json\r\n"),
        GET(HOST "X: \x01\r\nContent-Type: text/json\r\n"),
        STR("GET / HTTP/1.1\nContent-Type: text/json\n\n"),
        GET("Content-Type: text/json\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http_head h;
        assert_non_null(http_reader_parse(heads[i], &publishing, &h).reason);
        if (!http_is_type(h.content_type, STR("text/json"))) {
            fail_msg("row %zu: %.*s", i, STR_ARG(heads[i]));
        }
    }
    assert_null(http_reader_type(STR("GET / HTTP/1.1\r\nX-Content-Type: a\r\nContent-Type")).p);
    (void)state;
}

static void lists_are_searched_by_element(void **state)
{
    static const struct {
        const char *value;
        bool found;
    } rows[] = {
        {"upgrade", true},      {"Upgrade", true},       {"keep-alive, Upgrade", true},
        {"a,UPGRADE ,b", true}, {"upgrade;q=0.5", true}, {" , upgrade", true},
        {"upgrades", false},    {"keep-alive", false},   {"", false},
        {"up grade", false},    {"\"upgrade\"", false},  {"x;upgrade", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_values v = {.v = {str_of("first"), str_of(rows[i].value)}, .n = 2};
        assert_int_equal(rows[i].found, http_lists(&v, STR("upgrade")));
    }
    const struct http_values none = {.n = 0};
    assert_false(http_lists(&none, STR("upgrade")));
    (void)state;
}

/* --- where it ends --- */

static enum http_find find(struct str bytes, size_t seen, size_t *out_n)
{
    struct http_fault f = {0};
    *out_n = 0;
    enum http_find r = http_reader_find(bytes, seen, &publishing, out_n, &f);
    assert_true((r == HTTP_FIND_FAULT) == (f.reason != NULL));
    return r;
}

/* Whatever the pieces are in which it comes. */
static void head_is_whole_at_its_empty_line_only(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81more";
    const size_t whole = sizeof(text) - 1 - 5;
    for (size_t seen = 0; seen < whole; seen++) {
        for (size_t n = seen; n < sizeof(text); n++) {
            size_t head;
            enum http_find r = find((struct str){text, n}, seen, &head);
            assert_int_equal(n >= whole ? HTTP_FIND_HEAD : HTTP_FIND_MORE, r);
            assert_int_equal(n >= whole ? whole : 0, head);
        }
    }
    (void)state;
}

static void other_protocols_are_told_at_the_first_byte(void **state)
{
    size_t n;
    assert_int_equal(HTTP_FIND_FAULT, find(STR("\x16\x03\x01"), 0, &n));
    assert_int_equal(HTTP_FIND_FAULT, find(STR("\n"), 0, &n));
    assert_int_equal(HTTP_FIND_MORE, find(STR(""), 0, &n));
    assert_int_equal(HTTP_FIND_MORE, find(STR("\r"), 0, &n)); /* an empty line, perhaps */
    (void)state;
}

static void empty_lines_before_a_request_are_counted(void **state)
{
    assert_int_equal(0, http_reader_empty_lines(STR("")));
    assert_int_equal(0, http_reader_empty_lines(STR("\r")));
    assert_int_equal(0, http_reader_empty_lines(STR("\nGET")));
    assert_int_equal(2, http_reader_empty_lines(STR("\r\nGET")));
    assert_int_equal(4, http_reader_empty_lines(STR("\r\n\r\n\r")));
    (void)state;
}

/* "GET /000 HTTP/1.1" of `line` bytes with its end, and fields of `fields` bytes with theirs. */
static int status_of_sizes(size_t line, size_t fields, const struct http_rules *rules)
{
    struct buf b = {0};
    struct http_fault f = {0};
    size_t n = 0;
    buf_addf(&b, "GET /%0*d HTTP/1.1\r\n", (int)(line - 16), 0);
    buf_addf(&b, "X: %0*d\r\n\r\n", (int)(fields - 7), 0);
    assert_int_equal(line + fields, b.n);
    enum http_find r = http_reader_find(buf_str(&b), 0, rules, &n, &f);
    assert_true(r == HTTP_FIND_FAULT || n == b.n);
    buf_release(&b);
    return f.status;
}

static void sizes_are_bounded_to_the_byte(void **state)
{
    assert_int_equal(0, status_of_sizes(LINE_MAX_BYTES, FIELDS_MAX_BYTES, &publishing));
    assert_int_equal(414, status_of_sizes(LINE_MAX_BYTES + 1, 20, &publishing));
    assert_int_equal(431, status_of_sizes(LINE_MAX_BYTES + 1, 20, &events));
    assert_int_equal(431, status_of_sizes(LINE_MAX_BYTES, FIELDS_MAX_BYTES + 1, &publishing));
    /* as soon as no rest could keep it */
    char text[LINE_MAX_BYTES];
    size_t n;
    memset(text, 'a', sizeof(text));
    assert_int_equal(HTTP_FIND_MORE, find((struct str){text, sizeof(text) - 1}, 0, &n));
    assert_int_equal(HTTP_FIND_FAULT, find((struct str){text, sizeof(text)}, 0, &n));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_has_its_verdict),
        cmocka_unit_test(hosts_are_names_or_addresses),
        cmocka_unit_test(fields_that_may_stand_once_depend_on_the_server),
        cmocka_unit_test(request_line_is_taken_apart),
        cmocka_unit_test(fields_are_found_in_any_case_and_trimmed),
        cmocka_unit_test(body_is_announced_by_length_or_encoding),
        cmocka_unit_test(connection_says_whether_to_go_on),
        cmocka_unit_test(browsers_are_told_from_backends),
        cmocka_unit_test(type_is_found_behind_the_trouble),
        cmocka_unit_test(lists_are_searched_by_element),
        cmocka_unit_test(head_is_whole_at_its_empty_line_only),
        cmocka_unit_test(other_protocols_are_told_at_the_first_byte),
        cmocka_unit_test(empty_lines_before_a_request_are_counted),
        cmocka_unit_test(sizes_are_bounded_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
