/* SPDX-License-Identifier: MIT */
/* A channel that is subscribed again before the first answer: each command gets its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/session/command_ids.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"
#include "tests/unit/session_texts.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)

#define SUBSCRIBE_AS(id) "{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"id\":" id "}"
#define ANSWER(id)                                                                                 \
    "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" A ":0\"" id "}\n"

static void ids_come_back_in_their_order_also_empty_ones(void **state UNUSED)
{
    static const struct str given[] = {STR("1"), STR_NONE, STR("\"a\"")};
    struct command_ids ids = {0};
    struct str id;
    size_t at = 0, n = 0;
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        assert_true(command_ids_add(&ids, given[i]));
    }
    while (command_ids_next(&ids, &at, &id)) {
        assert_true(str_eq(id, given[n++]));
    }
    assert_int_equal(n, ARRAY_LEN(given));
    command_ids_release(&ids);
}

static void without_commands_there_is_one_empty_id(void **state UNUSED)
{
    struct command_ids ids = {0};
    struct str id = STR("?");
    size_t at = 0;
    assert_true(command_ids_next(&ids, &at, &id));
    assert_int_equal(id.n, 0);
    assert_false(command_ids_next(&ids, &at, &id));
}

static void each_subscribe_of_one_channel_is_answered(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    stage_say(g, c, SUBSCRIBE_AS("1"));
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_say(g, c, SUBSCRIBE_AS("\"zwei\""));
    stage_answer_user(g, "ana");
    stage_say(g, c, SUBSCRIBE_AS("4")); /* now Redis is waited for */
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, ANSWER(",\"id\":1") ANSWER("") ANSWER(",\"id\":\"zwei\"")
                              ANSWER(",\"id\":4"));
    stage_say(g, c, SUBSCRIBE_AS("5"));
    stage_assert_heard(c, ANSWER(",\"id\":5")); /* and not the others again */
}

static void each_subscribe_of_a_refused_channel_hears_so(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    for (int i = 0; i < LIMIT_COMMANDS_WAITING; i++) {
        stage_say(g, c, SUBSCRIBE_AS("1"));
    }
    assert_int_equal(c->heard.n, 0);
    stage_say(g, c, SUBSCRIBE_AS("2"));
    assert_error(c, "rate_limited");
    stage_refuse(g, AUTH_NOT_FOUND);
    buf_addc(&c->heard, '\0');
    int answers = 0;
    for (const char *at = c->heard.p; (at = strstr(at, "\"not_found\"")) != NULL; at++) {
        answers++;
    }
    assert_int_equal(answers, LIMIT_COMMANDS_WAITING);
    buf_clear(&c->heard);
}

/* Asked about again, it goes on without Redis, but who asks meanwhile is answered. */
static void subscribe_during_a_recheck_without_redis_is_unavailable_and_ends_nothing(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    fake_bus_down(g->bus);
    session_recheck(c->s);
    stage_say(g, c, SUBSCRIBE_AS("1"));
    while (stage_n_questions(g) > 0) {
        stage_answer_user(g, "");
    }
    stage_pass_s(g, 7);
    buf_addc(&c->heard, '\0');
    assert_non_null(strstr(c->heard.p, "\"error\":\"unavailable\""));
    assert_non_null(strstr(c->heard.p, "\"id\":1}"));
    assert_null(strstr(c->heard.p, "revoked"));
    assert_int_equal(c->s->n_subs, 1);
    buf_clear(&c->heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_come_back_in_their_order_also_empty_ones),
        cmocka_unit_test(without_commands_there_is_one_empty_id),
        TEST(each_subscribe_of_one_channel_is_answered),
        TEST(each_subscribe_of_a_refused_channel_hears_so),
        TEST(subscribe_during_a_recheck_without_redis_is_unavailable_and_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
