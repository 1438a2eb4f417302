/* SPDX-License-Identifier: MIT */
/* Turns, joining, the cache, forgetting, cancelling, reloading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/access/auth_frontend.h"
#include "tests/unit/auth_fixture.h"

#define ANA "{\"user\":\"ana\"}"
#define BOB "{\"user\":\"bob\"}"

/* A question that no other number asks. */
static bool begin_number(struct asker *a, struct fixture *f, unsigned number)
{
    char filters[32];
    (void)snprintf(filters, sizeof(filters), "/problemset/%u", number + 1);
    return asker_begin(a, f, AUTH_MAY, "T", filters);
}

static bool begin(struct asker *a, struct fixture *f)
{
    return asker_begin(a, f, AUTH_MAY, "T", "/contest/a");
}

static void set_concurrency(struct fixture *f, int64_t n)
{
    f->settings->broadcaster.auth_concurrency = n;
    fixture_remake_auth(f);
}

static void equal_questions_at_the_same_time_are_asked_once(void **state)
{
    struct fixture *f = *state;
    f->judge.holds = true;
    struct asker a[5] = {0};
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin(&a[i], f));
    }
    fixture_run_until(f, &f->judge.calls, 1);
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->answers, ARRAY_LEN(a));
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].place, i + 1);
        assert_string_equal(a[i].user, "ana");
    }
    assert_int_equal(f->judge.calls, 1);
    assert_int_equal(f->metrics.joined, 4);
    assert_int_equal(f->metrics.calls_ok, 1);
}

static void other_questions_are_not_joined(void **state)
{
    struct fixture *f = *state;
    f->judge.holds = true;
    struct asker a[4] = {0};
    assert_true(asker_begin(&a[0], f, AUTH_MAY, "T", "/contest/a"));
    assert_true(asker_begin(&a[1], f, AUTH_MAY, "U", "/contest/a"));
    assert_true(asker_begin(&a[2], f, AUTH_MAY, "T", "/contest/b"));
    assert_true(asker_begin(&a[3], f, AUTH_WHO, "T", ""));
    fixture_run_until(f, &f->judge.calls, 4);
    assert_int_equal(f->metrics.joined, 0);
}

static void a_question_that_was_asked_too_long_ago_is_not_joined(void **state)
{
    struct fixture *f = *state;
    f->settings->broadcaster.auth_cache_ms = 20;
    fixture_remake_auth(f);
    f->judge.holds = true;
    struct asker a[3] = {0};
    assert_true(begin(&a[0], f));
    fixture_run_until(f, &f->judge.calls, 1);
    fixture_run_for_ms(f, 40);
    assert_true(begin(&a[1], f));
    fixture_run_until(f, &f->judge.calls, 2);
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->answers, 1);
    judge_let_go(&f->judge, 200, BOB);
    fixture_run_until(f, &f->answers, 2);
    assert_string_equal(a[0].user, "ana");
    assert_string_equal(a[1].user, "bob");
    assert_int_equal(f->metrics.joined, 0);
}

static void no_more_calls_at_once_than_set(void **state)
{
    struct fixture *f = *state;
    set_concurrency(f, 3);
    f->judge.holds = true;
    struct asker a[10] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin_number(&a[i], f, i));
    }
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        fixture_run_until(f, &f->judge.calls, i + 1);
        judge_let_go(&f->judge, 200, ANA);
    }
    fixture_run_until(f, &f->answers, ARRAY_LEN(a));
    assert_int_equal(f->judge.most, 3);
    assert_int_equal(f->judge.calls, ARRAY_LEN(a));
    assert_int_equal(f->seconds.count, ARRAY_LEN(a));
}

static void who_came_first_is_served_first(void **state)
{
    struct fixture *f = *state;
    set_concurrency(f, 1);
    f->judge.body = ANA;
    struct asker a[8] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin_number(&a[i], f, i));
    }
    fixture_run_until(f, &f->answers, ARRAY_LEN(a));
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_int_equal(a[i].place, i + 1);
    }
}

