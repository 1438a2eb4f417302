/* SPDX-License-Identifier: MIT */
/* What the frontend is asked, and how its answers are understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "proto/limits.h"
#include "tests/unit/auth_fixture.h"

/* Every row is a question of its own, so that no answer comes from the cache. */
static void forget_all(struct fixture *f)
{
    fixture_remake_auth(f);
}

static void a_credential_goes_as_header_or_as_cookie_never_both(void **state)
{
    static const struct {
        const char *token, *authorization, *cookie;
    } rows[] = {
        {API_TOKEN, "token " API_TOKEN, ""},
        {"Credential=abc,Username=ana", "token Credential=abc,Username=ana", ""},
        {"Credential=", "token Credential=", ""},
        {"credential=abc", "", "ouat=credential=abc"},
        {"0123456789abcdef0123456789abcdef0123456", "",
         "ouat=0123456789abcdef0123456789abcdef0123456"},
        {API_TOKEN "2", "", "ouat=" API_TOKEN "2"},
        {"0123456789abcdef0123456789abcdef0123456g", "",
         "ouat=0123456789abcdef0123456789abcdef0123456g"},
        {"a1b2-12-deadbeef", "", "ouat=a1b2-12-deadbeef"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)ask(f, AUTH_WHO, rows[i].token, "");
        assert_string_equal(f->judge.authorization, rows[i].authorization);
        assert_string_equal(f->judge.cookie, rows[i].cookie);
        assert_string_equal(f->judge.method_and_uri, "GET /api/session/currentSession/");
        (void)ask(f, AUTH_MAY, rows[i].token, "/contest/a");
        assert_string_equal(f->judge.authorization, rows[i].authorization);
        assert_string_equal(f->judge.cookie, rows[i].cookie);
    }
    assert_int_equal(f->judge.calls, 2 * ARRAY_LEN(rows));
}

static void nobody_asks_without_credential(void **state)
{
    struct fixture *f = *state;
    f->judge.body = "{\"user\":null,\"admin\":false}";
    struct asker a = ask(f, AUTH_MAY, "", "/contest/a");
    assert_int_equal(a.result, AUTH_OK);
    assert_string_equal(a.user, "");
    assert_string_equal(f->judge.authorization, "");
    assert_string_equal(f->judge.cookie, "");
    assert_int_equal(f->judge.calls, 1);
}

static void filters_are_percent_encoded_whole(void **state)
{
    struct fixture *f = *state;
    (void)ask(f, AUTH_MAY, "T", "/contest/omi:a_b-c,/user/x.y+z,/problemset/17/TOKEN");
    assert_string_equal(f->judge.method_and_uri,
                        "GET /api/user/validateFilter/?filter=%2Fcontest%2Fomi%3Aa_b-c%2C%2Fuser"
                        "%2Fx.y%2Bz%2C%2Fproblemset%2F17%2FTOKEN");
}

static void a_frontend_may_live_below_a_path(void **state)
{
    struct fixture *f = *state;
    fixture_set_frontend(f, &f->judge, "/judge");
    fixture_remake_auth(f);
    (void)ask(f, AUTH_WHO, "T", "");
    assert_string_equal(f->judge.method_and_uri, "GET /judge/api/session/currentSession/");
}

static void what_is_no_token_is_unauthorized_without_a_call(void **state)
{
    static const char *const tokens[] = {"a b", "a\r\nX: y", "a;b", "\"", "\xc3\xb1"};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        assert_int_equal(ask(f, AUTH_WHO, tokens[i], "").result, AUTH_UNAUTHORIZED);
        assert_int_equal(ask(f, AUTH_MAY, tokens[i], "/contest/a").result, AUTH_UNAUTHORIZED);
    }
    char long_token[LIMIT_TOKEN_BYTES + 2];
    memset(long_token, 'a', sizeof(long_token));
    long_token[LIMIT_TOKEN_BYTES + 1] = '\0';
    assert_int_equal(ask(f, AUTH_WHO, long_token, "").result, AUTH_UNAUTHORIZED);
    assert_int_equal(ask(f, AUTH_WHO, "", "").result, AUTH_UNAUTHORIZED);
    assert_int_equal(f->judge.calls, 0);
    assert_int_equal(f->metrics.calls_refused, 0);
}

