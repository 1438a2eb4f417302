/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/http/http_reader.h"
#include "gateway/transport/credentials.h"
#include "proto/limits.h"

static void check(struct http_head *r, bool cookies_allowed, const char *expected)
{
    struct str got = credentials_find(r, cookies_allowed);
    if (got.n != strlen(expected) || memcmp(got.p ? got.p : "", expected, got.n) != 0) {
        fail_msg("expected '%s', found '%.*s'", expected, STR_ARG(got));
    }
}

static void cookie_of_the_judge_is_found_among_others(void **state)
{
    static const struct {
        const char *cookies, *token;
    } rows[] = {
        {"ouat=T1", "T1"},
        {"a=b; ouat=T1; c=d", "T1"},
        {"a=b;ouat=T1;c=d", "T1"},
        {"  ouat=T1  ", "T1"},
        {"ouat=\"T1\"", "T1"},
        {"ouat=a=b==", "a=b=="},
        {"ouat=Credential=a,Signature=b", "Credential=a,Signature=b"},
        {"xouat=T1", ""},
        {"ouatx=T1", ""},
        {"OUAT=T1", ""}, /* names of cookies keep their case */
        {"ouat", ""},
        {"ouat=", ""},
        {"ouat=\"\"", ""},
        {"ouat=\"", ""},
        {"ouat =T1", ""},
        {"ouat=a b", ""},
        {"ouat=a%20b", ""},
        {"ouat=\xc3\xa9", ""},
        {"ouat=bad value; ouat=T2", "T2"},
        {"ouat=T1; ouat=T2", "T1"},
        {"api_token=T3", "T3"},
        {"api_token=T3; ouat=T1", "T1"},
        {"api_token=T3; ouat=not one", "T3"},
        {"", ""},
        {";;;", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_head r = {.cookie = {.v = {str_of(rows[i].cookies)}, .n = 1}};
        check(&r, true, rows[i].token);
        check(&r, false, "");
    }
    (void)state;
}

static void authorization_names_its_scheme(void **state)
{
    static const struct {
        const char *value, *token;
    } rows[] = {
        {"token T1", "T1"},   {"Token T1", "T1"}, {"TOKEN   T1 ", "T1"}, {"tokenT1", ""},
        {"token", ""},        {"token ", ""},     {"Bearer T1", ""},     {"token a b", ""},
        {"token \"T1\"", ""}, {"token a%b", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_head r = {.authorization = str_of(rows[i].value)};
        check(&r, true, rows[i].token);
        check(&r, false, rows[i].token); /* another site's page cannot set it */
    }
    (void)state;
}

static void order_is_ouat_then_authorization_then_api_token(void **state)
{
    struct http_head r = {
        .cookie = {.v = {STR("api_token=T3"), STR("ouat=T1")}, .n = 2},
        .authorization = STR("token T2"),
    };
    check(&r, true, "T1");
    check(&r, false, "T2");
    r.cookie.n = 1;
    check(&r, true, "T2");
    r.authorization = STR("Basic T2");
    check(&r, true, "T3");
    check(&r, false, "");
    (void)state;
}

static void token_may_have_512_bytes_behind_60_kilobytes(void **state)
{
    enum { BEFORE = 60000 };
    char *text = malloc(BEFORE + 1024);
    assert_non_null(text);
    memset(text, 'a', BEFORE + 1024);
    memcpy(text + BEFORE, "; ouat=", 7);
    struct http_head r = {.cookie = {.n = 1}};
    r.cookie.v[0] = (struct str){text, BEFORE + 7 + LIMIT_TOKEN_BYTES};
    assert_int_equal(LIMIT_TOKEN_BYTES, credentials_find(&r, true).n);
    r.cookie.v[0].n++;
    assert_int_equal(0, credentials_find(&r, true).n);
    free(text);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookie_of_the_judge_is_found_among_others),
        cmocka_unit_test(authorization_names_its_scheme),
        cmocka_unit_test(order_is_ouat_then_authorization_then_api_token),
        cmocka_unit_test(token_may_have_512_bytes_behind_60_kilobytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
