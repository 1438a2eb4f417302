/* SPDX-License-Identifier: MIT */
/* The documented protocol: who is it, and what may they see now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/unit/session_texts.h"

static void commands_behind_a_pending_auth_wait_and_keep_their_order(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, "{\"type\":\"auth\",\"token\":\"T\",\"id\":1}");
    stage_say(g, c, PING);
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    stage_say(g, c, "{\"type\":\"ping\",\"id\":2}");
    stage_assert_heard(c, "");
    assert_string_equal(stage_question(g), "who T");
    stage_answer_user(g, "ana");
    stage_assert_heard(c, "{\"type\":\"auth_success\",\"username\":\"ana\",\"id\":1}\n" PONG
                          "{\"type\":\"pong\",\"id\":2}\n");
    stage_confirm(g, "user/ana");
    stage_assert_heard(c, SUBSCRIBED("/user/ana", A ":0"));
}

static void thirty_two_waiting_commands_pause_reading(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, AUTH("T"));
    for (int i = 0; i < LIMIT_COMMANDS_WAITING - 1; i++) {
        stage_say(g, c, PING);
    }
    assert_false(c->is_paused);
    stage_say(g, c, PING);
    assert_true(c->is_paused);
    stage_say(g, c, PING); /* was on its way already: it is not lost */
    stage_answer_user(g, "ana");
    assert_false(c->is_paused);
    size_t pongs = 0;
    for (size_t i = 0; i < c->heard.n; i++) {
        pongs += c->heard.p[i] == '\n';
    }
    assert_int_equal(pongs, 1 + LIMIT_COMMANDS_WAITING + 1);
    buf_clear(&c->heard);
}

static void four_kibibytes_of_waiting_commands_pause_reading(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    char long_ping[1025];
    snprintf(long_ping, sizeof(long_ping), "{\"type\":\"ping\"%1000s}", "");
    stage_say(g, c, AUTH("T"));
    for (int i = 0; i < 4; i++) {
        stage_say(g, c, long_ping);
        assert_false(c->is_paused);
    }
    stage_say(g, c, long_ping);
    assert_true(c->is_paused);
    stage_answer_user(g, "ana");
    assert_false(c->is_paused);
    stage_assert_heard(c, AUTH_SUCCESS("ana") PONG PONG PONG PONG PONG);
}

static void client_that_is_not_read_is_not_taken_for_dead(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_pass_s(g, 29);
    stage_say(g, c, AUTH("T"));
    for (int i = 0; i < LIMIT_COMMANDS_WAITING; i++) {
        stage_say(g, c, PING);
    }
    assert_true(c->is_paused);
    stage_pass_s(g, 100);
    assert_int_equal(c->close_code, 0);
    stage_answer_user(g, "ana");
    assert_false(c->is_paused);
    stage_pass_s(g, 100); /* now it is silent by itself */
    assert_int_equal(c->close_code, 1000);
    buf_clear(&c->heard);
}

static void several_auths_in_line_are_made_one_after_another(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, AUTH("T1"));
    stage_say(g, c, AUTH("b a d"));
    stage_say(g, c, AUTH("T2"));
    stage_say(g, c, PING);
    assert_int_equal(stage_n_questions(g), 1);
    stage_answer_user(g, "ana");
    assert_string_equal(stage_question(g), "who T2");
    assert_non_null(strstr((buf_addc(&c->heard, '\0'), c->heard.p), "unauthorized"));
    buf_clear(&c->heard);
    stage_answer_user(g, "bob");
    stage_assert_heard(c, AUTH_SUCCESS("bob") PONG);
}

static void cookie_of_the_upgrade_authenticates_silently(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect_with(g, 0, SESSION_DOCUMENTED, "COOKIE", NULL);
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    assert_string_equal(stage_question(g), "who COOKIE");
    stage_answer_user(g, "ana");
    stage_confirm(g, "user/ana");
    stage_assert_heard(c, SUBSCRIBED("/user/ana", A ":0"));
}

static void cookie_that_is_nobodys_is_no_credential(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect_with(g, 0, SESSION_DOCUMENTED, "COOKIE", NULL);
    stage_refuse(g, AUTH_UNAUTHORIZED);
    stage_assert_heard(c, "");
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    assert_string_equal(stage_question(g), "may  /contest/a");
}