static void every_status_has_its_meaning(void **state)
{
    static const struct {
        int status;
        enum auth_result logged_in, nobody;
    } rows[] = {
        {401, AUTH_UNAUTHORIZED, AUTH_UNAUTHORIZED}, {403, AUTH_FORBIDDEN, AUTH_UNAUTHORIZED},
        {412, AUTH_FORBIDDEN, AUTH_UNAUTHORIZED},    {400, AUTH_NOT_FOUND, AUTH_NOT_FOUND},
        {404, AUTH_NOT_FOUND, AUTH_NOT_FOUND},       {500, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},
        {502, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},   {503, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},
        {201, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},   {302, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},
        {402, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},   {429, AUTH_UNAVAILABLE, AUTH_UNAVAILABLE},
    };
    struct fixture *f = *state;
    f->judge.body = "{\"user\":\"ana\",\"status\":\"error\"}";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        forget_all(f);
        f->judge.status = rows[i].status;
        struct asker a = ask(f, AUTH_MAY, "T", "/contest/a");
        assert_int_equal(a.result, rows[i].logged_in);
        assert_int_equal(a.http_status, rows[i].status);
        assert_string_equal(a.user, "");
        assert_int_equal(ask(f, AUTH_MAY, "", "/contest/a").result, rows[i].nobody);
        assert_int_equal(ask(f, AUTH_WHO, "T", "").result, rows[i].logged_in);
    }
}

static void a_redirect_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char location[64];
    (void)snprintf(location, sizeof(location), "http://127.0.0.1:%u/elsewhere", f->judge.port);
    f->judge.location = location;
    f->judge.status = 302;
    f->judge.body = "";
    assert_int_equal(ask(f, AUTH_WHO, "T", "").result, AUTH_UNAVAILABLE);
    assert_int_equal(f->judge.calls, 1);
}

static void a_session_says_who_it_is(void **state)
{
    static const struct {
        const char *body;
        enum auth_result result;
        const char *user;
        bool admin;
    } rows[] = {
        {"{\"session\":{\"valid\":true,\"identity\":{\"username\":\"ana\",\"password\":\"x\"},"
         "\"is_admin\":false}}",
         AUTH_OK, "ana", false},
        {"{\"session\":{\"valid\":true,\"identity\":{\"username\":\"omi:ana\"},\"is_admin\":true}}",
         AUTH_OK, "omi:ana", true},
        {"{\"session\":{\"valid\":true,\"identity\":{\"username\":\"ana\"}}}", AUTH_OK, "ana",
         false},
        {"{\"session\":{\"valid\":false,\"identity\":null}}", AUTH_UNAUTHORIZED, "", false},
        {"{\"session\":{\"valid\":false,\"identity\":{\"username\":\"ana\"},\"is_admin\":true}}",
         AUTH_UNAUTHORIZED, "", false},
        {"{\"session\":{\"valid\":true,\"identity\":null}}", AUTH_UNAVAILABLE, "", false},
        {"{\"session\":{\"valid\":true,\"identity\":{\"username\":\"\"}}}", AUTH_UNAVAILABLE, "",
         false},
        {"{\"session\":{\"valid\":true,\"identity\":{\"username\":7}}}", AUTH_UNAVAILABLE, "",
         false},
        {"{\"session\":{\"valid\":true,\"identity\":{\"username\":\"a\"},\"is_admin\":\"yes\"}}",
         AUTH_UNAVAILABLE, "", false},
        {"{\"session\":{\"valid\":1,\"identity\":{\"username\":\"ana\"}}}", AUTH_UNAVAILABLE, "",
         false},
        {"{\"session\":{\"identity\":{\"username\":\"ana\"}}}", AUTH_UNAVAILABLE, "", false},
        {"{\"session\":[]}", AUTH_UNAVAILABLE, "", false},
        {"{}", AUTH_UNAVAILABLE, "", false},
        {"[]", AUTH_UNAVAILABLE, "", false},
        {"<html>", AUTH_UNAVAILABLE, "", false},
        {"", AUTH_UNAVAILABLE, "", false},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        forget_all(f);
        f->judge.body = rows[i].body;
        struct asker a = ask(f, AUTH_WHO, "T", "");
        assert_int_equal(a.result, rows[i].result);
        assert_string_equal(a.user, rows[i].user);
        assert_int_equal(a.admin, rows[i].admin);
        assert_int_equal(a.body_bytes, 0); /* it may carry a password hash */
    }
}

