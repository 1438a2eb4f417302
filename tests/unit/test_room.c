/* SPDX-License-Identifier: MIT */
/* The room between made-up clients and a made-up Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/session/room.h"
#include "proto/room_frame.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_loop.h"
#include "tests/support/session_stage.h"

#define SAY(text) "{\"message\":\"" text "\"}"
#define AWAY "{\"error\":\"the room cannot be reached now: try again\"}\n"

static int set_up(void **state)
{
    if (stage_set_up(state) != 0) {
        return -1;
    }
    struct stage *g = *state;
    g->gw.room = room_create(&g->gw);
    return g->gw.room ? 0 : -1;
}

static int tear_down(void **state)
{
    struct room *r = ((struct stage *)*state)->gw.room;
    int rc = stage_tear_down(state); /* the last answers of Redis come here, too */
    room_free(r);
    return rc;
}

static struct client *join(struct stage *g, size_t i)
{
    return stage_connect_with(g, i, SESSION_ROOM, NULL, NULL);
}

/* What this gateway published comes back, to it and to others. */
static void deliver(struct stage *g)
{
    fake_bus_answer_number(g->bus, 1);
    fake_bus_channel(g->bus, BUS_ROOM, fake_bus_argument(g->bus));
    fake_loop_turn(g->gw.loop);
}

/* The one message that was heard. */
static void assert_heard_message(struct client *c, const char *message)
{
    char begin[128];
    int n = snprintf(begin, sizeof(begin), "{\"message\":\"%s\",\"timestamp\":\"20", message);
    assert_true(c->heard.n == (size_t)n + ROOM_TIMESTAMP_LEN - 2 + 3);
    assert_memory_equal(c->heard.p, begin, (size_t)n);
    buf_clear(&c->heard);
}

static void message_goes_through_redis_to_all_but_its_sender(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct client *b = join(g, 1);
    struct client *c = join(g, 2);
    struct client *outside = stage_connect(g, 3);
    assert_int_equal(g->metrics.conns_room, 3);
    stage_say(g, b, SAY("hello"));
    assert_string_equal(fake_bus_commands(g->bus), "?room ");
    stage_assert_heard(a, "");
    deliver(g);
    assert_heard_message(a, "hello");
    assert_heard_message(c, "hello");
    stage_assert_heard(b, "");
    stage_assert_heard(outside, "");
    assert_int_equal(g->metrics.room_messages, 1);
    assert_int_equal(g->metrics.messages_sent, 2);
}

static void message_of_another_gateway_reaches_the_session_with_the_senders_number(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct buf bytes = {0};
    const struct room_letter l = {.gateway = 1, /* ours is random */
                                  .sender = session_id(a->s),
                                  .timestamp = STR("2026-01-16T14:30:00.123456"),
                                  .message = STR("from afar")};
    room_letter_write(&bytes, &l);
    fake_bus_channel(g->bus, BUS_ROOM, buf_str(&bytes));
    fake_loop_turn(g->gw.loop);
    stage_assert_heard(
        a, "{\"message\":\"from afar\",\"timestamp\":\"2026-01-16T14:30:00.123456\"}\n");
    buf_release(&bytes);
}

static void bad_input_is_told_to_its_sender_and_goes_nowhere(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct client *b = join(g, 1);
    stage_say(g, a, "{}");
    stage_assert_heard(a, "{\"error\":\"message is missing or not a string\"}\n");
    stage_say(g, a, "nonsense");
    stage_assert_heard(a, "{\"error\":\"a message is a JSON object: {\\\"message\\\":\\\"text\\\"}"
                          "\"}\n");
    stage_say(g, a, SAY(""));
    stage_assert_heard(a, "{\"error\":\"message must have 1 to 2000 characters\"}\n");
    stage_assert_heard(b, "");
    assert_string_equal(fake_bus_commands(g->bus), "");
    assert_int_equal(g->metrics.errors_sent, 3);
}

static void ten_messages_a_second_are_taken_of_each_client(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct client *b = join(g, 1);
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 10; i++) {
            stage_say(g, a, SAY("a"));
            stage_say(g, b, SAY("b"));
        }
        stage_assert_heard(a, "");
        stage_say(g, a, SAY("eleventh"));
        stage_assert_heard(a, "{\"error\":\"more than 10 messages a second\"}\n");
        stage_pass_s(g, 1);
    }
    assert_int_equal(g->metrics.room_messages, 60);
    assert_int_equal(g->metrics.rate_limited, 3);
}

