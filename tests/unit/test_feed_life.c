/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/unit/feed_fixture.h"

/* ---- links ---- */

static void link_lost_and_back_with_nothing_missed_is_silent(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_bus_down(f->bus);
    assert_false(feed_is_live(f->feed));
    publish(f, 1);
    hear_live(f, 4); /* cannot be: the link is away */
    assert_heard(f, "");
    fake_new_epoch(f->topic, FAKE_EPOCH_A);
    publish(f, 3);
    fake_bus_up(f->bus);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "live ");
    assert_at(f, FAKE_EPOCH_A, 3);
}

static void link_lost_while_reading_forgets_what_waited(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    fake_bus_look(f->bus);
    fake_bus_down(f->bus);
    publish(f, 1);
    fake_bus_answer(f->bus); /* nobody's any more */
    assert_heard(f, "");
    assert_at(f, FAKE_EPOCH_A, 3);
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_bus_answer(f->bus); /* not taken for the stale one */
    assert_heard(f, "4 5 6 live ");
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
}

static void answer_from_before_a_resubscription_is_not_believed(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    fake_bus_look(f->bus); /* sees 4 and 5 */
    fake_bus_down(f->bus);
    publish(f, 1); /* 6: heard by nobody, not seen by that look */
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    assert_int_equal(fake_bus_n_reads(f->bus), 2);
    fake_bus_answer(f->bus); /* the old one: heard by nobody */
    assert_heard(f, "");
    assert_false(feed_is_live(f->feed));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 6 live ");
}

static void feed_that_is_left_hears_no_answer(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    feed_confirm(f->feed);
    feed_ask_scoreboards(f->feed);
    publish(f, 1);
    publish_live(f, 1); /* a gap: the log is read */
    assert_int_equal(fake_bus_n_reads(f->bus), 4);
    feed_put(f->feed);
    fake_loop_pass_ms(f->loop, LIMIT_TOPIC_LINGER_MS + 1000);
    assert_string_equal(fake_bus_commands(f->bus), "-contest/a ");
    fake_bus_answer_all(f->bus);
    assert_heard(f, "");
}

static void lost_answer_is_asked_again_when_the_reader_is_back(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    fake_bus_fail(f->bus);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    publish_live(f, 1);
    fake_bus_reader_up(f->bus);
    fake_bus_reader_up(f->bus);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 6 live ");
}

static void lost_answer_is_asked_again_by_the_next_tick(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    fake_bus_fail(f->bus);
    fake_loop_pass_ms(f->loop, 1000);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_loop_pass_ms(f->loop, 5000);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 live ");
}

static void reader_away_at_the_confirmation_is_asked_when_it_comes(void **state)
{
    struct fixture *f = *state;
    fake_bus_set_reader(f->bus, false);
    publish(f, 2);
    fake_bus_up(f->bus);
    subscribe(f);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_loop_pass_ms(f->loop, 3000);
    fake_bus_set_reader(f->bus, true);
    fake_bus_reader_up(f->bus);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "live ");
    assert_at(f, FAKE_EPOCH_A, 2);
}

static void stale_answer_that_fails_is_asked_again(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    fake_bus_down(f->bus);
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_set_reader(f->bus, false);
    fake_bus_fail(f->bus);
    fake_bus_set_reader(f->bus, true);
    fake_bus_reader_up(f->bus);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 live ");
}

static void confirmation_that_never_comes_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    fake_bus_up(f->bus);
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    fake_bus_commands(f->bus);
    fake_loop_pass_ms(f->loop, 24000);
    assert_string_equal(fake_bus_commands(f->bus), "");
    fake_loop_pass_ms(f->loop, 2000);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
}

/* ---- bounds ---- */

static void too_much_waiting_gives_the_range_up_with_a_reset(void **state)
{
    struct fixture *f = *state;
    size_t size = (size_t)1024 * 1024;
    char *text = malloc(size);
    memset(text, ' ', size);
    struct event large = fake_run("", true);
    large.text = (struct str){text, size};
    go_live_at_three(f);
    publish(f, 1);
    for (int i = 0; i < 4; i++) {
        fake_publish(f->topic, &large);
        hear_live(f, f->topic->last);
    }
    assert_true(msg_bytes_alive() < LIMIT_TOPIC_PENDING_BYTES);
    fake_bus_fail(f->bus);
    fake_bus_reader_up(f->bus);
    assert_int_equal(fake_bus_read(f->bus)->count, 0); /* the position only */
    publish_live(f, 1);                                /* dropped as well */
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_A, 9);
    publish_live(f, 1);
    assert_heard(f, "10 ");
    assert_int_equal(msg_bytes_alive(), f->metrics.ring_bytes);
    free(text);
}

