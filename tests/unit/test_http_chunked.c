/* SPDX-License-Identifier: MIT */
/* http_chunked: the same verdict in whatever pieces the bytes come. */
#include "common/http/http_chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

enum { BODY_MAX = 20 };
#define X16 "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16
#define X4096 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256 X256

/* 0: more must come; 200: whole; else a fault's status. */
static int read_in_pieces(struct str text, size_t piece, struct buf *body, size_t *out_used)
{
    struct http_chunked c = {0};
    size_t at = 0;
    while (at < text.n) {
        struct http_fault fault = {0};
        struct str part = {text.p + at, MIN(piece, text.n - at)};
        size_t n = 0;
        enum http_chunked_result r = http_chunked_add(&c, part, BODY_MAX, body, &n, &fault);
        at += n;
        *out_used = at;
        if (r == HTTP_CHUNKED_FAULT) {
            assert_non_null(fault.reason);
            return fault.status;
        }
        if (r == HTTP_CHUNKED_WHOLE) {
            return 200;
        }
        assert_int_equal(part.n, n);
    }
    return 0;
}

static void each_text_has_its_verdict(void **state)
{
    static const struct {
        struct str text;
        int status;
        const char *body;
    } rows[] = {
        {STR("0\r\n\r\n"), 200, ""},
        {STR("5\r\nhello\r\n0\r\n\r\nGET"), 200, "hello"},
        {STR("3\r\nabc\r\n00002\r\nde\r\n0\r\n\r\n"), 200, "abcde"},
        {STR("A\r\n0123456789\r\n0\r\n\r\n"), 200, "0123456789"},
        {STR("a;x\r\n0123456789\r\n0;y=\"z\"\r\n\r\n"), 200, "0123456789"},
        {STR("1 \t;x = y\r\na\r\n0\r\n\r\n"), 200, "a"},
        {STR("1\r\na\r\n0\r\nX: y\r\nDigest:\tz\r\n\r\n"), 200, "a"},
        {STR("000000000000001\r\na\r\n0\r\n\r\n"), 200, "a"},
        {STR("14\r\n01234567890123456789\r\n0\r\n\r\n"), 200, "01234567890123456789"},
        {STR("1\r\na\r\n0\r\n"), 0, "a"},
        {STR("5\r\nhel"), 0, "hel"},
        /* too much */
        {STR("15\r\n"), 0, ""},
        {STR("15\r\n012345678901234567890\r\n"), 413, ""},
        {STR("fffffffffffffff\r\nx"), 413, ""},
        {STR("14\r\n01234567890123456789\r\n1\r\nx"), 413, "01234567890123456789"},
        {STR("0000000000000001\r\na"), 400, ""},
        {STR("1;" X256 "\r\na"), 400, ""},
        {STR("0\r\nX:" X4096 "\r\n\r\n"), 400, ""},
        /* malformed */
        {STR("\r\n"), 400, ""},
        {STR("g\r\n"), 400, ""},
        {STR("-1\r\n"), 400, ""},
        {STR("+1\r\n"), 400, ""},
        {STR("0x1\r\n"), 400, ""},
        {STR(" 1\r\n"), 400, ""},
        {STR("1 \r\na"), 400, ""},
        {STR("1 2\r\n"), 400, ""},
        {STR(";\r\n"), 400, ""},
        {STR("1\na\n"), 400, ""},
        {STR("1\ra"), 400, ""},
        {STR("1;a\nb"), 400, ""},
        {STR("1;\x01\r\n"), 400, ""},
        {STR("1\r\nab\r\n"), 400, "a"},
        {STR("1\r\na\n"), 400, "a"},
        {STR("1\r\na\rb"), 400, "a"},
        {STR("2\r\na\r\n0\r\n"), 400, "a\r"},
        {STR("0\r\n\n"), 400, ""},
        {STR("0\r\n X: y\r\n"), 400, ""},
        {STR("0\r\nX : y\r\n"), 400, ""},
        {STR("0\r\nX\r\n"), 400, ""},
        {STR("0\r\nX: \x01\r\n"), 400, ""},
        {STR("0\r\nX: y\n"), 400, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t piece = 1; piece <= rows[i].text.n; piece += piece > 40 ? 997 : 1) {
            struct buf body = {0};
            size_t used = 0;
            int status = read_in_pieces(rows[i].text, piece, &body, &used);
            if (status != rows[i].status) {
                fail_msg("row %zu in pieces of %zu: %d", i, piece, status);
            }
            assert_int_equal(strlen(rows[i].body), body.n);
            assert_memory_equal(rows[i].body, body.n ? body.p : "", body.n);
            if (status == 200 && i == 1) {
                assert_int_equal(rows[i].text.n - 3, used); /* the next request is not touched */
            }
            buf_release(&body);
        }
    }
    (void)state;
}

/* A byte of body may cost six on the wire, but not for ever. */
static void what_is_no_body_is_bounded(void **state)
{
    static const struct str chunk = STR("1;" X16 X16 X16 X16 X16 X16 X16 "\r\na\r\n");
    struct http_chunked c = {0};
    struct buf body = {0};
    struct http_fault fault = {0};
    size_t n;
    size_t chunks = 0;
    enum http_chunked_result r = HTTP_CHUNKED_MORE;
    while (r == HTTP_CHUNKED_MORE) {
        assert_true(++chunks < 10000);
        r = http_chunked_add(&c, chunk, 1000, &body, &n, &fault);
    }
    assert_int_equal(HTTP_CHUNKED_FAULT, r);
    assert_int_equal(413, fault.status);
    assert_int_equal((2 * 1000 + 65536) / chunk.n + 1, chunks);
    buf_release(&body);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_has_its_verdict),
        cmocka_unit_test(what_is_no_body_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
