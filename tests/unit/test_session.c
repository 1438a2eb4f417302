/* SPDX-License-Identifier: MIT */
/* The documented protocol: commands and subscriptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/bus/feed_internal.h"
#include "gateway/hub/hub_internal.h"
#include "gateway/session/session_internal.h"
#include "tests/unit/session_texts.h"

/* ---- plain commands ---- */

static void ping_is_answered_and_bare_ping_is_not(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, PING);
    stage_assert_heard(c, PONG);
    stage_say(g, c, "{\"type\":\"ping\",\"id\":7}");
    stage_assert_heard(c, "{\"type\":\"pong\",\"id\":7}\n");
    stage_say(g, c, "\"ping\"");
    stage_assert_heard(c, "");
    assert_int_equal(g->metrics.connections_active, 1);
}

static void what_is_no_command_is_a_bad_request_and_the_connection_stays(void **state)
{
    struct stage *g = *state;
    static const char *const bad[] = {"",
                                      "nonsense",
                                      "{}",
                                      "[]",
                                      "{\"type\":\"dance\"}",
                                      "{\"type\":\"subscribe\"}",
                                      SUBSCRIBE("contest/a"),
                                      SUBSCRIBE("/contest/"),
                                      SUBSCRIBE("/all-events"),
                                      UNSUBSCRIBE("/nowhere"),
                                      "{\"type\":\"subscribe\",\"channel\":7}"};
    struct client *c = stage_connect(g, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        stage_say(g, c, bad[i]);
        assert_error(c, "bad_request");
    }
    assert_int_equal(stage_n_questions(g), 0);
    stage_say(g, c, PING);
    stage_assert_heard(c, PONG);
}

static void subscribe_asks_the_frontend_and_then_redis(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, "{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"id\":\"x\"}");
    assert_string_equal(stage_question(g), "may  /contest/a");
    assert_string_equal(fake_bus_commands(g->bus), "");
    stage_answer_user(g, "");
    assert_string_equal(fake_bus_commands(g->bus), "+contest/a ");
    stage_assert_heard(c, "");
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" A
                          ":0\",\"id\":\"x\"}\n");
    stage_event(g, "", true);
    stage_event(g, "ana", false);
    stage_assert_heard(c, RUN("/contest/a", A ":1"));
    assert_int_equal(g->metrics.subscriptions, 1);
}

/* A budget (docs/performance.md): tens of thousands of idle connections hold nothing else of ours
 * but strings and ws_conn. What goes over it belongs into something that is allocated when needed. */
static void idle_session_with_two_channels_stays_within_its_budget(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, "");
    stage_confirm(g, "contest/a");
    stage_event(g, "", true);
    assert_int_equal(outq_heap_bytes(&c->s->writer.out), 0);

    assert_in_range(sizeof(struct session) + 2 * sizeof(struct session_sub), 1, 768);
    assert_in_range(sizeof(struct topic) + sizeof(struct view) + sizeof(struct feed), 1, 408);
    assert_in_range(offsetof(struct session, gw) + sizeof(struct gw *), 1, 128); /* prefetch() */
}

static void refusals_of_the_frontend_become_their_errors(void **state)
{
    struct stage *g = *state;
    static const struct {
        enum auth_result result;
        const char *code;
    } rows[] = {{AUTH_UNAUTHORIZED, "unauthorized"},
                {AUTH_FORBIDDEN, "forbidden"},
                {AUTH_NOT_FOUND, "not_found"},
                {AUTH_UNAVAILABLE, "unavailable"}};
    struct client *c = stage_connect(g, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stage_say(g, c, SUBSCRIBE("/contest/a"));
        stage_refuse(g, rows[i].result);
        assert_error(c, rows[i].code);
    }
    stage_auth_busy(g, true);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    assert_error(c, "unavailable");
    assert_string_equal(fake_bus_commands(g->bus), "");
}

static void user_channel_is_decided_without_a_question(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    assert_error(c, "unauthorized");
    authenticate(g, c, "ana");
    stage_say(g, c, SUBSCRIBE("/user/bob"));
    assert_error(c, "forbidden");
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    stage_confirm(g, "user/ana");
    stage_assert_heard(c, SUBSCRIBED("/user/ana", A ":0"));
    assert_int_equal(stage_n_questions(g), 0);
}