static void over_the_limit_of_waiting_questions_the_newest_are_unavailable(void **state)
{
    struct fixture *f = *state;
    f->limits.waiting = 2;
    set_concurrency(f, 1);
    f->judge.holds = true;
    struct asker a[6] = {0};
    assert_true(begin_number(&a[0], f, 0)); /* has its turn */
    assert_true(begin_number(&a[1], f, 1));
    assert_true(begin_number(&a[2], f, 1)); /* joins: no question more */
    assert_true(begin_number(&a[3], f, 2));
    assert_true(begin_number(&a[4], f, 3));
    fixture_run_until(f, &a[4].calls, 1);
    assert_int_equal(a[4].result, AUTH_UNAVAILABLE);
    assert_int_equal(f->metrics.refused_busy, 1);
    auth_cancel(a[3].call);
    assert_true(begin_number(&a[5], f, 3)); /* in the place of the one that left */
    fixture_run_until(f, &f->judge.calls, 1);
    f->judge.holds = false;
    f->judge.body = ANA;
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->answers, 5);
    assert_int_equal(a[3].calls, 0);
    assert_int_equal(a[5].result, AUTH_OK);
    assert_int_equal(f->metrics.refused_busy, 1);
}

static void who_waits_too_long_for_a_turn_gets_unavailable(void **state)
{
    struct fixture *f = *state;
    f->limits.wait_ms = 30;
    set_concurrency(f, 1);
    f->judge.holds = true;
    struct asker a[3] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin_number(&a[i], f, i));
    }
    fixture_run_until(f, &f->answers, 2);
    assert_int_equal(a[0].calls, 0); /* its turn has no such end */
    assert_int_equal(a[1].result, AUTH_UNAVAILABLE);
    assert_int_equal(a[2].result, AUTH_UNAVAILABLE);
    assert_int_equal(f->metrics.refused_busy, 2);
    assert_int_equal(f->judge.calls, 1);
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->answers, 3);
    assert_int_equal(a[0].result, AUTH_OK);
}

static void a_recent_answer_serves_without_a_call(void **state)
{
    struct fixture *f = *state;
    f->judge.body = ANA;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/a").result, AUTH_OK);
    assert_int_equal(auth_cached(f->auth), 1);
    f->judge.body = BOB;
    assert_string_equal(ask(f, AUTH_MAY, "T", "/contest/a").user, "ana");
    assert_int_equal(f->judge.calls, 1);
    assert_int_equal(f->metrics.cache_hits, 1);
    assert_string_equal(ask(f, AUTH_MAY, "U", "/contest/a").user, "bob");
    assert_int_equal(auth_cached(f->auth), 2);
}

static void a_refusal_serves_too_but_unavailable_does_not(void **state)
{
    struct fixture *f = *state;
    f->judge.status = 403;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/a").result, AUTH_FORBIDDEN);
    assert_int_equal(auth_cached(f->auth), 1);
    f->judge.status = 500;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/b").result, AUTH_UNAVAILABLE);
    assert_int_equal(auth_cached(f->auth), 1);
    assert_int_equal(f->metrics.calls_refused, 1);
    assert_int_equal(f->metrics.calls_unavailable, 1);
}

static void a_cache_of_no_seconds_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    f->settings->broadcaster.auth_cache_ms = 0;
    fixture_remake_auth(f);
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    assert_int_equal(f->judge.calls, 2);
    assert_int_equal(auth_cached(f->auth), 0);
}

static void old_answers_do_not_stay_in_memory(void **state)
{
    struct fixture *f = *state;
    f->settings->broadcaster.auth_cache_ms = 500;
    fixture_remake_auth(f);
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    assert_int_equal(auth_cached(f->auth), 1);
    fixture_run_for_ms(f, 1200);
    assert_int_equal(auth_cached(f->auth), 0);
}

static void a_forgotten_users_answers_are_asked_for_anew(void **state)
{
    struct fixture *f = *state;
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    f->judge.body = BOB;
    (void)ask(f, AUTH_MAY, "U", "/contest/a");
    auth_forget_user(f->auth, STR("ana"));
    assert_int_equal(auth_cached(f->auth), 1);
    f->judge.status = 401;
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/a").result, AUTH_UNAUTHORIZED);
    assert_int_equal(ask(f, AUTH_MAY, "U", "/contest/a").result, AUTH_OK);
}