static void five_refused_auths_are_limited_for_a_minute(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0); /* so that it is no idle stranger */
    for (int i = 0; i < LIMIT_REFUSED_AUTHS; i++) {
        stage_say(g, c, AUTH("T"));
        stage_refuse(g, AUTH_UNAUTHORIZED);
        assert_error(c, "unauthorized");
    }
    stage_say(g, c, AUTH("T"));
    assert_error(c, "rate_limited");
    for (int i = 0; i < 58; i++) {
        stage_pass_s(g, 1);
        session_on_alive(c->s);
    }
    stage_say(g, c, AUTH("T"));
    assert_error(c, "rate_limited");
    stage_pass_s(g, 3);
    stage_say(g, c, AUTH("T"));
    assert_int_equal(stage_n_questions(g), 1);
}

static void frontend_that_is_away_is_no_refusal(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    for (int i = 0; i < 2 * LIMIT_REFUSED_AUTHS; i++) {
        stage_say(g, c, AUTH("T"));
        stage_refuse(g, AUTH_UNAVAILABLE);
        assert_error(c, "unavailable");
    }
    stage_auth_busy(g, true);
    stage_say(g, c, AUTH("T"));
    assert_error(c, "unavailable");
}

static void
auth_while_a_channel_is_being_asked_about_asks_again_with_the_new_credential(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    for (int same = 0; same < 2; same++) {
        /* The first time another user, then the same one again. */
        stage_say(g, c, same ? SUBSCRIBE("/problem/p") : SUBSCRIBE("/contest/a"));
        stage_say(g, c, same ? AUTH("T2") : AUTH("T1"));
        stage_say(g, c, PING);
        assert_int_equal(stage_n_questions(g), 1);
        stage_answer_user(g, "ana");
        assert_int_equal(stage_n_questions(g), 1);
        assert_string_equal(stage_question(g), same ? "may T2 /problem/p" : "may T1 /contest/a");
        stage_answer_user(g, "ana");
        stage_assert_heard(c, AUTH_SUCCESS("ana") PONG);
    }
    stage_confirm(g, "contest/a");
    stage_confirm(g, "problem/p");
    stage_assert_heard(c, SUBSCRIBED("/contest/a", A ":0") SUBSCRIBED("/problem/p", A ":0"));
}

static void auth_as_another_user_revokes_what_only_the_old_one_could_see(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    authenticate(g, c, "ana");
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, "ana");
    stage_say(g, c, SUBSCRIBE("/problem/p"));
    stage_answer_user(g, "ana");
    stage_confirm(g, "user/ana");
    stage_confirm(g, "contest/a");
    stage_confirm(g, "problem/p");
    buf_clear(&c->heard);
    stage_say(g, c, AUTH("T2"));
    stage_answer_user(g, "bob");
    stage_assert_heard(c, REVOKED("/user/ana"));
    stage_event(g, "", true);     /* nothing of the contest is missed meanwhile, */
    stage_event(g, "ana", false); /* nothing of the old user's shown, */
    stage_event(g, "bob", false); /* and of the new one's is */
    stage_assert_heard(c, "");
    stage_answer_user(g, "bob");
    stage_refuse(g, AUTH_FORBIDDEN);
    stage_assert_heard(c, RUN("/contest/a", A ":1") RUN("/contest/a", A ":3") REVOKED("/problem/p")
                              AUTH_SUCCESS("bob"));
    assert_int_equal(g->metrics.subscriptions, 1);
    stage_event(g, "bob", false);
    stage_event(g, "ana", false);
    stage_assert_heard(c, RUN("/contest/a", A ":4"));
}

static void subscription_that_cannot_go_on_after_another_auth_is_reset(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    stage_event(g, "", true);
    buf_clear(&c->heard);
    stage_say(g, c, AUTH("T"));
    stage_answer_user(g, "ana");
    fake_new_epoch(g->topic, FAKE_EPOCH_B);
    stage_event(g, "", true);
    stage_confirm(g, "contest/a");
    stage_answer_user(g, "ana");
    stage_assert_heard(c, AUTH_SUCCESS("ana"));
    buf_clear(&c->heard);
    stage_confirm(g, "contest/a"); /* Redis is asked before anybody is told that it is lost */
    stage_assert_heard(
        c, "{\"type\":\"reset\",\"channel\":\"/contest/a\",\"position\":\"" FAKE_EPOCH_B ":1\"}\n");
}