static void system_admin_may_see_every_user(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, AUTH("T"));
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK, .user = STR("root"), .admin = true});
    stage_assert_heard(c, AUTH_SUCCESS("root"));
    stage_say(g, c, SUBSCRIBE("/user/bob"));
    stage_confirm(g, "user/bob");
    stage_assert_heard(c, SUBSCRIBED("/user/bob", A ":0"));
}

static void admin_channel_needs_an_admin_and_one_question_serves_both_channels(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/contest/a/admin"));
    assert_string_equal(stage_question(g), "may  /contest/a");
    stage_answer_user(g, "");
    assert_error(c, "unauthorized");
    authenticate(g, c, "ana");
    stage_say(g, c, SUBSCRIBE("/contest/a/admin"));
    stage_answer_user(g, "ana");
    assert_error(c, "forbidden");
    stage_say(g, c, AUTH("T2"));
    stage_answer_user(g, "eva");
    buf_clear(&c->heard);
    stage_say(g, c, SUBSCRIBE("/contest/a/admin"));
    stage_answer_admin(g, "eva", "a");
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    assert_int_equal(stage_n_questions(g), 0); /* known for the life of the connection */
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, SUBSCRIBED("/contest/a/admin", A ":0") SUBSCRIBED("/contest/a", A ":0"));
    stage_event(g, "bob", false);
    stage_assert_heard(c, RUN("/contest/a/admin", A ":1") RUN("/contest/a", A ":1"));
}

static void subscriptions_ask_one_after_another_and_do_not_wait_for_each_other(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_say(g, c, SUBSCRIBE("/problem/p"));
    stage_say(g, c, PING);
    stage_assert_heard(c, PONG);
    assert_int_equal(stage_n_questions(g), 1);
    stage_refuse(g, AUTH_NOT_FOUND);
    assert_error(c, "not_found");
    assert_string_equal(stage_question(g), "may  /problem/p");
    stage_answer_user(g, "");
    stage_confirm(g, "problem/p");
    stage_assert_heard(c, SUBSCRIBED("/problem/p", A ":0"));
}

static void unsubscribing_the_one_being_asked_about_asks_about_the_next(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_say(g, c, SUBSCRIBE("/problem/p"));
    stage_say(g, c, UNSUBSCRIBE("/contest/a"));
    stage_assert_heard(c, UNSUBSCRIBED("/contest/a"));
    assert_int_equal(stage_n_questions(g), 1);
    assert_string_equal(stage_question(g), "may  /problem/p");
    stage_answer_user(g, "");
    stage_confirm(g, "problem/p");
    stage_assert_heard(c, SUBSCRIBED("/problem/p", A ":0"));
}

static void unsubscribe_is_answered_always_and_cancels_what_is_pending(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, UNSUBSCRIBE("/contest/a"));
    stage_assert_heard(c, UNSUBSCRIBED("/contest/a"));
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, ""); /* waits for Redis now */
    stage_say(g, c, UNSUBSCRIBE("/contest/a"));
    stage_confirm(g, "contest/a");
    stage_event(g, "", true);
    stage_assert_heard(c, UNSUBSCRIBED("/contest/a"));
    stage_pass_s(g, 6);
    stage_assert_heard(c, "");
}

static void too_many_subscriptions_are_refused(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/contest/a1"));
    stage_say(g, c, SUBSCRIBE("/contest/a2"));
    stage_say(g, c, SUBSCRIBE("/contest/a3"));
    stage_say(g, c, SUBSCRIBE("/contest/a4"));
    stage_say(g, c, SUBSCRIBE("/contest/a4")); /* the same: not one more */
    stage_assert_heard(c, "");
    stage_say(g, c, SUBSCRIBE("/contest/a5"));
    assert_error(c, "too_many_subscriptions");
    stage_say(g, c, UNSUBSCRIBE("/contest/a2"));
    buf_clear(&c->heard);
    stage_say(g, c, SUBSCRIBE("/contest/a5"));
    stage_assert_heard(c, "");
}

static void second_subscribe_answers_the_position_and_with_one_restarts(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    stage_event(g, "", true);
    stage_event(g, "", true);
    buf_clear(&c->heard);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_assert_heard(c, SUBSCRIBED("/contest/a", A ":2"));
    stage_say(g, c, RESUME("/contest/a", A ":1"));
    stage_assert_heard(c, "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" A
                          ":1\",\"recovered\":true}\n" RUN("/contest/a", A ":2"));
    stage_say(g, c, RESUME("/contest/a", "rubbish"));
    stage_assert_heard(c, "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" A
                          ":2\",\"recovered\":false}\n");
    assert_int_equal(g->metrics.subscriptions, 1);
    stage_event(g, "", true);
    stage_assert_heard(c, RUN("/contest/a", A ":3"));
}