static void filters_answers_carry_the_admin_lists(void **state)
{
    struct fixture *f = *state;
    f->judge.body = "{\"status\":\"ok\",\"user\":\"ana\",\"admin\":true,"
                    "\"problem_admin\":[\"p1\"],\"contest_admin\":[\"c0\",\"c1\"],"
                    "\"problemset_admin\":[16,17,18],\"other\":{\"a\":[1]}}";
    struct asker a = ask(f, AUTH_MAY, "T", "/contest/c1");
    assert_int_equal(a.result, AUTH_OK);
    assert_string_equal(a.user, "ana");
    assert_true(a.admin);
    assert_true(a.rules_c1 && a.rules_p1 && a.rules_17);
    assert_int_equal(a.n_contests, 2);
    assert_int_equal(a.n_problems, 1);
    assert_int_equal(a.n_problemsets, 3);
    assert_int_equal(a.http_status, 200);
    assert_int_equal(a.body_bytes, 0);
}

static void only_an_answer_of_the_right_shape_is_believed(void **state)
{
    static const struct {
        const char *body;
        enum auth_result result;
    } rows[] = {
        {"{\"user\":\"ana\"}", AUTH_OK},
        {"{\"user\":null}", AUTH_OK},
        {"{\"user\":\"\"}", AUTH_OK},
        {"{\"user\":\"ana\",\"contest_admin\":null,\"problemset_admin\":[]}", AUTH_OK},
        {"{}", AUTH_UNAVAILABLE},
        {"{\"admin\":true}", AUTH_UNAVAILABLE},
        {"{\"user\":5}", AUTH_UNAVAILABLE},
        {"{\"user\":false}", AUTH_UNAVAILABLE},
        {"{\"user\":{}}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\",\"admin\":1}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\",\"contest_admin\":{}}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\",\"contest_admin\":[1]}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\",\"problem_admin\":[null]}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\",\"problemset_admin\":[\"17\"]}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\",\"problemset_admin\":[9223372036854775808]}", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\"", AUTH_UNAVAILABLE},
        {"{\"user\":\"ana\"} x", AUTH_UNAVAILABLE},
        {"[\"user\"]", AUTH_UNAVAILABLE},
        {"\"user\"", AUTH_UNAVAILABLE},
        {"", AUTH_UNAVAILABLE},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        forget_all(f);
        f->judge.body = rows[i].body;
        struct asker a = ask(f, AUTH_MAY, "T", "/contest/a");
        if (a.result != rows[i].result) {
            fail_msg("%s: %d, not %d", rows[i].body, a.result, rows[i].result);
        }
        if (a.result == AUTH_UNAVAILABLE) {
            assert_string_equal(a.user, "");
            assert_false(a.admin);
            assert_int_equal(a.n_contests + a.n_problems + a.n_problemsets, 0);
        }
    }
}

static void a_scoreboard_is_believed_only_when_it_is_named(void **state)
{
    static const struct {
        const char *body;
        enum auth_result result;
        const char *contest;
        bool admin;
    } rows[] = {
        {"{\"user\":null,\"scoreboard\":{\"contest\":\"annual\",\"admin\":false}}", AUTH_OK,
         "annual", false},
        {"{\"user\":\"ana\",\"scoreboard\":{\"contest\":\"omi:a\",\"admin\":true}}", AUTH_OK,
         "omi:a", true},
        {"{\"user\":null}", AUTH_NOT_FOUND, "", false},
        {"{\"user\":\"ana\",\"admin\":true}", AUTH_NOT_FOUND, "", false},
        {"{\"user\":null,\"scoreboard\":null}", AUTH_NOT_FOUND, "", false},
        {"{\"user\":null,\"scoreboard\":{\"contest\":\"annual\"}}", AUTH_NOT_FOUND, "", false},
        {"{\"user\":null,\"scoreboard\":{\"admin\":true}}", AUTH_NOT_FOUND, "", false},
        {"{\"user\":null,\"scoreboard\":{\"contest\":\"\",\"admin\":true}}", AUTH_NOT_FOUND, "",
         false},
        {"{\"user\":null,\"scoreboard\":{\"contest\":\"a/b\",\"admin\":true}}", AUTH_NOT_FOUND, "",
         false},
        {"{\"scoreboard\":{\"contest\":\"annual\",\"admin\":false}}", AUTH_UNAVAILABLE, "", false},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        forget_all(f);
        f->judge.body = rows[i].body;
        struct asker a = ask(f, AUTH_MAY, "", "/scoreboard/TOKEN");
        assert_int_equal(a.result, rows[i].result);
        assert_string_equal(a.scoreboard, rows[i].contest);
        assert_int_equal(a.scoreboard_admin, rows[i].admin);
    }
    assert_string_equal(f->judge.method_and_uri,
                        "GET /api/user/validateFilter/?filter=%2Fscoreboard%2FTOKEN");
}

