/* SPDX-License-Identifier: MIT */
/* http_head: what a strict server must refuse, and what it must not. */
#include "publisher/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#define HOST "Host: a\r\n"
#define GET(fields) STR("GET / HTTP/1.1\r\n" fields "\r\n")

static enum http_head_result parse(struct str text, struct http_head *h)
{
    const char *why = NULL;
    enum http_head_result r = http_head_parse(text, h, &why);
    assert_true((r == HTTP_HEAD_OK) == (why == NULL));
    return r;
}

static void each_text_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        enum http_head_result want;
    } rows[] = {
        {GET(HOST), HTTP_HEAD_OK},
        {GET("host:a\r\n"), HTTP_HEAD_OK},
        {GET("Host: \r\n"), HTTP_HEAD_OK},
        {GET(HOST "X:\r\nY:\t b \t\r\n"), HTTP_HEAD_OK},
        {GET(HOST "X: \xc3\xa9\r\n"), HTTP_HEAD_OK},
        {GET(HOST "Content-Length: 0\r\n"), HTTP_HEAD_OK},
        {STR("GET / HTTP/1.0\r\n\r\n"), HTTP_HEAD_OK},
        {STR("X-9! /p%20q?r=s?t HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_OK},
        {GET(HOST "Expect: 100-Continue\r\n"), HTTP_HEAD_OK},
        {GET(HOST "Expect: 200-ok\r\n"), HTTP_HEAD_EXPECTATION},
        {STR("GET / HTTP/1.0\r\nExpect: x\r\n\r\n"), HTTP_HEAD_OK},
        /* the request line */
        {STR(""), HTTP_HEAD_BAD},
        {STR("\r\n"), HTTP_HEAD_BAD},
        {STR("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET /\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET  / HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET / HTTP/1.1 \r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET / x HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("G(T / HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR(" / HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET / HTTP/1.2\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET / http/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("PRI * HTTP/2.0\r\n\r\n"), HTTP_HEAD_BAD},
        {STR("GET http://a/ HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET a HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET /#a HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET /\x01 HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {STR("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD_BAD},
        /* line ends */
        {STR("GET / HTTP/1.1\n" HOST "\r\n"), HTTP_HEAD_BAD},
        {GET("Host: a\n"), HTTP_HEAD_BAD},
        {GET(HOST "X: a\rb\r\n"), HTTP_HEAD_BAD},
        {STR("GET / HTTP/1.1\r\n" HOST "\n"), HTTP_HEAD_BAD},
        {STR("GET / HTTP/1.1\r\n" HOST), HTTP_HEAD_BAD},
        /* fields */
        {GET(""), HTTP_HEAD_BAD},
        {GET(HOST HOST), HTTP_HEAD_BAD},
        {GET(HOST "X : a\r\n"), HTTP_HEAD_BAD},
        {GET(HOST ": a\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "X\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "X: a\r\n b\r\n"), HTTP_HEAD_BAD},
        {GET(" X: a\r\n" HOST), HTTP_HEAD_BAD},
        {GET(HOST "X: a\0b\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Transfer-Encoding: chunked\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "transfer-encoding: identity\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Authorization: a\r\nAuthorization: a\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Idempotency-Key: a\r\nIdempotency-Key: b\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Type: a\r\nContent-Type: b\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: 1\r\nContent-Length: 1\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: 1, 1\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: \r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: +1\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: -1\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: 0x1\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: 1 1\r\n"), HTTP_HEAD_BAD},
        {GET(HOST "Content-Length: 1000000000000000000\r\n"), HTTP_HEAD_BAD},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_head h;
        if (parse(rows[i].text, &h) != rows[i].want) {
            fail_msg("row %zu: %.*s", i, STR_ARG(rows[i].text));
        }
    }
}

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void parts_of_a_request_are_found(void **state)
{
    (void)state;
    struct http_head h;
    struct str text = STR("POST /broadcast/?a=b HTTP/1.1\r\nHost: h:1\r\ncontent-LENGTH: 17\r\n"
                          "Content-Type:  text/json ; charset=utf-8\t\r\n"
                          "Authorization: Bearer x\r\nIdempotency-Key: k\r\n\r\n");
    assert_int_equal(parse(text, &h), HTTP_HEAD_OK);
    assert_str(h.method, "POST");
    assert_str(h.path, "/broadcast/");
    assert_int_equal(h.content_length, 17);
    assert_str(h.fields[HTTP_HOST], "h:1");
    assert_str(h.fields[HTTP_AUTHORIZATION], "Bearer x");
    assert_str(h.fields[HTTP_IDEMPOTENCY_KEY], "k");
    assert_null(h.fields[HTTP_EXPECT].p);
    assert_false(h.expects_continue);
    assert_true(http_head_is_type(&h, STR("text/json")));
    assert_false(http_head_is_type(&h, STR("text/jso")));
}

static void absent_and_empty_fields_differ(void **state)
{
    (void)state;
    struct http_head h;
    assert_int_equal(parse(GET(HOST "Idempotency-Key:\r\n"), &h), HTTP_HEAD_OK);
    assert_non_null(h.fields[HTTP_IDEMPOTENCY_KEY].p);
    assert_int_equal(h.fields[HTTP_IDEMPOTENCY_KEY].n, 0);
    assert_null(h.fields[HTTP_AUTHORIZATION].p);
}

static void connection_says_whether_to_go_on(void **state)
{
    (void)state;
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
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_head h;
        assert_int_equal(parse(rows[i].text, &h), HTTP_HEAD_OK);
        assert_int_equal(h.keep_alive, rows[i].keep_alive);
    }
}

static void a_refused_head_still_tells_its_type(void **state)
{
    (void)state;
    struct http_head h;
    assert_int_equal(parse(GET(HOST "Content-Type: text/json\r\nContent-Length: x\r\n"), &h),
                     HTTP_HEAD_BAD);
    assert_true(http_head_is_type(&h, STR("text/json")));
}

static void type_is_found_behind_the_trouble(void **state)
{
    (void)state;
    static const struct str heads[] = {
        STR("nonsense\r\nContent-Type: text/json\r\n\r\n"),
        STR("GET /\xff HTTP/1.1\r\ncontent-type:text/json\r\n\r\n"),
        GET(HOST HOST "X: y\r\nContent-Type: text/json; charset=utf-8\r\n"),
        GET(HOST "Transfer-Encoding: chunked\r\nContent-Type: text/json\r\n"),
        GET(HOST "X: \x01\r\nContent-Type: text/json\r\n"),
        STR("GET / HTTP/1.1\nContent-Type: text/json\n\n"),
        GET("Content-Type: text/json\r\n"),
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct http_head h;
        assert_int_equal(parse(heads[i], &h), HTTP_HEAD_BAD);
        if (!http_head_is_type(&h, STR("text/json"))) {
            fail_msg("row %zu: %.*s", i, STR_ARG(heads[i]));
        }
    }
    struct http_head h = {0};
    http_head_look_for_type(STR("GET / HTTP/1.1\r\nX-Content-Type: a\r\nContent-Type"), &h);
    assert_null(h.fields[HTTP_CONTENT_TYPE].p);
}

static enum http_head_result scan(const char *text, size_t n, size_t *out_n)
{
    return http_head_scan((struct str){text, n}, 0, out_n);
}

static void heads_at_the_limits(void **state)
{
    (void)state;
    size_t n;
    char *text = malloc(HTTP_HEAD_MAX + 1);
    assert_non_null(text);
    memset(text, 'a', HTTP_HEAD_MAX + 1);
    assert_int_equal(scan(text, LIMIT_REQUEST_LINE_BYTES - 1, &n), HTTP_HEAD_OK);
    assert_int_equal(n, 0);
    assert_int_equal(scan(text, LIMIT_REQUEST_LINE_BYTES, &n), HTTP_HEAD_LINE_TOO_LONG);
    text[LIMIT_REQUEST_LINE_BYTES] = '\n';
    assert_int_equal(scan(text, LIMIT_REQUEST_LINE_BYTES + 1, &n), HTTP_HEAD_LINE_TOO_LONG);
    text[LIMIT_REQUEST_LINE_BYTES - 1] = '\n';
    text[LIMIT_REQUEST_LINE_BYTES] = 'a';
    assert_int_equal(scan(text, HTTP_HEAD_MAX - 1, &n), HTTP_HEAD_OK);
    assert_int_equal(scan(text, HTTP_HEAD_MAX, &n), HTTP_HEAD_TOO_LARGE);
    memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(scan(text, HTTP_HEAD_MAX, &n), HTTP_HEAD_OK);
    assert_int_equal(n, HTTP_HEAD_MAX);
    memcpy(text + HTTP_HEAD_MAX - 4, "a\r\n\r\n", 5);
    assert_int_equal(scan(text, HTTP_HEAD_MAX + 1, &n), HTTP_HEAD_TOO_LARGE);
    free(text);
}

static void each_result_has_its_status(void **state)
{
    (void)state;
    assert_int_equal(http_head_status(HTTP_HEAD_OK), 200);
    assert_int_equal(http_head_status(HTTP_HEAD_BAD), 400);
    assert_int_equal(http_head_status(HTTP_HEAD_LINE_TOO_LONG), 414);
    assert_int_equal(http_head_status(HTTP_HEAD_TOO_LARGE), 431);
    assert_int_equal(http_head_status(HTTP_HEAD_EXPECTATION), 417);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_has_its_verdict),
        cmocka_unit_test(parts_of_a_request_are_found),
        cmocka_unit_test(absent_and_empty_fields_differ),
        cmocka_unit_test(connection_says_whether_to_go_on),
        cmocka_unit_test(a_refused_head_still_tells_its_type),
        cmocka_unit_test(type_is_found_behind_the_trouble),
        cmocka_unit_test(heads_at_the_limits),
        cmocka_unit_test(each_result_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