static void auth_as_the_same_user_changes_nothing(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    authenticate(g, c, "ana");
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    stage_confirm(g, "user/ana");
    buf_clear(&c->heard);
    stage_say(g, c, AUTH("T2"));
    stage_answer_user(g, "ana");
    stage_assert_heard(c, AUTH_SUCCESS("ana"));
    assert_int_equal(stage_n_questions(g), 0);
    assert_int_equal(g->metrics.subscriptions, 1);
}

static void busy_frontend_while_everything_is_asked_again_revokes_and_goes_on(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    stage_say(g, c, SUBSCRIBE("/problem/p"));
    stage_answer_user(g, "");
    stage_confirm(g, "problem/p");
    buf_clear(&c->heard);
    stage_say(g, c, AUTH("T"));
    stage_say(g, c, UNSUBSCRIBE("/problem/p")); /* waits: it must not disturb the asking */
    stage_say(g, c, PING);
    struct auth_answer a = {.result = AUTH_OK, .user = STR("ana")};
    stage_auth_busy(g, true);
    stage_answer(g, &a);
    stage_assert_heard(c, REVOKED("/contest/a") REVOKED("/problem/p") AUTH_SUCCESS("ana")
                              UNSUBSCRIBED("/problem/p") PONG);
    assert_int_equal(g->metrics.subscriptions, 0);
}

static void refused_auth_keeps_who_one_is(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    authenticate(g, c, "ana");
    stage_say(g, c, AUTH("T2"));
    stage_refuse(g, AUTH_UNAUTHORIZED);
    assert_error(c, "unauthorized");
    stage_say(g, c, SUBSCRIBE("/user/ana"));
    stage_confirm(g, "user/ana");
    stage_assert_heard(c, SUBSCRIBED("/user/ana", A ":0"));
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    assert_string_equal(stage_question(g), "may T /contest/a");
}

static void scoreboard_token_that_is_being_asked_about_is_not_lost_to_an_auth(void **state)
{
    struct stage *g = *state;
    static const char *const nothing[] = {NULL};
    for (size_t i = 0; i < 2; i++) {
        struct client *c = stage_connect(g, i);
        stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
        if (i == 0) { /* the frontend has been asked, or Redis answers while it is asked who */
            fake_bus_answer_command(g->bus, nothing);
        }
        stage_say(g, c, AUTH("T"));
        if (i == 1) {
            fake_bus_answer_command(g->bus, nothing);
        }
        assert_string_equal(stage_question(g), "who T");
        stage_answer_user(g, "ana");
        assert_int_equal(stage_n_questions(g), 1);
        assert_string_equal(stage_question(g), "may T /scoreboard/tok");
        stage_answer(g, &(struct auth_answer){.result = AUTH_OK,
                                              .scoreboard_contest = i == 0 ? STR("b") : STR("c")});
        stage_assert_heard(c, AUTH_SUCCESS("ana"));
        stage_confirm(g, i == 0 ? "contest/b" : "contest/c");
        stage_assert_heard(c, SUBSCRIBED("/scoreboard/tok", A ":0"));
    }
}

/* ---- asked again, whether it still holds ---- */

/* A client on /contest/a and, by the frontend's word, on /scoreboard/tok of the same contest. */
static struct client *on_contest_and_scoreboard(struct stage *g, const char *user)
{
    static const char *const nothing[] = {NULL};
    struct client *c = stage_connect(g, 0);
    if (user[0]) {
        authenticate(g, c, user);
    }
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, user);
    if (c->heard.n == 0) { /* the topic is not there yet */
        stage_confirm(g, "contest/a");
    }
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    fake_bus_answer_command(g->bus, nothing);
    stage_answer(g, &(struct auth_answer){.result = AUTH_OK, .scoreboard_contest = STR("a")});
    buf_clear(&c->heard);
    return c;
}

static void recheck_asks_about_scoreboard_tokens_too(void **state)
{
    struct stage *g = *state;
    static const char *const nothing[] = {NULL};
    static const char *const users[] = {"", "ana"};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct client *c = on_contest_and_scoreboard(g, users[i]);
        session_recheck(c->s);
        fake_loop_turn(g->gw.loop);
        if (users[i][0]) {
            stage_answer_user(g, users[i]);
        }
        stage_answer_user(g, users[i]); /* /contest/a */
        fake_bus_answer_command(g->bus, nothing);
        stage_assert_heard(c, "");
        stage_refuse(g, AUTH_NOT_FOUND);
        stage_assert_heard(c, REVOKED("/scoreboard/tok"));
        stage_disconnect(c);
    }
}

