/* SPDX-License-Identifier: MIT */
/* From the queue to the socket, and the deadlines of a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/session/session_hub.h"
#include "proto/limits.h"
#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"
#include "tests/support/session_stage.h"
#include "tests/support/words.h"

#define AUTH "{\"type\":\"auth\",\"token\":\"T\"}"
#define SUBSCRIBE "{\"type\":\"subscribe\",\"channel\":\"/contest/a\"}"

static struct client *on_contest(struct stage *g, size_t i)
{
    struct client *c = stage_connect(g, i);
    stage_say(g, c, SUBSCRIBE);
    stage_answer_user(g, "");
    stage_confirm(g, "contest/a");
    buf_clear(&c->heard);
    c->writes = 0;
    return c;
}

/* The offsets of what was heard, one word each; scoreboards with `+skipped`. */
static void assert_offsets(struct client *c, const char *expected)
{
    char words[4096] = "";
    buf_addc(&c->heard, '\0');
    char *rest = NULL;
    for (char *line = strtok_r(c->heard.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *position = strstr(line, "\"position\":\"");
        const char *skipped = strstr(line, "\"skipped\":");
        assert_non_null(position);
        size_t n = strlen(words);
        snprintf(words + n, sizeof(words) - n, "%lld",
                 strtoll(position + 12 + EPOCH_LEN + 1, NULL, 10));
        if (skipped) {
            n = strlen(words);
            snprintf(words + n, sizeof(words) - n, "+%lld", strtoll(skipped + 10, NULL, 10));
        }
        add_words(words, sizeof(words), " ");
    }
    buf_clear(&c->heard);
    assert_string_equal(words, expected);
}

static void publish_one(struct stage *g, const struct event *e)
{
    fake_publish(g->topic, e);
    fake_bus_message(g->bus, STR("contest/a"), g->topic->live[g->topic->last]);
}

static void events_of_one_turn_leave_in_one_write(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    struct event e = fake_run("", true);
    for (int i = 0; i < 10; i++) {
        publish_one(g, &e);
    }
    assert_int_equal(c->writes, 0);
    fake_loop_turn(g->gw.loop);
    assert_int_equal(c->writes, 1);
    assert_offsets(c, "1 2 3 4 5 6 7 8 9 10 ");
    assert_int_equal(g->metrics.queue_bytes, 0);
}

static void many_messages_leave_in_several_writes_in_order(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    struct event e = fake_run("", true);
    char expected[4096] = "";
    for (int i = 1; i <= 200; i++) {
        publish_one(g, &e);
        add_words(expected, sizeof(expected), "%d ", i);
    }
    fake_loop_turn(g->gw.loop);
    assert_int_equal(c->writes, 4); /* 64 at most */
    assert_offsets(c, expected);
}

/* An event with so many bytes of data. */
static char *fill(struct event *e, size_t n)
{
    char *data = malloc(n);
    memset(data, '7', n);
    e->data[0] = (struct str){data, n};
    return data;
}

static void large_message_leaves_frame_by_frame_and_waits_for_the_socket(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    struct event e = fake_run("", true);
    char *data = fill(&e, 200000);
    c->block_after = true;
    publish_one(g, &e);
    fake_loop_turn(g->gw.loop);
    assert_int_equal(c->writes, 1);
    assert_int_equal(c->heard.n, LIMIT_FRAGMENT_BYTES);
    struct event small = fake_run("", true);
    publish_one(g, &small); /* behind it */
    fake_loop_turn(g->gw.loop);
    assert_int_equal(c->writes, 1);
    stage_writable(g, c);
    assert_offsets(c, "1 2 ");
    assert_int_equal(g->metrics.queue_bytes, 0);
    free(data);
}

static void blocked_client_gets_the_newest_scoreboard_only(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    struct client *fast = on_contest(g, 1);
    c->block_after = true;
    stage_event(g, "", true);
    assert_offsets(c, "1 ");
    for (int i = 0; i < 3; i++) {
        stage_scoreboard(g, true); /* 2, 4, 6 */
        stage_event(g, "", true);
    }
    stage_assert_heard(c, "");
    stage_writable(g, c);
    assert_offsets(c, "3 5 6+2 7 ");
    assert_offsets(fast, "1 2 3 4 5 6 7 ");
    assert_int_equal(g->metrics.conflated, 2);
}

static void scoreboard_being_written_is_not_replaced(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    struct event e = fake_scoreboard(true);
    char *data = fill(&e, 100000);
    c->block_after = true;
    publish_one(g, &e);
    fake_loop_turn(g->gw.loop); /* its first fragment has left */
    publish_one(g, &e);
    publish_one(g, &e);
    fake_loop_turn(g->gw.loop);
    stage_writable(g, c);
    assert_offsets(c, "1 3+1 ");
    free(data);
}

static void queue_over_its_bound_closes_the_client_and_nobody_else(void **state)
{
    struct stage *g = *state;
    g->settings.broadcaster.queue_bytes = 1000;
    struct client *c = on_contest(g, 0);
    struct client *fast = on_contest(g, 1);
    c->block_after = true;
    for (int i = 0; i < 20; i++) {
        stage_event(g, "", true);
    }
    assert_int_equal(c->close_code, 4008);
    assert_int_equal(g->metrics.closed_slow, 1);
    assert_int_equal(g->metrics.queue_bytes, 0);
    assert_int_equal(fast->close_code, 0);
    assert_int_equal(g->metrics.subscriptions, 1);
    assert_int_equal(g->metrics.connections_active, 1);
}

static void message_over_the_bound_enters_an_empty_queue(void **state)
{
    struct stage *g = *state;
    g->settings.broadcaster.queue_bytes = 1000;
    struct client *c = on_contest(g, 0);
    struct event e = fake_run("", true);
    char *data = fill(&e, 100000);
    publish_one(g, &e);
    fake_loop_turn(g->gw.loop);
    assert_offsets(c, "1 ");
    free(data);
}

static void write_that_does_not_leave_in_time_closes_the_client(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    c->block_after = true;
    stage_event(g, "", true);
    stage_pass_s(g, 9);
    assert_int_equal(c->close_code, 0);
    stage_pass_s(g, 3);
    assert_int_equal(c->close_code, 4008);
}

static void client_that_is_slow_but_reads_is_not_closed(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    for (int i = 0; i < 20; i++) {
        c->block_after = true;
        stage_event(g, "", true);
        stage_pass_s(g, 8);
        stage_writable(g, c);
        session_on_alive(c->s);
    }
    assert_int_equal(c->close_code, 0);
}

static void broken_connection_is_closed_once(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    c->is_broken = true;
    stage_event(g, "", true);
    stage_event(g, "", true);
    assert_true(c->close_code != 0);
    assert_int_equal(g->metrics.subscriptions, 0);
}

static void replay_larger_than_the_queue_is_pulled_by_the_socket(void **state)
{
    struct stage *g = *state;
    g->settings.broadcaster.queue_bytes = 1000;
    struct client *keeper = on_contest(g, 1);
    struct event e = fake_run("", true);
    char *data = fill(&e, 20000);
    char expected[512] = "0 ";
    for (int i = 1; i <= 30; i++) {
        publish_one(g, &e);
        fake_loop_turn(g->gw.loop);
        add_words(expected, sizeof(expected), "%d ", i);
    }
    buf_clear(&keeper->heard);
    struct client *c = stage_connect(g, 0);
    c->block_after = true;
    stage_say(g, c,
              "{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"position\":\"" FAKE_EPOCH_A
              ":0\"}");
    stage_answer_user(g, "");
    fake_loop_turn(g->gw.loop);
    assert_true(g->metrics.queue_bytes < 200000); /* not all of it waits */
    for (int i = 0; i < 60 && c->close_code == 0; i++) {
        stage_writable(g, c);
        c->block_after = true;
    }
    stage_writable(g, c);
    assert_int_equal(c->close_code, 0);
    assert_offsets(c, expected);
    free(data);
    buf_clear(&keeper->heard);
}

/* ---- replays beyond the burst ---- */

#define LARGE 500000
#define MIB 1048576

static void note_nothing(void *arg, int64_t accepted_ms)
{
    (void)arg;
    (void)accepted_ms;
}

/* Forty events that together are more than the burst, and a client that is to get them all. */
static struct client *with_large_log(struct stage *g, struct client **keeper)
{
    g->settings.redis.history_bytes = 64 * MIB;
    feeds_free(g->gw.feeds);
    const struct feeds_options fo = {&g->settings, &hub_feed_handler, g->bus, &g->metrics};
    hub_free(g->gw.hub);
    g->gw.feeds = feeds_create(g->gw.loop, &fo);
    const struct hub_options ho = {g->gw.feeds, &session_hub_handler, &g->metrics, note_nothing,
                                   NULL};
    g->gw.hub = hub_create(&ho);
    fake_bus_up(g->bus);
    *keeper = on_contest(g, 1);
    struct event e = fake_run("", true);
    char *data = fill(&e, LARGE);
    for (int i = 1; i <= 40; i++) {
        publish_one(g, &e);
        fake_loop_turn(g->gw.loop);
        buf_clear(&(*keeper)->heard);
    }
    free(data);
    return stage_connect(g, 0);
}

#define FROM_ZERO(channel)                                                                         \
    "{\"type\":\"subscribe\",\"channel\":\"" channel "\",\"position\":\"" FAKE_EPOCH_A ":0\"}"

static void turns(struct stage *g)
{
    for (int i = 0; i < 200; i++) {
        fake_loop_turn(g->gw.loop);
    }
}

static size_t count_of(const struct client *c, const char *text)
{
    size_t n = 0;
    for (const char *at = c->heard.p;
         (at = memmem(at, c->heard.n - (size_t)(at - c->heard.p), text, strlen(text))) != NULL;
         at++) {
        n++;
    }
    return n;
}

static void replay_beyond_the_burst_is_paced_and_never_cut(void **state)
{
    struct stage *g = *state;
    struct client *keeper;
    struct client *c = with_large_log(g, &keeper);
    stage_say(g, c, FROM_ZERO("/contest/a"));
    stage_answer_user(g, "");
    turns(g);
    assert_in_range(c->heard.n, 16 * MIB, 16 * MIB + LARGE + 1000);
    stage_say(g, c, FROM_ZERO("/contest/a")); /* the former one goes on */
    turns(g);
    assert_int_equal(count_of(c, "rate_limited"), 1);
    assert_in_range(c->heard.n, 16 * MIB, 16 * MIB + LARGE + 2000);
    for (int s = 1; count_of(c, "run_update") < 40; s++) {
        assert_true(s < 10);
        stage_pass_s(g, 1);
        turns(g);
        assert_in_range(c->heard.n, 0, (16 + s) * MIB + LARGE + 2000);
    }
    assert_int_equal(c->close_code, 0);
    assert_int_equal(count_of(c, "run_update"), 40);
    buf_clear(&c->heard);
    struct event e = fake_run("", true);
    publish_one(g, &e);
    turns(g);
    assert_int_equal(count_of(c, "run_update"), 1); /* live now */
    buf_clear(&c->heard);
    buf_clear(&keeper->heard);
}

static void paced_replays_go_on_in_turn(void **state)
{
    struct stage *g = *state;
    struct client *keeper;
    struct client *c = with_large_log(g, &keeper);
    stage_say(g, c, AUTH);
    stage_answer_admin(g, "eva", "a");
    stage_say(g, c, FROM_ZERO("/contest/a"));
    stage_answer_admin(g, "eva", "a");
    turns(g);
    stage_say(g, c, FROM_ZERO("/contest/a/admin"));
    buf_clear(&c->heard);
    stage_pass_s(g, 8);
    turns(g);
    size_t admin = count_of(c, "/contest/a/admin\",\"timestamp");
    size_t other = count_of(c, "/contest/a\",\"timestamp");
    assert_true(admin >= 4);
    assert_true(other >= 4);
    buf_clear(&c->heard);
    buf_clear(&keeper->heard);
}

/* ---- deadlines ---- */

static void idle_stranger_is_closed_after_thirty_seconds(void **state)
{
    struct stage *g = *state;
    struct client *c = stage_connect(g, 0);
    for (int i = 0; i < 28; i++) {
        stage_pass_s(g, 1);
        stage_say(g, c, "\"ping\"");
    }
    assert_int_equal(c->close_code, 0);
    stage_pass_s(g, 4);
    assert_int_equal(c->close_code, 1008);
}

static void who_authenticates_or_subscribes_is_no_stranger(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    struct client *d = stage_connect(g, 1);
    stage_say(g, d, "{\"type\":\"auth\",\"token\":\"T\"}");
    stage_pass_s(g, 29); /* the frontend takes its time */
    stage_answer_user(g, "ana");
    for (int i = 0; i < 60; i++) {
        stage_pass_s(g, 1);
        session_on_alive(c->s);
        session_on_alive(d->s);
    }
    assert_int_equal(c->close_code, 0);
    assert_int_equal(d->close_code, 0);
    /* Thirty seconds from the end of the last subscription. */
    stage_say(g, c, "{\"type\":\"unsubscribe\",\"channel\":\"/contest/a\"}");
    stage_pass_s(g, 20);
    assert_int_equal(c->close_code, 0);
    for (int i = 0; i < 30; i++) {
        stage_pass_s(g, 1);
        session_on_alive(c->s);
    }
    assert_int_equal(c->close_code, 1008);
}

static void silent_client_is_pinged_and_then_closed(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    stage_pass_s(g, 28);
    assert_int_equal(c->pings, 0);
    stage_pass_s(g, 4);
    assert_int_equal(c->pings, 1);
    stage_pass_s(g, 26);
    assert_int_equal(c->close_code, 0);
    stage_pass_s(g, 8);
    assert_int_equal(c->close_code, 1000);
    assert_int_equal(g->metrics.closed_dead, 1);
}

static void client_that_answers_pings_stays(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    for (unsigned i = 1; i <= 20; i++) {
        stage_pass_s(g, 32);
        session_on_alive(c->s);
    }
    assert_int_equal(c->close_code, 0);
    assert_true(c->pings >= 15);
}

static void busy_client_is_not_pinged(void **state)
{
    struct stage *g = *state;
    struct client *c = on_contest(g, 0);
    for (int i = 0; i < 30; i++) {
        stage_pass_s(g, 10);
        session_on_alive(c->s);
    }
    assert_int_equal(c->pings, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_set_up, stage_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_of_one_turn_leave_in_one_write),
        TEST(many_messages_leave_in_several_writes_in_order),
        TEST(large_message_leaves_frame_by_frame_and_waits_for_the_socket),
        TEST(blocked_client_gets_the_newest_scoreboard_only),
        TEST(scoreboard_being_written_is_not_replaced),
        TEST(queue_over_its_bound_closes_the_client_and_nobody_else),
        TEST(message_over_the_bound_enters_an_empty_queue),
        TEST(write_that_does_not_leave_in_time_closes_the_client),
        TEST(client_that_is_slow_but_reads_is_not_closed),
        TEST(broken_connection_is_closed_once),
        TEST(replay_larger_than_the_queue_is_pulled_by_the_socket),
        TEST(replay_beyond_the_burst_is_paced_and_never_cut),
        TEST(paced_replays_go_on_in_turn),
        TEST(idle_stranger_is_closed_after_thirty_seconds),
        TEST(who_authenticates_or_subscribes_is_no_stranger),
        TEST(silent_client_is_pinged_and_then_closed),
        TEST(client_that_answers_pings_stays),
        TEST(busy_client_is_not_pinged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
