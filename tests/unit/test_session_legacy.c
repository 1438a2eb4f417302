/* SPDX-License-Identifier: MIT */
/* The legacy protocol: filters at the start, backend texts out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"
#include "tests/support/session_stage.h"
#include "tests/support/words.h"

#define TEXT "{\"message\":\"/run/update/\"}\n"
#define BOARD "{\"message\":\"/scoreboard/update/\"}\n"

static struct client *connect(struct stage *g, size_t i, const char *filters)
{
    return stage_connect_with(g, i, SESSION_LEGACY, "COOKIE", filters);
}

static void confirm_all(struct stage *g)
{
    static const char *const topics[] = {"all", "problemset/17", "contest/a", "problem/p",
                                         "user/ana"};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        stage_confirm(g, topics[i]);
    }
}

/* An event that names everything: it is published to all five topics and heard on each. */
static void publish_everywhere(struct stage *g, const char *user, bool is_public)
{
    static const char *const topics[] = {"user/ana", "contest/a", "all", "problem/p",
                                         "problemset/17"};
    struct event e = fake_run(user, is_public);
    e.problem = STR("p");
    e.problemset = 17;
    e.topics = 0x1f;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct fake_topic *t = fake_topic(g->bus, topics[i]);
        fake_publish(t, &e);
        fake_bus_message(g->bus, str_of(topics[i]), t->live[t->last]);
    }
    fake_loop_turn(g->gw.loop);
}

/* Nothing of Redis is touched for a client that perhaps nobody knows. */
static void nothing_is_wanted_of_redis_before_the_answer(void **state)
{
    struct stage *g = *state;
    g->settings.broadcaster.legacy_resume_ms = 60000;
    struct client *c = connect(g, 0, "/contest/a,/problemset/17/tok");
    assert_string_equal(stage_question(g), "may COOKIE /contest/a,/problemset/17/tok");
    stage_pass_s(g, 20);
    assert_string_equal(fake_bus_commands(g->bus), "");
    assert_int_equal(fake_bus_n_reads(g->bus), 0);
    stage_refuse(g, AUTH_FORBIDDEN);
    assert_int_equal(c->close_code, 4003);
    stage_disconnect(c);
    assert_string_equal(fake_bus_commands(g->bus), "");
}

static void nobody_reads_and_leaves_no_record(void **state)
{
    struct stage *g = *state;
    g->settings.broadcaster.legacy_resume_ms = 60000;
    struct client *c = connect(g, 0, "/contest/a");
    stage_answer_user(g, "");
    stage_confirm(g, "contest/a");
    stage_event(g, "", true);
    stage_assert_heard(c, TEXT);
    stage_disconnect(c);
    assert_string_equal(fake_bus_commands(g->bus), "+contest/a ");
}

static void what_was_published_before_the_answer_is_not_missed(void **state)
{
    struct stage *g = *state;
    for (int is_live = 0; is_live < 2; is_live++) {
        if (is_live) {
            stage_answer_user((connect(g, 0, "/contest/a"), g), "bob");
            stage_confirm(g, "contest/a");
        }
        stage_event(g, "", true); /* long before */
        stage_pass_s(g, 10);
        buf_clear(&g->c[0].heard);
        struct client *c = connect(g, 1, "/contest/a");
        for (int i = 0; i < 50; i++) { /* a judge that takes its time */
            stage_event(g, "", true);
            stage_pass_s(g, 1);
        }
        stage_event(g, "bob", false);
        stage_answer_user(g, "ana");
        stage_confirm(g, "contest/a");
        assert_int_equal(c->heard.n, 50 * strlen(TEXT));
        buf_clear(&c->heard);
        stage_event(g, "ana", false);
        stage_assert_heard(c, TEXT);
        stage_disconnect(c);
        stage_pass_s(g, 15);
    }
    buf_clear(&g->c[0].heard);
}

static void all_events_begin_with_the_answer(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/all-events");
    publish_everywhere(g, "ana", true);
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK, .user = STR("root"), .admin = true});
    confirm_all(g);
    stage_assert_heard(c, "");
    publish_everywhere(g, "ana", true);
    stage_assert_heard(c, TEXT);
}

