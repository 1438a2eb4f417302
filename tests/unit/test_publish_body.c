/* SPDX-License-Identifier: MIT */
/* publish_body: strictness, and which form a body has. The forms have tests of their own. */
#include "proto/publish_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/publish_check.h"

#define DOCUMENTED "{\"type\":\"run_update\",\"data\":{\"contest_alias\":\"a\"}}"

static void body_that_is_no_json_object_is_refused_with_its_place(void **state)
{
    static const struct publish_refusal rows[] = {
        {"", "body: empty"},
        {" \n", "body: empty"},
        {"x", "body: not JSON: "},
        {"{", "body: not JSON: "},
        {"{}x", "body: not JSON: "},
        {"{}{}", "body: not JSON: "},
        {"{\"message\":\"1\"},", "body: not JSON: "},
        {"{'message':'1'}", "body: not JSON: "},
        {"{\"message\":\"1\",}", "body: not JSON: "},
        {"{\"message\":\"1\"}//", "body: not JSON: "},
        {"{\"message\":NaN}", "body: not JSON: "},
        {"{\"message\":01}", "body: not JSON: "},
        {"{\"message\":\"\n\"}", "body: not JSON: "},
        {"{\"message\":\"\xff\"}", "body: not JSON: "},
        {"{\"message\":\"\xed\xa0\x80\"}", "body: not JSON: "},
        {"{\"message\":\"\\ud800\"}", "body: not JSON: "},
        {"\xef\xbb\xbf{\"message\":\"1\"}", "body: not JSON: "},
        {"[]", "body: not an object"},
        {"\"message\"", "body: not an object"},
        {"null", "body: not an object"},
        {"17", "body: not an object"},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
}

static void place_counts_from_the_first_byte_of_the_body(void **state)
{
    char error[PUBLISH_ERROR_MAX];

    (void)state;
    assert_null(publish_body_parse(STR("  \n{\"message\" x}"), 0, error));
    assert_non_null(strstr(error, " at byte 14"));
}

static void raw_zero_byte_is_refused(void **state)
{
    char error[PUBLISH_ERROR_MAX];

    (void)state;
    assert_null(publish_body_parse(STR("{\"message\":\"1\0\"}"), 0, error));
    assert_null(publish_body_parse(STR("{\"message\":\"1\"}\0"), 0, error));
}

static void form_is_told_by_message_and_type(void **state)
{
    static const struct publish_refusal rows[] = {
        {"{}", "body: no message, no type"},
        {"{\"contest\":\"a\"}", "body: no message, no type"},
        {"{\"data\":{\"contest_alias\":\"a\"}}", "body: no message, no type"},
        {"{\"message\":null,\"type\":null}", "body: no message, no type"},
        {"{\"message\":\"1\",\"type\":\"run_update\"}", "body: both message and type"},
        {"{\"message\":\"\",\"type\":\"\"}", "body: both message and type"},
        {"{\"message\":5,\"type\":5}", "body: both message and type"},
    };
    static const struct publish_row taken[] = {
        {"{\"message\":\"1\",\"type\":null}", .type = "message"},
        {"{\"message\":null,\"type\":\"x\",\"data\":{\"contest_alias\":\"a\"}}", .type = "x",
         .contest = "a"},
        {"{\"m\\u0065ssage\":\"1\"}", .type = "message"},
    };
    char error[PUBLISH_ERROR_MAX];

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
    check_rows(taken, ARRAY_LEN(taken));
    struct publish_request *r = publish_body_parse(STR(DOCUMENTED), 0, error);
    assert_non_null(r);
    assert_int_equal(r->form, PUBLISH_DOCUMENTED);
    (void)publish_request_free(r);
    r = publish_body_parse(STR("{\"message\":\"1\"}"), 0, error);
    assert_non_null(r);
    assert_int_equal(r->form, PUBLISH_GRADER);
    (void)publish_request_free(r);
    assert_null(publish_request_free(NULL));
}

static void known_key_that_stands_twice_is_refused(void **state)
{
    static const struct publish_refusal rows[] = {
        {"{\"message\":\"1\",\"message\":\"2\"}", "message: stands twice"},
        {"{\"message\":\"1\",\"m\\u0065ssage\":\"2\"}", "message: stands twice"},
        {"{\"type\":\"a\",\"type\":null}", "type: stands twice"},
        {"{\"message\":\"1\",\"contest\":\"a\",\"contest\":\"a\"}", "contest: stands twice"},
        {"{\"message\":\"1\",\"problemset\":1,\"problemset\":1}", "problemset: stands twice"},
        {"{\"message\":\"1\",\"problem\":\"a\",\"problem\":\"a\"}", "problem: stands twice"},
        {"{\"message\":\"1\",\"user\":\"a\",\"user\":\"a\"}", "user: stands twice"},
        {"{\"message\":\"1\",\"public\":true,\"public\":true}", "public: stands twice"},
        {"{\"type\":\"a\",\"timestamp\":1,\"timestamp\":1}", "timestamp: stands twice"},
        {"{\"type\":\"a\",\"data\":{},\"data\":{}}", "data: stands twice"},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
    check_row(&(struct publish_row){"{\"message\":\"1\",\"x\":1,\"x\":2}", .type = "message"});
}

/* {"type":"x","data":{"contest_alias":"a","x":[[…]]}} */
static struct buf nested_body(size_t depth)
{
    struct buf b = {0};

    buf_add(&b, STR("{\"type\":\"x\",\"data\":{\"contest_alias\":\"a\",\"x\":"));
    for (size_t i = 2; i < depth; i++) {
        buf_addc(&b, '[');
    }
    for (size_t i = 2; i < depth; i++) {
        buf_addc(&b, ']');
    }
    buf_add(&b, STR("}}"));
    assert_false(b.failed);
    return b;
}

static void nesting_of_64_is_taken_and_65_is_not(void **state)
{
    char error[PUBLISH_ERROR_MAX];

    (void)state;
    struct buf b = nested_body(64);
    struct publish_request *r = publish_body_parse(buf_str(&b), 0, error);
    assert_non_null(r);
    (void)publish_request_free(r);
    buf_release(&b);
    b = nested_body(65);
    assert_null(publish_body_parse(buf_str(&b), 0, error));
    assert_string_equal(error, "body: nested too deep");
    buf_release(&b);
}

static void every_cut_of_a_body_is_refused(void **state)
{
    static const struct str bodies[] = {
        STR(DOCUMENTED),
        STR("{\"contest\":\"a\",\"message\":\"{\\\"message\\\":\\\"\\/run\\/update\\/\\\","
            "\\\"run\\\":{\\\"a\\\":1}}\"}"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        for (size_t n = 0; n < bodies[i].n; n++) {
            char error[PUBLISH_ERROR_MAX] = "";
            struct publish_request *r = check_parse((struct str){bodies[i].p, n}, error);
            assert_null(r);
            assert_true(error[0] != '\0');
        }
    }
}

static void seconds_are_the_clock_rounded_down(void **state)
{
    static const struct {
        int64_t now_ms, seconds;
    } rows[] = {{0, 0}, {999, 0}, {1000, 1}, {1704067200999, 1704067200}, {-1, -1}, {-1000, -1}};
    char error[PUBLISH_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct publish_request *r = publish_body_parse(STR(DOCUMENTED), rows[i].now_ms, error);
        assert_non_null(r);
        assert_int_equal(r->event.timestamp_s, rows[i].seconds);
        (void)publish_request_free(r);
    }
}

static void errors_never_repeat_what_was_sent(void **state)
{
    static const char *const bodies[] = {
        "{\"SECRET\":SECRET}",
        "{\"SECRET\":1,\"type\":\"SECRET\\n\"}",
        "{\"type\":\"x\",\"data\":{\"contest_alias\":\"SECRET/\"}}",
        "{\"type\":\"x\",\"data\":{\"username\":\"SECRET SECRET\"}}",
        "{\"type\":\"x\",\"data\":\"SECRET\"}",
        "{\"message\":\"SECRET\"}",
        "{\"message\":\"{\\\"SECRET\\\":SECRET}\"}",
        "{\"message\":\"1\",\"public\":\"SECRET\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        char error[PUBLISH_ERROR_MAX];
        assert_null(publish_body_parse(str_of(bodies[i]), 0, error));
        assert_true(error[0] != '\0');
        assert_null(strstr(error, "SECRET"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_that_is_no_json_object_is_refused_with_its_place),
        cmocka_unit_test(place_counts_from_the_first_byte_of_the_body),
        cmocka_unit_test(raw_zero_byte_is_refused),
        cmocka_unit_test(form_is_told_by_message_and_type),
        cmocka_unit_test(known_key_that_stands_twice_is_refused),
        cmocka_unit_test(nesting_of_64_is_taken_and_65_is_not),
        cmocka_unit_test(every_cut_of_a_body_is_refused),
        cmocka_unit_test(seconds_are_the_clock_rounded_down),
        cmocka_unit_test(errors_never_repeat_what_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
