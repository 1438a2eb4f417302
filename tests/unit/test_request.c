/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/buf.h"
#include "gateway/transport/query.h"
#include "gateway/transport/request.h"
#include "proto/limits.h"

static struct request parsed(const char *head)
{
    struct request r;
    const char *why = request_parse(str_of(head), &r);
    if (why) {
        fail_msg("%s: %s", head, why);
    }
    return r;
}

static void expect(const char *expected, struct str got)
{
    assert_int_equal(strlen(expected), got.n);
    assert_memory_equal(expected, got.n ? got.p : "", got.n);
}

static void request_line_is_taken_apart(void **state)
{
    static const struct {
        const char *head, *method, *path, *query;
        bool is_1_1;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "GET", "/", "", true},
        {"HEAD /health HTTP/1.0\r\n\r\n", "HEAD", "/health", "", false},
        {"GET /events/?a=b&c=?d HTTP/1.1\r\n\r\n", "GET", "/events/", "a=b&c=?d", true},
        {"GET /? HTTP/1.1\r\n\r\n", "GET", "/", "", true},
        {"GET http://judge.example/x?y HTTP/1.1\r\n\r\n", "GET", "/x", "y", true},
        {"GET HTTPS://judge.example HTTP/1.1\r\n\r\n", "GET", "/", "", true},
        {"GET http://judge.example?y HTTP/1.1\r\n\r\n", "GET", "/", "y", true},
        {"OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct request r = parsed(rows[i].head);
        expect(rows[i].method, r.method);
        expect(rows[i].path, r.path);
        expect(rows[i].query, r.query);
        assert_true(rows[i].is_1_1 == r.is_http_1_1);
    }
    (void)state;
}

static void fields_are_found_in_any_case_and_trimmed(void **state)
{
    struct request r = parsed("GET / HTTP/1.1\r\nHOST: \t judge.example \t\r\nunknown: x\r\n"
                              "Sec-WebSocket-Key:k\r\nOrigin:\r\ncookie: a\r\nCookie: b\r\n\r\n");
    expect("judge.example", r.host);
    expect("k", r.ws_key);
    assert_non_null(r.origin.p); /* there, and empty */
    assert_int_equal(0, r.origin.n);
    assert_null(r.ws_version.p);
    assert_int_equal(2, r.cookie.n);
    expect("a", r.cookie.v[0]);
    expect("b", r.cookie.v[1]);
    (void)state;
}

static void malformed_heads_are_refused(void **state)
{
    static const char *const heads[] = {
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "G\tT / HTTP/1.1\r\n\r\n",
        "GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
        "GET /a\x7f HTTP/1.1\r\n\r\n",
        "GET events HTTP/1.1\r\n\r\n",
        "GET ?a HTTP/1.1\r\n\r\n",
        "CONNECT judge.example:443 HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: no name\r\n\r\n",
        "GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        "GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nX: \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\nCookie: 1\r\nCookie: 2\r\nCookie: 3\r\nCookie: 4\r\nCookie: 5\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct request r;
        if (!request_parse(str_of(heads[i]), &r)) {
            fail_msg("was taken: %s", heads[i]);
        }
    }
    struct request r;
    static const char zero[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    assert_non_null(request_parse((struct str){zero, sizeof(zero) - 1}, &r));
    (void)state;
}

static void body_is_announced_by_length_or_encoding(void **state)
{
    assert_false(parsed("GET / HTTP/1.1\r\n\r\n").has_body);
    assert_false(parsed("GET / HTTP/1.1\r\nContent-Length: 00\r\n\r\n").has_body);
    assert_true(parsed("GET / HTTP/1.1\r\nContent-Length: 10\r\n\r\n").has_body);
    assert_true(parsed("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").has_body);
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
        struct request_values v = {.v = {str_of("first"), str_of(rows[i].value)}, .n = 2};
        assert_true(rows[i].found == request_lists(&v, STR("upgrade")));
    }
    const struct request_values none = {.n = 0};
    assert_false(request_lists(&none, STR("upgrade")));
    (void)state;
}

/* Whatever the pieces are in which it comes. */
static void head_is_complete_at_its_empty_line_only(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81more";
    const size_t whole = sizeof(text) - 1 - 5;
    for (size_t seen = 0; seen < whole; seen++) {
        for (size_t n = seen; n < sizeof(text); n++) {
            size_t head = 0;
            enum request_progress p = request_progress((struct str){text, n}, seen, &head);
            assert_int_equal(n >= whole ? REQUEST_COMPLETE : REQUEST_INCOMPLETE, p);
            assert_int_equal(n >= whole ? whole : 0, head);
        }
    }
    size_t head;
    assert_int_equal(REQUEST_COMPLETE, request_progress(STR("GET / HTTP/1.1\r\n\r\n"), 0, &head));
    assert_int_equal(18, head);
    (void)state;
}