static void ring_is_bounded_in_events_and_bytes(void **state)
{
    struct fixture *f = *state;
    feeds_free(f->feeds);
    f->settings.redis.history_events = 10;
    const struct feeds_options o = {&f->settings, &handler, f->bus, &f->metrics};
    f->feeds = feeds_create(f->loop, &o);
    go_live_at_three(f);
    publish_live(f, 30);
    assert_null(feed_entry(f->feed, 23));
    assert_non_null(feed_entry(f->feed, 24));
    assert_non_null(feed_entry(f->feed, 33));
    assert_int_equal(f->metrics.ring_bytes, 10 * f->topic->live[33].n);
    assert_int_equal(feed_reach(f->feed, 23), FEED_HAS);
    assert_int_equal(feed_reach(f->feed, 22), FEED_ASKED);
}

/* ---- the position check ---- */

static void quiet_topic_is_checked_and_agreement_changes_nothing(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_loop_pass_ms(f->loop, 24000);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_loop_pass_ms(f->loop, 2000);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    assert_int_equal(fake_bus_read(f->bus)->count, 0);
    fake_bus_answer_all(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "");
    fake_loop_pass_ms(f->loop, 26000);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
}

static void busy_topic_is_not_checked(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    for (int i = 0; i < 10; i++) {
        fake_loop_pass_ms(f->loop, 10000);
        publish_live(f, 1);
    }
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
}

static void check_that_disagrees_twice_reads_what_was_missed(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 2);
    fake_loop_pass_ms(f->loop, 26000);
    fake_bus_answer(f->bus);
    assert_true(feed_is_live(f->feed)); /* the message may be under way */
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_bus_answer(f->bus);
    assert_false(feed_is_live(f->feed));
    assert_int_equal(f->metrics.gaps_found, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 live ");
}

static void check_that_disagrees_once_because_the_message_was_under_way_does_nothing(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    fake_loop_pass_ms(f->loop, 26000);
    fake_bus_answer(f->bus);
    hear_live(f, 4);
    fake_bus_answer(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "4 ");
    assert_int_equal(f->metrics.gaps_found, 0);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
}

static void check_that_finds_another_epoch_twice_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    fake_loop_pass_ms(f->loop, 26000);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_B, 0);
}

static void check_without_an_answer_is_made_again_later(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    fake_loop_pass_ms(f->loop, 26000);
    fake_bus_fail(f->bus);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_bus_set_reader(f->bus, false);
    fake_loop_pass_ms(f->loop, 26000);
    fake_bus_set_reader(f->bus, true);
    fake_loop_pass_ms(f->loop, 26000);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 live ");
}

/* ---- life ---- */

static void feed_lingers_ten_seconds_and_is_then_left(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    feed_put(f->feed);
    fake_loop_pass_ms(f->loop, 9000);
    publish_live(f, 1);
    assert_heard(f, ""); /* nobody's */
    assert_string_equal(fake_bus_commands(f->bus), "");
    fake_loop_pass_ms(f->loop, 2000);
    assert_string_equal(fake_bus_commands(f->bus), "-contest/a ");
    assert_int_equal(feeds_count(f->feeds), 0);
    assert_int_equal(f->metrics.topics, 0);
    publish_live(f, 1);
}

static void lingering_feed_taken_back_is_live_at_once_and_stays(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    feed_put(f->feed);
    fake_loop_pass_ms(f->loop, 9000);
    publish_live(f, 1);
    assert_ptr_equal(feed_get(f->feeds, STR(TOPIC), &f->owner), f->feed);
    assert_true(feed_is_live(f->feed));
    assert_at(f, FAKE_EPOCH_A, 4);
    fake_loop_pass_ms(f->loop, 20000);
    assert_string_equal(fake_bus_commands(f->bus), "");
    publish_live(f, 1);
    assert_heard(f, "5 ");
}