/* A client that says `auth` all the time would never be asked about otherwise. */
static void recheck_that_meets_an_auth_is_made_before_the_next_command(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, AUTH("T"));
    stage_answer_user(g, "ana");
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, "ana");
    stage_confirm(g, "contest/a");
    for (int i = 0; i < 2; i++) { /* the auth under way is taken, or refused */
        stage_say(g, c, AUTH("T"));
        stage_say(g, c, AUTH("T"));
        session_recheck(c->s);
        assert_int_equal(stage_n_questions(g), 1);
        i ? stage_refuse(g, AUTH_UNAVAILABLE) : stage_answer_user(g, "ana");
        assert_true(session_owes_recheck(c->s));
        stage_answer_user(g, "ana");
        assert_string_equal(stage_question(g), "may T /contest/a");
        stage_answer_user(g, "ana");
        assert_false(session_owes_recheck(c->s));
        assert_string_equal(stage_question(g), "who T"); /* the second auth */
        stage_answer_user(g, "ana");
    }
    stage_say(g, c, AUTH("T"));
    session_recheck(c->s);
    stage_answer_user(g, "ana");
    stage_answer_user(g, "ana");
    buf_clear(&c->heard);
    stage_refuse(g, AUTH_FORBIDDEN);
    stage_assert_heard(c, REVOKED("/contest/a"));
}

static void only_a_round_in_which_everything_was_asked_counts(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    authenticate(g, c, "ana");
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, "ana");
    stage_confirm(g, "contest/a");
    stage_pass_s(g, 10);
    authenticate(g, c, "ana"); /* the same again: nothing was asked about */
    assert_in_range(session_age_of_answers_ms(c->s), 10000, 12000);
    session_recheck(c->s);
    stage_refuse(g, AUTH_UNAVAILABLE);
    assert_true(session_owes_recheck(c->s));
    session_recheck(c->s);
    stage_answer_user(g, "ana");
    stage_refuse(g, AUTH_UNAVAILABLE);
    assert_true(session_owes_recheck(c->s));
    assert_in_range(session_age_of_answers_ms(c->s), 10000, 12000);
    session_recheck(c->s);
    stage_answer_user(g, "ana");
    stage_answer_user(g, "ana");
    assert_false(session_owes_recheck(c->s));
    assert_in_range(session_age_of_answers_ms(c->s), 0, 1000);
    buf_clear(&c->heard);
}

static const char *const tok_of_a[] = {"contest", "a", "admin", "1", NULL};
static const char *const no_tok[] = {NULL};

static void answer_older_than_the_change_of_a_scoreboard_token_does_not_count(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE("/scoreboard/tok"));
    session_recheck_scoreboard(c->s, STR("tok")); /* while Redis is asked */
    assert_int_equal(fake_bus_n_commands(g->bus), 2);
    fake_bus_answer_command(g->bus, tok_of_a);
    assert_int_equal(g->metrics.subscriptions, 0);
    fake_bus_answer_command(g->bus, no_tok);
    session_recheck_scoreboard(c->s, STR("tok")); /* while the judge is asked */
    assert_int_equal(stage_n_questions(g), 0);
    fake_bus_answer_command(g->bus, no_tok);
    stage_refuse(g, AUTH_NOT_FOUND);
    assert_error(c, "not_found");
    assert_int_equal(g->metrics.subscriptions, 0);
}

static void who_has_no_credential_costs_one_question_a_second(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    g->settings.broadcaster.max_subscriptions = 128;
    for (int i = 0; i < 20; i++) {
        char text[64];
        snprintf(text, sizeof(text), SUBSCRIBE("/contest/c%d"), i);
        stage_say(g, c, text);
    }
    for (int i = 0; i < LIMIT_STRANGER_QUESTIONS_BURST; i++) {
        stage_refuse(g, AUTH_NOT_FOUND);
    }
    assert_int_equal(stage_n_questions(g), 0);
    for (int i = 16; i < 18; i++) {
        stage_pass_s(g, 2);
        assert_int_equal(stage_n_questions(g), 1);
        stage_refuse(g, AUTH_NOT_FOUND);
        stage_refuse(g, AUTH_NOT_FOUND); /* another second has passed */
        assert_int_equal(stage_n_questions(g), 0);
    }
    buf_clear(&c->heard);
    assert_int_equal(c->close_code, 0);
}