static void an_answer_under_way_about_a_forgotten_user_does_not_count(void **state)
{
    struct fixture *f = *state;
    f->judge.holds = true;
    struct asker a = {0};
    assert_true(begin(&a, f));
    fixture_run_until(f, &f->judge.calls, 1);
    auth_forget_user(f->auth, STR("bob"));
    auth_forget_user(f->auth, STR("ana"));
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->judge.calls, 2);
    assert_int_equal(a.calls, 0);
    assert_int_equal(auth_cached(f->auth), 0);
    judge_let_go(&f->judge, 401, "{}");
    fixture_run_until(f, &a.calls, 1);
    assert_int_equal(a.result, AUTH_UNAUTHORIZED);
}

static void an_answer_under_way_about_another_user_counts(void **state)
{
    struct fixture *f = *state;
    f->judge.holds = true;
    struct asker a = {0};
    assert_true(begin(&a, f));
    fixture_run_until(f, &f->judge.calls, 1);
    auth_forget_user(f->auth, STR("an"));
    auth_forget_user(f->auth, STR("anaa"));
    auth_forget_user(f->auth, STR(""));
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &a.calls, 1);
    assert_string_equal(a.user, "ana");
    assert_int_equal(f->judge.calls, 1);
}

static void a_question_still_waiting_is_not_touched_by_forgetting(void **state)
{
    struct fixture *f = *state;
    set_concurrency(f, 1);
    f->judge.holds = true;
    struct asker a[2] = {0};
    assert_true(begin_number(&a[0], f, 0));
    assert_true(begin_number(&a[1], f, 1));
    fixture_run_until(f, &f->judge.calls, 1);
    auth_forget_user(f->auth, STR("ana"));
    judge_let_go(&f->judge, 200, BOB);
    fixture_run_until(f, &f->judge.calls, 2);
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->answers, 2);
    assert_int_equal(f->judge.calls, 2);
    assert_string_equal(a[1].user, "ana");
}

static void an_answer_about_to_be_told_is_forgotten_too(void **state)
{
    struct fixture *f = *state;
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    struct asker a = {0};
    assert_true(begin(&a, f)); /* from the cache, told at the end of the turn */
    auth_forget_user(f->auth, STR("ana"));
    f->judge.status = 401;
    fixture_run_until(f, &a.calls, 1);
    assert_int_equal(a.result, AUTH_UNAUTHORIZED);
    assert_int_equal(f->judge.calls, 2);
}

static void one_told_asker_may_forget_the_user_for_the_next(void **state)
{
    struct fixture *f = *state;
    f->judge.holds = true;
    struct asker a[2] = {{.forgets = "ana"}, {0}};
    assert_true(begin(&a[0], f));
    assert_true(begin(&a[1], f));
    fixture_run_until(f, &f->judge.calls, 1);
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->judge.calls, 2);
    assert_int_equal(a[0].calls, 1);
    assert_int_equal(a[1].calls, 0);
    judge_let_go(&f->judge, 403, "{}");
    fixture_run_until(f, &a[1].calls, 1);
    assert_int_equal(a[1].result, AUTH_FORBIDDEN);
}

static void one_told_asker_may_cancel_the_next(void **state)
{
    struct fixture *f = *state;
    f->judge.body = ANA;
    struct asker a[3] = {{.cancels = &a[1]}, {0}, {0}};
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin(&a[i], f));
    }
    fixture_run_until(f, &a[2].calls, 1);
    assert_int_equal(a[0].calls, 1);
    assert_int_equal(a[1].calls, 0);
}

static void who_cancelled_is_not_told(void **state)
{
    struct fixture *f = *state;
    set_concurrency(f, 1);
    f->judge.holds = true;
    struct asker a[3] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin_number(&a[i], f, i));
    }
    fixture_run_until(f, &f->judge.calls, 1);
    auth_cancel(a[0].call); /* asked already: its turn goes on */
    auth_cancel(a[1].call); /* was waiting: is never asked */
    auth_cancel(NULL);
    fixture_run_for_ms(f, 20);
    assert_int_equal(f->judge.calls, 1);
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->judge.calls, 2);
    judge_let_go(&f->judge, 200, BOB);
    fixture_run_until(f, &a[2].calls, 1);
    assert_int_equal(a[0].calls + a[1].calls, 0);
    assert_int_equal(f->judge.calls, 2);
    assert_int_equal(auth_cached(f->auth), 2); /* the cancelled one's answer serves the next */
}

