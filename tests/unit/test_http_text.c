/* SPDX-License-Identifier: MIT */
/* http_text: where a head ends, and what its lines may hold. */
#include "common/http/http_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define LIMITS ((struct http_limits){.line = 64, .fields = 64})

static void expect(const char *want, struct str got)
{
    assert_int_equal(strlen(want), got.n);
    assert_memory_equal(want, got.n ? got.p : "", got.n);
}

/* However it comes in two pieces. */
static void end_is_found_at_its_last_byte(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n; /* of the head */
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n", 27},
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"GET / HTTP/1.1\nHost: a\n\nbody", 24},
        {"GET / HTTP/1.1\r\nHost: a\n\r\nbody", 26},
        {"a\r\r\nb\r\n\r\n", 9},
        {"\n\n", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t seen = 0; seen < rows[i].n; seen++) {
            for (size_t n = seen; n <= strlen(rows[i].text); n++) {
                size_t end = 0;
                enum http_scan got =
                    http_text_scan((struct str){rows[i].text, n}, seen, LIMITS, &end);
                bool whole = n >= rows[i].n;
                assert_int_equal(got, whole ? HTTP_SCAN_COMPLETE : HTTP_SCAN_INCOMPLETE);
                assert_int_equal(end, whole ? rows[i].n : 0);
            }
        }
    }
}

/* A line of `line` bytes and fields of `fields` bytes, line ends included; `have` bytes of it. */
static enum http_scan scan_sized(size_t line, size_t fields, size_t have)
{
    char text[256];
    size_t n;
    memset(text, 'a', sizeof(text));
    memcpy(text + line - 2, "\r\n", 2);
    if (fields == 2) {
        memcpy(text + line, "\r\n", 2);
    } else {
        memcpy(text + line + fields - 4, "\r\n\r\n", 4);
    }
    return http_text_scan((struct str){text, MIN(have, line + fields)}, 0, LIMITS, &n);
}