static void subscription_without_redis_is_unavailable_after_five_seconds(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_pass_s(g, 20); /* the frontend may take its time */
    stage_answer_user(g, "");
    stage_pass_s(g, 4);
    stage_assert_heard(c, "");
    stage_pass_s(g, 3);
    assert_error(c, "unavailable");
    assert_int_equal(g->metrics.subscriptions, 0);
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, "");
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_assert_heard(c, SUBSCRIBED("/contest/a", A ":0"));
}

/* ---- the scoreboard's token ---- */

static void scoreboard_token_in_redis_needs_no_frontend(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    assert_string_equal(fake_bus_commands(g->bus), "?scoreboard:tok ");
    static const char *const fields[] = {"contest", "a", "admin", "0", NULL};
    fake_bus_answer_command(g->bus, fields);
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, SUBSCRIBED("/scoreboard/tok", A ":0"));
    assert_int_equal(stage_n_questions(g), 0);
    stage_scoreboard(g, false);
    stage_event(g, "", true);
    stage_assert_heard(c, "");
    stage_scoreboard(g, true);
    stage_assert_heard(c, "{\"type\":\"scoreboard_update\",\"channel\":\"/scoreboard/tok\","
                          "\"timestamp\":1704067200,\"id\":\"" FAKE_ID "\",\"position\":\"" A
                          ":3\",\"data\":{}}\n");
}

static void unknown_scoreboard_token_is_asked_of_the_frontend(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    static const char *const nothing[] = {NULL};
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    fake_bus_answer_command(g->bus, nothing);
    assert_string_equal(stage_question(g), "may  /scoreboard/tok");
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK,
                                          .scoreboard_contest = STR("a"),
                                          .scoreboard_admin = true});
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, SUBSCRIBED("/scoreboard/tok", A ":0"));
    stage_scoreboard(g, false);
    assert_true(c->heard.n > 0);
    buf_clear(&c->heard);
    stage_say(g, c, UNSUBSCRIBE("/scoreboard/tok"));
    buf_clear(&c->heard);
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    stage_say(g, c, UNSUBSCRIBE("/scoreboard/tok")); /* while Redis is being asked */
    buf_clear(&c->heard);
    fake_bus_answer_command(g->bus, nothing);
    assert_int_equal(stage_n_questions(g), 0);
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    fake_bus_answer_command(g->bus, NULL);
    fake_loop_turn(g->gw.loop);
    assert_error(c, "unavailable");
    fake_bus_set_reader(g->bus, false);
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    assert_error(c, "unavailable");
}

static void scoreboard_token_lives_as_long_as_is_said_last(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    char soon[24];
    char far[24]; /* 2^32 + 5 seconds: no wrapping around */
    long long now_s = (long long)(clock_wall_ms() / 1000);
    snprintf(soon, sizeof(soon), "%lld", now_s + 10);
    snprintf(far, sizeof(far), "%lld", now_s + (1LL << 32) + 5);
    const char *const ends_soon[] = {"contest", "a", "admin", "0", "expires", soon, NULL};
    const char *const ends_never[] = {"contest", "a", "admin", "0", "expires", far, NULL};
    static const char *const nothing[] = {NULL};
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    fake_bus_answer_command(g->bus, ends_never);
    stage_confirm(g, "contest/a");
    stage_pass_s(g, 15);
    stage_assert_heard(c, SUBSCRIBED("/scoreboard/tok", A ":0"));
    session_recheck_scoreboard(c->s, STR("tok"));
    fake_bus_answer_command(g->bus, ends_soon);
    session_recheck_scoreboard(c->s, STR("tok"));
    fake_bus_answer_command(g->bus, nothing); /* now it is one that the frontend knows */
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK, .scoreboard_contest = STR("a")});
    stage_pass_s(g, 15);
    stage_assert_heard(c, "");
    assert_int_equal(g->metrics.subscriptions, 1);
}