static void a_cached_answer_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    struct asker a = {0};
    assert_true(begin(&a, f));
    auth_cancel(a.call);
    fixture_run_for_ms(f, 20);
    assert_int_equal(a.calls, 0);
}

static void a_reload_asks_the_new_frontend_what_the_old_one_has(void **state)
{
    struct fixture *f = *state;
    set_concurrency(f, 2);
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/cached");
    f->judge.holds = true;
    struct asker a[3] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin_number(&a[i], f, i));
    }
    fixture_run_until(f, &f->judge.calls, 3);
    auth_cancel(a[1].call);
    struct judge next;
    judge_start(&next, loop_base(f->loop));
    next.body = BOB;
    fixture_set_frontend(f, &next, "");
    const char *why = "";
    struct auth_source *source = auth_frontend_create(f->loop, f->settings, 1000, &why);
    assert_non_null(source);
    auth_use(f->auth, f->settings, source);
    assert_int_equal(auth_cached(f->auth), 0);
    fixture_run_until(f, &f->answers, 3);
    assert_int_equal(a[1].calls, 0);
    assert_string_equal(a[0].user, "bob");
    assert_string_equal(a[2].user, "bob");
    assert_int_equal(next.calls, 2); /* not for the one that left */
    f->auth = auth_free(f->auth);
    judge_stop(&next);
}

static void new_settings_alone_keep_the_source_and_the_cache(void **state)
{
    struct fixture *f = *state;
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    auth_use(f->auth, f->settings, NULL);
    assert_int_equal(auth_cached(f->auth), 1);
    assert_int_equal(ask(f, AUTH_MAY, "T", "/contest/b").result, AUTH_OK);
}

static void freeing_it_tells_nobody(void **state)
{
    struct fixture *f = *state;
    set_concurrency(f, 1);
    f->judge.body = ANA;
    (void)ask(f, AUTH_MAY, "T", "/contest/a");
    f->judge.holds = true;
    struct asker a[3] = {0};
    assert_true(begin_number(&a[0], f, 0)); /* asked */
    assert_true(begin_number(&a[1], f, 1)); /* waiting */
    fixture_run_until(f, &f->judge.calls, 2);
    assert_true(begin(&a[2], f)); /* ready */
    f->auth = auth_free(f->auth);
    fixture_run_for_ms(f, 20);
    assert_int_equal(a[0].calls + a[1].calls + a[2].calls, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(equal_questions_at_the_same_time_are_asked_once),
        TEST(other_questions_are_not_joined),
        TEST(a_question_that_was_asked_too_long_ago_is_not_joined),
        TEST(no_more_calls_at_once_than_set),
        TEST(who_came_first_is_served_first),
        TEST(over_the_limit_of_waiting_questions_the_newest_are_unavailable),
        TEST(who_waits_too_long_for_a_turn_gets_unavailable),
        TEST(a_recent_answer_serves_without_a_call),
        TEST(a_refusal_serves_too_but_unavailable_does_not),
        TEST(a_cache_of_no_seconds_keeps_nothing),
        TEST(old_answers_do_not_stay_in_memory),
        TEST(a_forgotten_users_answers_are_asked_for_anew),
        TEST(an_answer_under_way_about_a_forgotten_user_does_not_count),
        TEST(an_answer_under_way_about_another_user_counts),
        TEST(a_question_still_waiting_is_not_touched_by_forgetting),
        TEST(an_answer_about_to_be_told_is_forgotten_too),
        TEST(one_told_asker_may_forget_the_user_for_the_next),
        TEST(one_told_asker_may_cancel_the_next),
        TEST(who_cancelled_is_not_told),
        TEST(a_cached_answer_can_be_cancelled),
        TEST(a_reload_asks_the_new_frontend_what_the_old_one_has),
        TEST(new_settings_alone_keep_the_source_and_the_cache),
        TEST(freeing_it_tells_nobody),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