static void sender_is_told_when_redis_is_away(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct client *gone = join(g, 1);
    fake_bus_set_reader(g->bus, false);
    stage_say(g, a, SAY("a"));
    stage_assert_heard(a, AWAY);
    fake_bus_set_reader(g->bus, true);

    stage_say(g, a, SAY("a"));
    fake_bus_answer_command(g->bus, NULL); /* the link was lost */
    fake_loop_turn(g->gw.loop);
    stage_assert_heard(a, AWAY);

    stage_say(g, a, SAY("a"));
    fake_bus_answer_number(g->bus, 0); /* nobody is subscribed, not even this gateway */
    fake_loop_turn(g->gw.loop);
    stage_assert_heard(a, AWAY);

    stage_say(g, gone, SAY("a"));
    stage_disconnect(gone);
    fake_bus_answer_command(g->bus, NULL);
    fake_loop_turn(g->gw.loop);
    stage_assert_heard(a, "");
}

static void client_that_left_hears_no_more(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct client *closing = join(g, 1);
    stage_say(g, a, SAY("a"));
    session_close(closing->s, CLOSE_LEAVING, "leaving");
    deliver(g);
    stage_assert_heard(closing, "");
    stage_disconnect(closing);
    assert_int_equal(g->metrics.conns_room, 1);
}

static void silent_client_is_pinged_and_is_no_stranger(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    for (unsigned i = 0; i < 4; i++) {
        stage_pass_s(g, 29);
        session_on_alive(a->s);
    }
    assert_int_equal(a->close_code, 0);
    stage_pass_s(g, 65);
    assert_int_equal(a->close_code, 1000);
    assert_int_equal(g->metrics.closed_dead, 1);
    assert_int_equal(g->metrics.closed_idle, 0);
}

static void slow_client_is_closed_and_others_hear_on(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    struct client *slow = join(g, 1);
    struct client *b = join(g, 2);
    slow->block_after = true;
    for (unsigned i = 0; i < 2; i++) {
        stage_say(g, a, SAY("x"));
        deliver(g);
    }
    stage_pass_s(g, 12);
    assert_int_equal(slow->close_code, 4008);
    assert_int_equal(b->close_code, 0);
    assert_int_equal(b->writes, 2);
}

static void access_is_never_asked_about(void **state)
{
    struct stage *g = *state;
    struct client *a = join(g, 0);
    session_recheck(a->s);
    session_recheck_scoreboard(a->s, STR("T"));
    assert_false(session_takes_reconnect(a->s));
    assert_int_equal(stage_n_questions(g), 0);
    assert_int_equal(a->close_code, 0);
}

/* Each allocation between a message and its receiver fails once. The sender is told, or closed when
 * even that cannot be said; on the way back the message is lost. Nobody else is touched. */
static void memory_that_runs_out_costs_nothing_but_the_message(void **state)
{
    struct stage *g = *state;
    struct client *b = join(g, 1);
    bool hit = true;
    long n = 0;
    for (; hit; n++) {
        struct client *a = join(g, 0);
        fail_alloc_at(n);
        stage_say(g, a, SAY("x"));
        bool is_posted = fake_bus_n_commands(g->bus) > 0;
        if (is_posted) {
            deliver(g);
        }
        hit = fail_alloc_hit();
        fail_alloc_at(-1);
        if (!hit) {
            assert_heard_message(b, "x");
        } else if (!is_posted) {
            assert_true(a->heard.n > 0 || a->close_code == 4008);
        }
        buf_clear(&a->heard);
        buf_clear(&b->heard);
        assert_int_equal(b->close_code, 0);
        stage_disconnect(a);
    }
    assert_true(n > 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message_goes_through_redis_to_all_but_its_sender),
        TEST(message_of_another_gateway_reaches_the_session_with_the_senders_number),
        TEST(bad_input_is_told_to_its_sender_and_goes_nowhere),
        TEST(ten_messages_a_second_are_taken_of_each_client),
        TEST(sender_is_told_when_redis_is_away),
        TEST(client_that_left_hears_no_more),
        TEST(silent_client_is_pinged_and_is_no_stranger),
        TEST(slow_client_is_closed_and_others_hear_on),
        TEST(access_is_never_asked_about),
        TEST(memory_that_runs_out_costs_nothing_but_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