static void a_scoreboard_that_was_not_asked_for_is_ignored(void **state)
{
    struct fixture *f = *state;
    f->judge.body = "{\"user\":null,\"scoreboard\":{\"contest\":\"annual\",\"admin\":true}}";
    struct asker a = ask(f, AUTH_MAY, "", "/contest/a/TOKEN");
    assert_int_equal(a.result, AUTH_OK);
    assert_string_equal(a.scoreboard, "");
    a = ask(f, AUTH_MAY, "", "/contest/a,/scoreboard/TOKEN");
    assert_string_equal(a.scoreboard, "annual");
}

static void a_refusals_body_is_passed_on_cut(void **state)
{
    struct fixture *f = *state;
    f->judge.status = 403;
    f->judge.body = "{\"error\":\"no\"}";
    struct asker a = ask(f, AUTH_MAY, "T", "/contest/a");
    assert_string_equal(a.body, "{\"error\":\"no\"}");
    f->judge.body_bytes = 10000;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/b").body_bytes, 4096);
    assert_int_equal(ask(f, AUTH_WHO, "T", "").body_bytes, 0);
    f->judge.status = 500;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/c").body_bytes, 0);
}

static void a_refusals_body_is_not_cut_inside_a_character(void **state)
{
    static char body[4100];
    struct fixture *f = *state;
    memset(body, 'x', sizeof(body) - 1);
    memcpy(body + 4095, "\xc3\xb1", 2);
    f->judge.status = 404;
    f->judge.body = body;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/a").body_bytes, 4095);
}

static void a_huge_answer_is_unavailable(void **state)
{
    struct fixture *f = *state;
    f->judge.body_bytes = LIMIT_FRONTEND_ANSWER_BYTES + 1;
    struct asker a = ask(f, AUTH_MAY, "T", "/contest/a");
    assert_int_equal(a.result, AUTH_UNAVAILABLE);
    assert_int_equal(a.http_status, 0);
}

static void a_frontend_that_is_down_is_unavailable(void **state)
{
    struct fixture *f = *state;
    judge_stop(&f->judge);
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/a").result, AUTH_UNAVAILABLE);
    assert_int_equal(ask(f, AUTH_WHO, "T", "").result, AUTH_UNAVAILABLE);
    assert_int_equal(f->metrics.calls_unavailable, 2);
}

static void a_frontend_that_is_too_slow_is_unavailable(void **state)
{
    struct fixture *f = *state;
    f->limits.call_ms = 50;
    fixture_remake_auth(f);
    f->judge.holds = true;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/a").result, AUTH_UNAVAILABLE);
    assert_int_equal(f->judge.calls, 1);
    assert_int_equal(f->metrics.calls_unavailable, 1);
}

static void an_unusable_url_is_said_at_the_start(void **state)
{
    struct fixture *f = *state;
    free(f->settings->broadcaster.frontend_url);
    f->settings->broadcaster.frontend_url = strdup("gopher://judge");
    struct auth *auth = NULL;
    const char *why = NULL;
    assert_true(auth_create(f->loop, f->settings, &f->metrics, &auth, &why) < 0);
    assert_null(auth);
    assert_non_null(why);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_credential_goes_as_header_or_as_cookie_never_both),
        TEST(nobody_asks_without_credential),
        TEST(filters_are_percent_encoded_whole),
        TEST(a_frontend_may_live_below_a_path),
        TEST(what_is_no_token_is_unauthorized_without_a_call),
        TEST(every_status_has_its_meaning),
        TEST(a_redirect_is_not_followed),
        TEST(a_session_says_who_it_is),
        TEST(filters_answers_carry_the_admin_lists),
        TEST(only_an_answer_of_the_right_shape_is_believed),
        TEST(a_scoreboard_is_believed_only_when_it_is_named),
        TEST(a_scoreboard_that_was_not_asked_for_is_ignored),
        TEST(a_refusals_body_is_passed_on_cut),
        TEST(a_refusals_body_is_not_cut_inside_a_character),
        TEST(a_huge_answer_is_unavailable),
        TEST(a_frontend_that_is_down_is_unavailable),
        TEST(a_frontend_that_is_too_slow_is_unavailable),
        TEST(an_unusable_url_is_said_at_the_start),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