static void refusals_close_with_their_code(void **state)
{
    struct stage *g = *state;
    static const struct {
        enum auth_result result;
        unsigned code;
    } rows[] = {{AUTH_UNAUTHORIZED, 4003},
                {AUTH_FORBIDDEN, 4003},
                {AUTH_NOT_FOUND, 4004},
                {AUTH_UNAVAILABLE, 1013}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = connect(g, i, "/contest/a");
        stage_refuse(g, rows[i].result);
        assert_int_equal(c->close_code, rows[i].code);
    }
    stage_auth_busy(g, true);
    assert_int_equal(connect(g, 4, "/contest/a")->close_code, 1013);
}

static void asked_again_who_may_see_something_else_is_to_connect_anew(void **state)
{
    struct stage *g = *state;
    static const struct {
        const char *user, *contest;
        enum auth_result result;
        unsigned code;
    } rows[] = {{"ana", "a", AUTH_OK, 0},    {"ana", "a", AUTH_UNAVAILABLE, 0},
                {"ana", "b", AUTH_OK, 1012}, /* no admin any more */
                {"bob", "a", AUTH_OK, 1012}, /* the identity was switched */
                {"", "a", AUTH_OK, 1012},    {"ana", "a", AUTH_FORBIDDEN, 4003}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *c = connect(g, i, "/contest/a,/user/ana");
        stage_answer_admin(g, "ana", "a");
        session_recheck(c->s);
        if (rows[i].result == AUTH_OK) {
            stage_answer_admin(g, rows[i].user, rows[i].contest);
        } else {
            stage_refuse(g, rows[i].result);
        }
        assert_int_equal(c->close_code, rows[i].code);
    }
}

static void recheck_wanted_while_the_judge_is_asked_is_made_afterwards(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a");
    session_recheck(c->s); /* during the handshake's question */
    stage_answer_user(g, "ana");
    session_recheck(c->s); /* and during the recheck's */
    assert_int_equal(stage_n_questions(g), 1);
    stage_answer_user(g, "ana");
    assert_int_equal(stage_n_questions(g), 1);
    assert_true(session_owes_recheck(c->s));
    stage_refuse(g, AUTH_UNAVAILABLE);
    assert_int_equal(stage_n_questions(g), 0);
    assert_true(session_owes_recheck(c->s)); /* nobody has said that it may go on */
    session_recheck(c->s);
    stage_answer_user(g, "ana");
    assert_false(session_owes_recheck(c->s));
    session_recheck(c->s);
    stage_refuse(g, AUTH_FORBIDDEN);
    assert_int_equal(c->close_code, 4003);
}

static void leaving_gateway_closes_at_once(void **state)
{
    struct stage *g = *state;
    g->gw.is_draining = true;
    assert_int_equal(connect(g, 0, "/contest/a")->close_code, 1012);
    assert_int_equal(stage_n_questions(g), 0);
}

static void redis_that_is_away_closes_after_five_seconds(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a");
    stage_answer_user(g, "ana");
    stage_pass_s(g, 4);
    assert_int_equal(c->close_code, 0);
    stage_pass_s(g, 3);
    assert_int_equal(c->close_code, 1013);
}

static void what_the_client_says_is_ignored_and_no_stranger_rule_holds(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a");
    stage_answer_user(g, "");
    confirm_all(g);
    for (int i = 0; i < 400; i++) {
        stage_say(g, c, i % 2 ? "\"ping\"" : "{\"type\":\"ping\"}");
    }
    for (int i = 0; i < 10; i++) {
        stage_pass_s(g, 20);
        stage_say(g, c, "\"ping\"");
    }
    stage_assert_heard(c, "");
    assert_int_equal(c->close_code, 0);
}