static void feed_left_during_a_read_is_freed_by_the_answer(void **state)
{
    struct fixture *f = *state;
    for (int fails = 0; fails < 2; fails++) {
        fake_new_epoch(f->topic, FAKE_EPOCH_A);
        go_live_at_three(f);
        publish(f, 1);
        publish_live(f, 1);                                   /* a repair, */
        assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED); /* and a backfill */
        feed_put(f->feed);
        fake_loop_pass_ms(f->loop, 12000);
        assert_int_equal(feeds_count(f->feeds), 0);
        assert_int_equal(fake_bus_n_reads(f->bus), 2);
        subscribe(f); /* a new feed of the same topic meanwhile */
        if (fails) {
            fake_bus_fail(f->bus);
            fake_bus_fail(f->bus);
        }
        fake_bus_answer_all(f->bus);
        assert_heard(f, "live ");
        assert_at(f, FAKE_EPOCH_A, 5);
        feed_put(f->feed);
        fake_loop_pass_ms(f->loop, 12000);
    }
}

static void dead_feed_ignores_links_and_ticks(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    feed_put(f->feed);
    fake_loop_pass_ms(f->loop, 12000);
    fake_bus_commands(f->bus);
    fake_bus_down(f->bus);
    fake_bus_up(f->bus);
    fake_bus_reader_up(f->bus);
    fake_loop_pass_ms(f->loop, 60000);
    assert_string_equal(fake_bus_commands(f->bus), "");
    struct buf debug = {0};
    feeds_debug(f->feeds, &debug);
    assert_int_equal(debug.n, 0);
    buf_release(&debug);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "");
}

static void owner_may_let_go_inside_every_callback(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    f->owner.put = f->feed;
    publish_live(f, 2);
    assert_heard(f, "4 "); /* the second is nobody's */
    feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    f->owner.put = f->feed;
    fake_bus_answer_all(f->bus);
    assert_heard(f, "backfill ");
    feed_get(f->feeds, STR(TOPIC), &f->owner);
    f->owner.put = f->feed;
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish_live(f, 2);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset ");
    feed_get(f->feeds, STR(TOPIC), &f->owner);
    publish(f, 1);
    publish_live(f, 1);
    f->owner.put = f->feed;
    fake_bus_answer_all(f->bus);
    assert_heard(f, "3 ");
}

static void subscription_during_a_repair_hears_of_its_end(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1);
    assert_false(feed_is_live(f->feed));
    /* Whoever wants the position now must be told when it is current again. */
    fake_bus_answer_all(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "4 5 live ");
}

static void debug_page_shows_state_and_position(void **state)
{
    struct fixture *f = *state;
    struct buf debug = {0};
    go_live_at_three(f);
    feeds_debug(f->feeds, &debug);
    buf_addc(&debug, '\0');
    assert_string_equal(debug.p,
                        "{\"topic\":\"contest/a\",\"state\":\"live\",\"position\":\"" FAKE_EPOCH_A
                        ":3\",\"used\":true,\"last_event\":0,\"ring_events\":0,\"ring_bytes\":0}");
    buf_release(&debug);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(link_lost_and_back_with_nothing_missed_is_silent),
        TEST(link_lost_while_reading_forgets_what_waited),
        TEST(answer_from_before_a_resubscription_is_not_believed),
        TEST(feed_that_is_left_hears_no_answer),
        TEST(lost_answer_is_asked_again_when_the_reader_is_back),
        TEST(lost_answer_is_asked_again_by_the_next_tick),
        TEST(reader_away_at_the_confirmation_is_asked_when_it_comes),
        TEST(stale_answer_that_fails_is_asked_again),
        TEST(confirmation_that_never_comes_is_asked_for_again),
        TEST(too_much_waiting_gives_the_range_up_with_a_reset),
        TEST(ring_is_bounded_in_events_and_bytes),
        TEST(quiet_topic_is_checked_and_agreement_changes_nothing),
        TEST(busy_topic_is_not_checked),
        TEST(check_that_disagrees_twice_reads_what_was_missed),
        TEST(check_that_disagrees_once_because_the_message_was_under_way_does_nothing),
        TEST(check_that_finds_another_epoch_twice_is_a_reset),
        TEST(check_without_an_answer_is_made_again_later),
        TEST(feed_lingers_ten_seconds_and_is_then_left),
        TEST(lingering_feed_taken_back_is_live_at_once_and_stays),
        TEST(feed_left_during_a_read_is_freed_by_the_answer),
        TEST(dead_feed_ignores_links_and_ticks),
        TEST(owner_may_let_go_inside_every_callback),
        TEST(subscription_during_a_repair_hears_of_its_end),
        TEST(debug_page_shows_state_and_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