static void recheck_that_nobody_answers_ends_nothing(void **state)
{
    struct stage *g = *state;
    static const char *const nothing[] = {NULL};
    static const char *const users[] = {"", "ana"};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        for (int is_busy = 0; is_busy < 2; is_busy++) {
            struct client *c = on_contest_and_scoreboard(g, users[i]);
            session_recheck(c->s);
            if (users[i][0]) {
                stage_auth_busy(g, is_busy);
                stage_answer_user(g, users[i]);
            }
            if (stage_n_questions(g) > 0) {
                stage_refuse(g, AUTH_UNAVAILABLE); /* /contest/a */
            }
            stage_auth_busy(g, is_busy);
            fake_bus_answer_command(g->bus, is_busy ? NULL : nothing);
            if (stage_n_questions(g) > 0) {
                stage_refuse(g, AUTH_UNAVAILABLE); /* /scoreboard/tok */
            }
            stage_auth_busy(g, false);
            stage_assert_heard(c, "");
            assert_int_equal(g->metrics.subscriptions, 2);
            stage_event(g, users[i], users[i][0] == '\0');
            assert_true(c->heard.n > 0);
            buf_clear(&c->heard);
            stage_disconnect(c);
        }
    }
}

static void recheck_ends_a_session_only_for_a_credential_that_has_ended(void **state)
{
    struct stage *g = *state;
    static const enum auth_result ill[] = {AUTH_FORBIDDEN, AUTH_NOT_FOUND, AUTH_UNAVAILABLE};
    struct client *c = on_contest_and_scoreboard(g, "ana");
    for (size_t i = 0; i < ARRAY_LEN(ill); i++) {
        session_recheck(c->s);
        stage_refuse(g, ill[i]);
        stage_assert_heard(c, "");
        assert_int_equal(c->close_code, 0);
        assert_int_equal(g->metrics.subscriptions, 2);
    }
    session_recheck(c->s);
    stage_refuse(g, AUTH_UNAUTHORIZED);
    assert_int_equal(c->close_code, 4001);
}

static void closing_in_the_middle_of_a_question_forgets_it(void **state)
{
    struct stage *g = *state;
    static const char *const starts[] = {AUTH("T"), SUBSCRIBE("/contest/a")};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct client *c = stage_connect(g, i);
        stage_say(g, c, starts[i]);
        stage_say(g, c, PING);
        session_close(c->s, CLOSE_NORMAL, "test");
        assert_int_equal(stage_n_questions(g), 0);
        assert_int_equal(c->close_code, 1000);
        stage_say(g, c, PING); /* too late */
        session_close(c->s, CLOSE_TOO_SLOW, "test");
        assert_int_equal(c->close_code, 1000);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_set_up, stage_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_behind_a_pending_auth_wait_and_keep_their_order),
        TEST(thirty_two_waiting_commands_pause_reading),
        TEST(four_kibibytes_of_waiting_commands_pause_reading),
        TEST(client_that_is_not_read_is_not_taken_for_dead),
        TEST(several_auths_in_line_are_made_one_after_another),
        TEST(cookie_of_the_upgrade_authenticates_silently),
        TEST(cookie_that_is_nobodys_is_no_credential),
        TEST(five_refused_auths_are_limited_for_a_minute),
        TEST(frontend_that_is_away_is_no_refusal),
        TEST(auth_while_a_channel_is_being_asked_about_asks_again_with_the_new_credential),
        TEST(auth_as_another_user_revokes_what_only_the_old_one_could_see),
        TEST(subscription_that_cannot_go_on_after_another_auth_is_reset),
        TEST(auth_as_the_same_user_changes_nothing),
        TEST(busy_frontend_while_everything_is_asked_again_revokes_and_goes_on),
        TEST(refused_auth_keeps_who_one_is),
        TEST(scoreboard_token_that_is_being_asked_about_is_not_lost_to_an_auth),
        TEST(recheck_asks_about_scoreboard_tokens_too),
        TEST(recheck_that_meets_an_auth_is_made_before_the_next_command),
        TEST(only_a_round_in_which_everything_was_asked_counts),
        TEST(answer_older_than_the_change_of_a_scoreboard_token_does_not_count),
        TEST(who_has_no_credential_costs_one_question_a_second),
        TEST(recheck_that_nobody_answers_ends_nothing),
        TEST(recheck_ends_a_session_only_for_a_credential_that_has_ended),
        TEST(closing_in_the_middle_of_a_question_forgets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