/* Every set of filters, every event, every sight: at most once, and exactly when one matches. */
static void event_that_matches_several_filters_is_sent_once(void **state)
{
    struct stage *g = *state;
    static const char *const names[] = {"/user/ana",  "/problem/p",     "/contest/a/tok",
                                        "/contest/a", "/problemset/17", "/all-events"};
    struct str contest[] = {STR("a")};
    struct str problem[] = {STR("p")};
    static const int64_t problemset[] = {17};
    for (unsigned set = 1; set < 64; set++) {
        for (unsigned rights = 0; rights < 16; rights++) {
            char filters[256] = "";
            for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                if (set >> i & 1) {
                    add_words(filters, sizeof(filters), "%s%s", filters[0] ? "," : "", names[i]);
                }
            }
            bool admin = rights & 8;
            struct auth_answer a = {.result = AUTH_OK,
                                    .user = STR("ana"),
                                    .admin = admin,
                                    .contest_admin = contest,
                                    .n_contest_admin = rights & 1,
                                    .problem_admin = problem,
                                    .n_problem_admin = rights >> 1 & 1,
                                    .problemset_admin = problemset,
                                    .n_problemset_admin = rights >> 2 & 1};
            bool may_all = admin && (set & 32);
            bool by_place = set & 0x1e; /* problem, contest, problemset */
            bool as_admin = admin || (rights & 1 && set & 0x0c) || (rights & 2 && set & 2) ||
                            (rights & 4 && set & 16);
            stage_pass_s(g, 3); /* the last ones are no longer of "since now" */
            struct client *c = connect(g, 0, filters);
            /* Twice: while the question is open, and after the answer. */
            publish_everywhere(g, "ana", true);
            publish_everywhere(g, "bob", false);
            stage_answer(g, &a);
            confirm_all(g);
            bool sees_own = may_all || by_place || set & 1;
            bool sees_other = may_all || (by_place && as_admin) || set & 1;
            char expected[128] = "";
            add_words(expected, sizeof(expected), "%s", sees_own ? TEXT : "");
            add_words(expected, sizeof(expected), "%s", sees_other ? TEXT : "");
            stage_assert_heard(c, may_all ? "" : expected); /* of all events, what is new */
            publish_everywhere(g, "ana", true);
            publish_everywhere(g, "bob", false);
            stage_assert_heard(c, expected);
            stage_disconnect(c);
        }
    }
}

static void user_filter_is_only_for_events_that_name_the_user(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a,/user/ana");
    stage_answer_user(g, "ana");
    confirm_all(g);
    stage_event(g, "", false);
    stage_assert_heard(c, "");
    stage_event(g, "ana", false);
    stage_assert_heard(c, TEXT);
}

static void nobodys_session_sees_no_event_without_a_user(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a,/problem/p");
    stage_answer_user(g, "");
    confirm_all(g);
    stage_event(g, "", false);
    stage_assert_heard(c, "");
    stage_event(g, "", true);
    stage_assert_heard(c, TEXT);
}

static void same_filter_twice_is_one(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a,/contest/a");
    stage_answer_user(g, "");
    confirm_all(g);
    stage_event(g, "", true);
    stage_assert_heard(c, TEXT);
    assert_int_equal(g->metrics.subscriptions, 1);
}

static void scoreboards_are_conflated_without_a_word(void **state)
{
    struct stage *g = *state;
    struct client *c = connect(g, 0, "/contest/a");
    stage_answer_user(g, "");
    confirm_all(g);
    c->block_after = true;
    stage_event(g, "", true);
    for (int i = 0; i < 3; i++) {
        stage_scoreboard(g, true);
    }
    stage_writable(g, c);
    stage_assert_heard(c, TEXT BOARD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_set_up, stage_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_wanted_of_redis_before_the_answer),
        TEST(nobody_reads_and_leaves_no_record),
        TEST(what_was_published_before_the_answer_is_not_missed),
        TEST(all_events_begin_with_the_answer),
        TEST(refusals_close_with_their_code),
        TEST(asked_again_who_may_see_something_else_is_to_connect_anew),
        TEST(recheck_wanted_while_the_judge_is_asked_is_made_afterwards),
        TEST(leaving_gateway_closes_at_once),
        TEST(redis_that_is_away_closes_after_five_seconds),
        TEST(what_the_client_says_is_ignored_and_no_stranger_rule_holds),
        TEST(event_that_matches_several_filters_is_sent_once),
        TEST(user_filter_is_only_for_events_that_name_the_user),
        TEST(nobodys_session_sees_no_event_without_a_user),
        TEST(same_filter_twice_is_one),
        TEST(scoreboards_are_conflated_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
