/* SPDX-License-Identifier: MIT */
/* scoreboard_body: what a token may open. */
#include "publisher/scoreboard_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW_S = 1700000000 };

static void a_whole_body_is_read(void **state)
{
    (void)state;
    struct scoreboard_body b;
    char error[SCOREBOARD_ERROR_MAX] = "";
    assert_true(scoreboard_body_parse(
        STR(" {\"contest\":\"omi:final-2024\",\"admin\":true,\"expires\":1700000001,\"x\":[1]} "),
        NOW_S, &b, error));
    assert_string_equal(b.contest, "omi:final-2024");
    assert_true(b.is_admin);
    assert_int_equal(b.expires, 1700000001);
}

static void without_admin_it_is_public(void **state)
{
    (void)state;
    struct scoreboard_body b;
    char error[SCOREBOARD_ERROR_MAX] = "";
    assert_true(scoreboard_body_parse(STR("{\"contest\":\"a\",\"expires\":253402300799}"), NOW_S,
                                      &b, error));
    assert_false(b.is_admin);
}

static void each_fault_is_told(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *error;
    } rows[] = {
        {STR(""), "the body is empty"},
        {STR(" \n"), "the body is empty"},
        {STR("{"), "not JSON"},
        {STR("{} x"), "not JSON"},
        {STR("[]"), "not a JSON object"},
        {STR("{}"), "contest:"},
        {STR("{\"contest\":1,\"expires\":1700000001}"), "contest:"},
        {STR("{\"contest\":\"\",\"expires\":1700000001}"), "contest:"},
        {STR("{\"contest\":\"a b\",\"expires\":1700000001}"), "contest:"},
        {STR("{\"contest\":\"a/admin\",\"expires\":1700000001}"), "contest:"},
        {STR("{\"contest\":\"a\",\"admin\":1,\"expires\":1700000001}"), "admin:"},
        {STR("{\"contest\":\"a\",\"admin\":null,\"expires\":1700000001}"), "admin:"},
        {STR("{\"contest\":\"a\"}"), "expires:"},
        {STR("{\"contest\":\"a\",\"expires\":\"1700000001\"}"), "expires:"},
        {STR("{\"contest\":\"a\",\"expires\":1.7e9}"), "expires:"},
        {STR("{\"contest\":\"a\",\"expires\":1700000001.5}"), "expires:"},
        {STR("{\"contest\":\"a\",\"expires\":-1}"), "expires: has passed"},
        {STR("{\"contest\":\"a\",\"expires\":1700000000}"), "expires: has passed"},
        {STR("{\"contest\":\"a\",\"expires\":253402300800}"), "expires:"},
        {STR("{\"contest\":\"a\",\"expires\":99999999999999999999}"), "expires:"},
        {STR("{\"contest\":\"a\",\"contest\":\"b\",\"expires\":1700000001}"), "a member stands"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scoreboard_body b;
        char error[SCOREBOARD_ERROR_MAX] = "";
        assert_false(scoreboard_body_parse(rows[i].text, NOW_S, &b, error));
        if (!str_starts(str_of(error), str_of(rows[i].error))) {
            fail_msg("row %zu: %s", i, error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_body_is_read),
        cmocka_unit_test(without_admin_it_is_public),
        cmocka_unit_test(each_fault_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