static void scoreboard_token_that_expires_is_revoked(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    char expires[24];
    snprintf(expires, sizeof(expires), "%lld", (long long)(clock_wall_ms() / 1000 + 10));
    const char *const fields[] = {"contest", "a", "admin", "0", "expires", expires, NULL};
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    fake_bus_answer_command(g->bus, fields);
    stage_confirm(g, "contest/a");
    buf_clear(&c->heard);
    stage_pass_s(g, 8);
    stage_assert_heard(c, "");
    stage_pass_s(g, 5);
    stage_assert_heard(c, REVOKED("/scoreboard/tok"));
    assert_int_equal(g->metrics.subscriptions, 0);
    assert_int_equal(c->close_code, 0);
}

/* ---- rate ---- */

static void commands_over_the_burst_are_limited_and_come_back_with_time(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    for (int i = 0; i < LIMIT_COMMANDS_BURST; i++) {
        stage_say(g, c, "\"ping\"");
    }
    stage_assert_heard(c, "");
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    assert_error(c, "rate_limited");
    assert_int_equal(stage_n_questions(g), 0);
    stage_pass_s(g, 1);
    for (int i = 0; i < LIMIT_COMMANDS_PER_SECOND; i++) {
        stage_say(g, c, "\"ping\"");
    }
    stage_assert_heard(c, "");
    stage_say(g, c, PING);
    assert_error(c, "rate_limited");
    stage_pass_s(g, 11);
    for (int i = 0; i < LIMIT_COMMANDS_BURST; i++) {
        stage_say(g, c, "\"ping\"");
    }
    stage_assert_heard(c, "");
}

/* ---- memory ---- */

/* Everything a session does, with each allocation failing in turn: whatever becomes of it, nothing
 * is used after its end, and the gauges return to zero (tear down). */
static void any_allocation_may_fail(void **state)
{
    struct stage *g = *state;
    static const char *const said[] = {
        AUTH("T"),
        SUBSCRIBE("/user/ana"),
        "{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"id\":9}",
        UNSUBSCRIBE("/user/ana"),
        SUBSCRIBE("/scoreboard/tok"),
        PING};
    bool hit = true;
    for (long n = 0; hit; n++) {
        fail_alloc_at(n);
        struct client *c = stage_connect(g, 0);
        for (size_t i = 0; c->s && i < ARRAY_LEN(said); i++) {
            session_on_text(c->s, str_of(said[i]));
            if (stage_n_questions(g) > 0 && i == 0) {
                stage_answer_user(g, "ana");
            }
        }
        if (stage_n_questions(g) > 0) {
            stage_answer_user(g, "ana");
        }
        fake_loop_turn(g->gw.loop);
        hit = fail_alloc_hit();
        fail_alloc_at(-1);
        if (fake_bus_n_commands(g->bus) > 0) {
            fake_bus_answer_command(g->bus, NULL);
        }
        stage_confirm(g, "user/ana");
        stage_confirm(g, "contest/a");
        stage_event(g, "", true);
        if (c->s) {
            stage_disconnect(c);
        }
        buf_clear(&c->heard);
        fake_loop_pass_ms(g->gw.loop, 12000);
        fake_bus_commands(g->bus);
        assert_int_equal(g->metrics.queue_bytes, 0);
        assert_int_equal(g->metrics.subscriptions, 0);
        assert_int_equal(g->metrics.connections_active, 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_set_up, stage_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ping_is_answered_and_bare_ping_is_not),
        TEST(what_is_no_command_is_a_bad_request_and_the_connection_stays),
        TEST(subscribe_asks_the_frontend_and_then_redis),
        TEST(idle_session_with_two_channels_stays_within_its_budget),
        TEST(refusals_of_the_frontend_become_their_errors),
        TEST(user_channel_is_decided_without_a_question),
        TEST(system_admin_may_see_every_user),
        TEST(admin_channel_needs_an_admin_and_one_question_serves_both_channels),
        TEST(subscriptions_ask_one_after_another_and_do_not_wait_for_each_other),
        TEST(unsubscribing_the_one_being_asked_about_asks_about_the_next),
        TEST(unsubscribe_is_answered_always_and_cancels_what_is_pending),
        TEST(too_many_subscriptions_are_refused),
        TEST(second_subscribe_answers_the_position_and_with_one_restarts),
        TEST(subscription_without_redis_is_unavailable_after_five_seconds),
        TEST(scoreboard_token_in_redis_needs_no_frontend),
        TEST(unknown_scoreboard_token_is_asked_of_the_frontend),
        TEST(scoreboard_token_lives_as_long_as_is_said_last),
        TEST(scoreboard_token_that_expires_is_revoked),
        TEST(commands_over_the_burst_are_limited_and_come_back_with_time),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