static void limits_hold_to_the_byte(void **state)
{
    (void)state;
    static const struct {
        size_t line, fields, have;
        enum http_scan want;
    } rows[] = {
        {64, 2, SIZE_MAX, HTTP_SCAN_COMPLETE},          {64, 64, SIZE_MAX, HTTP_SCAN_COMPLETE},
        {65, 2, SIZE_MAX, HTTP_SCAN_LINE_TOO_LONG},     {66, 2, 63, HTTP_SCAN_INCOMPLETE},
        {66, 2, 64, HTTP_SCAN_LINE_TOO_LONG}, /* 64 bytes without an end */
        {10, 65, SIZE_MAX, HTTP_SCAN_FIELDS_TOO_LARGE}, {10, 70, 73, HTTP_SCAN_INCOMPLETE},
        {10, 70, 74, HTTP_SCAN_FIELDS_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (scan_sized(rows[i].line, rows[i].fields, rows[i].have) != rows[i].want) {
            fail_msg("row %zu", i);
        }
    }
}

static void request_line_is_taken_apart(void **state)
{
    (void)state;
    struct str text = STR("X-9! /p%20q?r=s#t HTTP/1.0\r\nnext");
    struct http_line line;
    assert_null(http_text_line(&text, &line));
    expect("X-9!", line.method);
    expect("/p%20q?r=s#t", line.target);
    assert_false(line.is_http_1_1);
    expect("next", text);
}

static void bad_request_lines_are_refused_and_left(void **state)
{
    (void)state;
    static const struct str rows[] = {
        STR(""),
        STR("\r\n"),
        STR("GET / HTTP/1.1"),
        STR("GET / HTTP/1.1\n"),
        STR("GET / HTTP/1.1\r"),
        STR("GET /\r HTTP/1.1\r\n"),
        STR("GET / HTTP/1.1\r\r\n"),
        STR("GET /\r\n"),
        STR("GET  / HTTP/1.1\r\n"),
        STR("GET / HTTP/1.1 \r\n"),
        STR("GET / x HTTP/1.1\r\n"),
        STR("GET\t/ HTTP/1.1\r\n"),
        STR("G(T / HTTP/1.1\r\n"),
        STR("G\0T / HTTP/1.1\r\n"),
        STR(" / HTTP/1.1\r\n"),
        STR("GET / HTTP/1.2\r\n"),
        STR("GET / http/1.1\r\n"),
        STR("PRI * HTTP/2.0\r\n"),
        STR("GET /\x01 HTTP/1.1\r\n"),
        STR("GET /\x7f HTTP/1.1\r\n"),
        STR("GET /\xc3\xa9 HTTP/1.1\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = rows[i];
        struct http_line line;
        if (!http_text_line(&text, &line) || text.p != rows[i].p || text.n != rows[i].n) {
            fail_msg("row %zu: %.*s", i, STR_ARG(rows[i]));
        }
    }
}

static void fields_are_trimmed_until_the_empty_line(void **state)
{
    (void)state;
    struct str text = STR("A:\r\nb: \t x y\t \r\nC:d:e\r\n!#$%&'*+-.^_`|~9: \xc3\xa9\r\n\r\nbody");
    static const char *const want[][2] = {
        {"A", ""}, {"b", "x y"}, {"C", "d:e"}, {"!#$%&'*+-.^_`|~9", "\xc3\xa9"}, {"", ""}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct http_pair pair;
        assert_null(http_text_field(&text, &pair));
        expect(want[i][0], pair.name);
        expect(want[i][1], pair.value);
    }
    expect("body", text);
}

static void bad_fields_are_refused_and_left(void **state)
{
    (void)state;
    static const struct str rows[] = {
        STR(""),          STR("\n"),          STR("\r"),           STR("X: a"),
        STR("X: a\n"),    STR("X: a\nY\r\n"), STR("X: a\rY\r\n"),  STR("X : a\r\n"),
        STR(": a\r\n"),   STR("X\r\n"),       STR(" X: a\r\n"),    STR("\tfolded\r\n"),
        STR("(: a\r\n"),  STR("X: \x01\r\n"), STR("X: a\0b\r\n"),  STR("X: \x7f\r\n"),
        STR("\0: a\r\n"), STR(" \r\n"),       STR("X\xc3: a\r\n"), STR("X: a\r\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = rows[i];
        struct http_pair pair;
        if (!http_text_field(&text, &pair) || text.p != rows[i].p || text.n != rows[i].n) {
            fail_msg("row %zu: %.*s", i, STR_ARG(rows[i]));
        }
    }
}

static void lists_are_taken_apart_at_commas(void **state)
{
    (void)state;
    struct str list = STR(" a,, b\t c ,");
    static const char *const want[] = {"a", "", "b\t c", ""};
    struct str element;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(http_text_element(&list, &element));
        expect(want[i], element);
    }
    assert_false(http_text_element(&list, &element));
    list = STR_NONE;
    assert_false(http_text_element(&list, &element));
}

static void words_are_equal_but_for_their_case(void **state)
{
    (void)state;
    assert_true(http_same_word(STR("Close"), STR("cLOSE")));
    assert_true(http_same_word(STR(""), STR_NONE));
    assert_false(http_same_word(STR("close"), STR("closed")));
    assert_false(http_same_word(STR("@"), STR("`"))); /* they differ in the bit of the case */
    assert_false(http_same_word(STR("["), STR("{")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_is_found_at_its_last_byte),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(request_line_is_taken_apart),
        cmocka_unit_test(bad_request_lines_are_refused_and_left),
        cmocka_unit_test(fields_are_trimmed_until_the_empty_line),
        cmocka_unit_test(bad_fields_are_refused_and_left),
        cmocka_unit_test(lists_are_taken_apart_at_commas),
        cmocka_unit_test(words_are_equal_but_for_their_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
