/* SPDX-License-Identifier: MIT */
/* What all gateways are told: numbers, gaps, and everybody asked about again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/session/control.h"
#include "tests/unit/session_texts.h"

#define DEAUTHENTICATE(seq, user)                                                                  \
    "{\"seq\":" seq ",\"type\":\"deauthenticate\",\"user\":\"" user "\"}"

static struct client *log_in(struct stage *g, size_t i, const char *user)
{
    struct client *c = stage_connect(g, i);
    authenticate(g, c, user);
    return c;
}

static void hear(struct stage *g, const char *message)
{
    fake_bus_channel(g->bus, BUS_CONTROL, str_of(message));
}

static void deauthenticate_ends_the_sessions_of_one_user(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    struct client *ana = log_in(g, 0, "ana");
    struct client *bob = log_in(g, 1, "bob");
    hear(g, DEAUTHENTICATE("7", "ana"));
    assert_int_equal(ana->close_code, 4001);
    assert_int_equal(bob->close_code, 0);
    hear(g, DEAUTHENTICATE("8", "bob"));
    assert_int_equal(bob->close_code, 4001);
    control_free(control);
}

/* Somebody emptied Redis (FLUSHALL): the numbers begin anew, though no link was lost. */
static void numbers_that_begin_anew_are_noticed(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    struct client *ana = log_in(g, 0, "ana");
    struct client *bob = log_in(g, 1, "bob");
    hear(g, DEAUTHENTICATE("7", "carla"));
    hear(g, DEAUTHENTICATE("1", "bob"));
    assert_int_equal(fake_bus_n_commands(g->bus), 1);
    fake_bus_answer_entry(g->bus, "0-1", DEAUTHENTICATE("1", "bob"));
    assert_int_equal(bob->close_code, 4001);
    hear(g, DEAUTHENTICATE("2", "ana"));
    assert_int_equal(ana->close_code, 4001);
    control_free(control);
}

static void what_is_heard_while_the_log_is_read_is_not_lost(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    struct client *bob = log_in(g, 1, "bob");
    hear(g, DEAUTHENTICATE("5", "carla"));
    hear(g, DEAUTHENTICATE("7", "dora")); /* the log is read … */
    hear(g, DEAUTHENTICATE("8", "bob"));  /* … and was before this came */
    fake_bus_answer_entry(g->bus, "0-6", DEAUTHENTICATE("6", "dora"));
    fake_bus_answer_entry(g->bus, "0-8", DEAUTHENTICATE("8", "bob")); /* the newest */
    fake_bus_answer_entry(g->bus, "0-8", DEAUTHENTICATE("8", "bob")); /* what is missing */
    assert_int_equal(bob->close_code, 4001);
    assert_int_equal(fake_bus_n_commands(g->bus), 0);
    control_free(control);
}

/* The answer was made before the message came that is heard before it. */
static void an_answer_older_than_what_was_heard_takes_nothing_back(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    struct client *bob = log_in(g, 1, "bob");
    hear(g, DEAUTHENTICATE("7", "carla"));
    fake_bus_up(g->bus);
    hear(g, DEAUTHENTICATE("8", "dora"));
    fake_bus_answer_entry(g->bus, "0-7", DEAUTHENTICATE("7", "carla"));
    hear(g, DEAUTHENTICATE("8", "bob")); /* that number was taken already */
    assert_int_equal(bob->close_code, 0);
    while (fake_bus_n_commands(g->bus) > 0) {
        fake_bus_answer_entry(g->bus, "0-8", DEAUTHENTICATE("8", "dora"));
    }
    stage_pass_s(g, 2);
    assert_int_equal(stage_n_questions(g), 0); /* nobody is asked about again */
    control_free(control);
}

static void a_log_that_could_not_be_read_is_read_again(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    hear(g, DEAUTHENTICATE("5", "carla"));
    hear(g, DEAUTHENTICATE("7", "dora"));
    fake_bus_answer_command(g->bus, NULL);
    assert_int_equal(fake_bus_n_commands(g->bus), 0);
    stage_pass_s(g, 1);
    assert_int_equal(fake_bus_n_commands(g->bus), 1);
    fake_bus_answer_command(g->bus, NULL);
    control_free(control);
}

static void message_heard_twice_is_applied_once(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    hear(g, DEAUTHENTICATE("7", "ana"));
    struct client *ana = log_in(g, 0, "ana"); /* again */
    hear(g, DEAUTHENTICATE("7", "ana"));
    fake_bus_answer_entry(g->bus, "0-7", DEAUTHENTICATE("7", "ana"));
    stage_pass_s(g, 2);
    assert_int_equal(ana->close_code, 0);
    assert_int_equal(stage_n_questions(g), 0);
    control_free(control);
}

static void everybody_is_asked_again_no_faster_than_the_frontend_answers(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    (void)log_in(g, 0, "ana");
    (void)log_in(g, 1, "bob");
    stage_auth_waiting(g, 1000);
    control_recheck_everybody(control, "a test");
    stage_pass_s(g, 3);
    assert_int_equal(stage_n_questions(g), 0);
    stage_auth_waiting(g, 0);
    stage_pass_s(g, 1);
    assert_int_equal(stage_n_questions(g), 2);
    control_free(control);
}

static void who_could_not_be_asked_about_gets_another_turn(void **state)
{
    struct stage *g = *state;
    struct control *control = control_create(&g->gw);
    (void)log_in(g, 0, "ana");
    (void)log_in(g, 1, "bob");
    control_recheck_everybody(control, "a test");
    stage_pass_s(g, 1);
    assert_int_equal(stage_n_questions(g), 2);
    stage_answer_user(g, "ana");
    stage_refuse(g, AUTH_UNAVAILABLE);
    stage_pass_s(g, 2);
    assert_int_equal(stage_n_questions(g), 0); /* not at once */
    stage_pass_s(g, 12);
    assert_int_equal(stage_n_questions(g), 1);
    stage_answer_user(g, "bob");
    stage_pass_s(g, 30);
    assert_int_equal(stage_n_questions(g), 0);
    control_free(control);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_set_up, stage_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deauthenticate_ends_the_sessions_of_one_user),
        TEST(numbers_that_begin_anew_are_noticed),
        TEST(what_is_heard_while_the_log_is_read_is_not_lost),
        TEST(an_answer_older_than_what_was_heard_takes_nothing_back),
        TEST(a_log_that_could_not_be_read_is_read_again),
        TEST(message_heard_twice_is_applied_once),
        TEST(who_could_not_be_asked_about_gets_another_turn),
        TEST(everybody_is_asked_again_no_faster_than_the_frontend_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