static void other_protocols_are_told_at_the_first_byte(void **state)
{
    size_t head;
    assert_int_equal(REQUEST_NOT_HTTP, request_progress(STR("\x16\x03\x01"), 0, &head));
    assert_int_equal(REQUEST_NOT_HTTP, request_progress(STR("\r\nGET / HTTP/1.1"), 0, &head));
    assert_int_equal(REQUEST_INCOMPLETE, request_progress(STR(""), 0, &head));
    (void)state;
}

/* "GET /xxx HTTP/1.1" of `line` bytes and one field line of `fields` bytes with its end. */
static enum request_progress progress_of(size_t line, size_t fields, size_t keep)
{
    struct buf b = {0};
    size_t head;
    buf_addf(&b, "GET /%0*d HTTP/1.1\r\n", (int)(line - 14), 0);
    if (fields > 0) {
        buf_addf(&b, "X: %0*d\r\n", (int)(fields - 5), 0);
    }
    buf_add(&b, STR("\r\n"));
    assert_false(b.failed);
    enum request_progress p = request_progress((struct str){b.p, MIN(b.n, keep)}, 0, &head);
    buf_release(&b);
    return p;
}

static void sizes_are_bounded_to_the_byte(void **state)
{
    const size_t line = LIMIT_REQUEST_LINE_BYTES;
    const size_t fields = LIMIT_REQUEST_HEADER_BYTES;
    assert_int_equal(REQUEST_COMPLETE, progress_of(line, 0, SIZE_MAX));
    assert_int_equal(REQUEST_LINE_TOO_LONG, progress_of(line + 1, 0, SIZE_MAX));
    assert_int_equal(REQUEST_LINE_TOO_LONG, progress_of(line + 100, 0, line + 2));
    assert_int_equal(REQUEST_INCOMPLETE, progress_of(line, 0, line + 1));
    assert_int_equal(REQUEST_COMPLETE, progress_of(100, fields, SIZE_MAX));
    assert_int_equal(REQUEST_HEADERS_TOO_LARGE, progress_of(100, fields + 1, SIZE_MAX));
    assert_int_equal(REQUEST_HEADERS_TOO_LARGE, progress_of(100, 2 * fields, fields + 104));
    assert_int_equal(REQUEST_INCOMPLETE, progress_of(100, fields, fields + 103));
    assert_int_equal(REQUEST_COMPLETE, progress_of(line, fields, SIZE_MAX));
    (void)state;
}

static void parameters_of_a_query_come_in_order(void **state)
{
    struct str rest = STR("a=1&&b&=c&d==&e=x%26y&");
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", ""}, {"", "c"}, {"d", "="}, {"e", "x%26y"},
    };
    struct str name;
    struct str value;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(query_next(&rest, &name, &value));
        expect(expected[i][0], name);
        expect(expected[i][1], value);
    }
    assert_false(query_next(&rest, &name, &value));
    (void)state;
}

static void percent_escapes_are_decoded_or_refused(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {
        {"", ""},         {"abc", "abc"}, {"%2Fa%2fb", "/a/b"}, {"a+b", "a+b"},
        {"%41%42", "AB"}, {"%", NULL},    {"%4", NULL},         {"a%4", NULL},
        {"%zz", NULL},    {"%4g", NULL},  {"%%41", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {0};
        assert_true(query_decode(str_of(rows[i].in), &b) == (rows[i].out != NULL));
        if (rows[i].out) {
            expect(rows[i].out, buf_str(&b));
        }
        buf_release(&b);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_line_is_taken_apart),
        cmocka_unit_test(fields_are_found_in_any_case_and_trimmed),
        cmocka_unit_test(malformed_heads_are_refused),
        cmocka_unit_test(body_is_announced_by_length_or_encoding),
        cmocka_unit_test(lists_are_searched_by_element),
        cmocka_unit_test(head_is_complete_at_its_empty_line_only),
        cmocka_unit_test(other_protocols_are_told_at_the_first_byte),
        cmocka_unit_test(sizes_are_bounded_to_the_byte),
        cmocka_unit_test(parameters_of_a_query_come_in_order),
        cmocka_unit_test(percent_escapes_are_decoded_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
