/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/support/words.h"
#include "tests/unit/feed_fixture.h"

/* ---- from nothing to live ---- */

static void feed_before_the_link_is_up_subscribes_when_it_comes(void **state)
{
    struct fixture *f = *state;
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_string_equal(fake_bus_commands(f->bus), "");
    assert_string_equal(feed_position(f->feed)->epoch, "");
    fake_bus_subscribed(f->bus, STR(TOPIC)); /* nonsense: nothing was asked */
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_bus_up(f->bus);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
    assert_int_equal(f->metrics.topics, 1);
}

static void first_read_asks_for_the_position_only_and_is_sent_after_the_confirmation(void **state)
{
    struct fixture *f = *state;
    publish(f, 3);
    fake_bus_up(f->bus);
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_subscribed(f->bus, STR(TOPIC)); /* twice is once */
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    assert_int_equal(fake_bus_read(f->bus)->count, 0);
    assert_false(feed_is_live(f->feed));
    fake_bus_answer(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "live ");
    assert_at(f, FAKE_EPOCH_A, 3);
    publish_live(f, 2);
    assert_heard(f, "4 5 ");
}

static void empty_topic_is_live_at_zero(void **state)
{
    struct fixture *f = *state;
    fake_bus_up(f->bus);
    subscribe(f);
    fake_bus_answer(f->bus);
    assert_at(f, FAKE_EPOCH_A, 0);
    publish_live(f, 1);
    assert_heard(f, "live 1 ");
}

/* Five events; each is published before or after Redis looks for the position, and heard before or
 * after the answer. However they lie, the feed ends with exactly those after the position. */
static void events_around_the_first_read_are_taken_once_in_every_order(void **state)
{
    struct fixture *f = *state;
    for (uint64_t looked = 0; looked <= 5; looked++) {
        for (uint64_t heard = 0; heard <= 5; heard++) {
            fake_new_epoch(f->topic, FAKE_EPOCH_A);
            fake_bus_up(f->bus);
            subscribe(f);
            publish(f, looked);
            fake_bus_look(f->bus);
            publish(f, 5 - looked);
            for (uint64_t o = 1; o <= heard; o++) {
                hear_live(f, o);
            }
            fake_bus_answer(f->bus);
            for (uint64_t o = heard + 1; o <= 5; o++) {
                hear_live(f, o);
            }
            assert_true(feed_is_live(f->feed));
            assert_at(f, FAKE_EPOCH_A, 5);
            assert_int_equal(fake_bus_n_reads(f->bus), 0);
            char words[64] = "";
            for (uint64_t o = looked + 1; o <= MAX(heard, looked); o++) {
                add_words(words, sizeof(words), "%d ", (int)o);
            }
            add_words(words, sizeof(words), "live ");
            for (uint64_t o = MAX(heard, looked) + 1; o <= 5; o++) {
                add_words(words, sizeof(words), "%d ", (int)o);
            }
            assert_heard(f, words);
            feed_put(f->feed);
            fake_loop_pass_ms(f->loop, LIMIT_TOPIC_LINGER_MS + 1000);
            assert_int_equal(feeds_count(f->feeds), 0);
        }
    }
}

/* The same after a link loss, when the log fills what was missed. */
static void events_around_a_read_of_the_log_are_taken_once_in_every_order(void **state)
{
    struct fixture *f = *state;
    for (uint64_t looked = 0; looked <= 5; looked++) {
        for (uint64_t heard_from = 1; heard_from <= 6; heard_from++) {
            fake_new_epoch(f->topic, FAKE_EPOCH_A);
            go_live_at_three(f);
            fake_bus_down(f->bus);
            fake_bus_up(f->bus);
            publish(f, looked);
            fake_bus_subscribed(f->bus, STR(TOPIC));
            fake_bus_look(f->bus);
            publish(f, 5 - looked);
            /* Only what was published after SUBSCRIBE is heard; what before, perhaps. */
            for (uint64_t o = 3 + MIN(heard_from, looked + 1); o <= 8; o++) {
                hear_live(f, o);
            }
            assert_heard(f, "");
            fake_bus_answer_all(f->bus);
            assert_true(feed_is_live(f->feed));
            assert_heard(f, "4 5 6 7 8 live ");
            assert_at(f, FAKE_EPOCH_A, 8);
            feed_put(f->feed);
            fake_loop_pass_ms(f->loop, LIMIT_TOPIC_LINGER_MS + 1000);
        }
    }
}

/* ---- live ---- */

static void message_heard_twice_is_taken_once(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish_live(f, 1);
    hear_live(f, 4);
    hear_live(f, 2);
    publish_live(f, 1);
    assert_heard(f, "4 5 ");
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    assert_int_equal(f->metrics.gaps_found, 0);
}

static void message_of_a_topic_nobody_wants_is_ignored(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    fake_bus_message(f->bus, STR("contest/b"), f->topic->live[4]);
    fake_bus_subscribed(f->bus, STR("contest/b"));
    assert_heard(f, "");
}

static void malformed_message_is_counted_and_harmless(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_bus_message(f->bus, STR(TOPIC), STR("nonsense"));
    fake_bus_message(f->bus, STR(TOPIC), STR_NONE);
    assert_int_equal(f->metrics.events_malformed, 2);
    publish_live(f, 1);
    assert_heard(f, "4 ");
}

/* The message with the version in its envelope set to 2 (event.md, changing it). */
static void make_newer(struct str message)
{
    char *p = (char *)(uintptr_t)message.p;
    assert_int_equal(p[28], EVENT_VERSION);
    p[28] = EVENT_VERSION + 1;
}

static void event_of_a_newer_version_is_no_gap_when_heard(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    make_newer(f->topic->live[4]);
    make_newer(f->topic->log[4]);
    hear_live(f, 4);
    publish_live(f, 1);
    assert_heard(f, "5 ");
    assert_at(f, FAKE_EPOCH_A, 5);
    assert_int_equal(f->metrics.events_malformed, 1);
    assert_int_equal(f->metrics.gaps_found, 0);
    assert_int_equal(feed_reach(f->feed, 3), FEED_HAS);
}

static void event_of_a_newer_version_is_no_gap_when_read(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 2);
    make_newer(f->topic->live[4]);
    make_newer(f->topic->log[4]);
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "5 6 live ");
    assert_int_equal(f->metrics.resets, 0);
}

static void event_of_a_newer_version_is_no_gap_in_a_backfill(void **state)
{
    struct fixture *f = *state;
    publish(f, 3);
    make_newer(f->topic->log[2]);
    fake_bus_up(f->bus);
    subscribe(f);
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer(f->bus);
    assert_heard(f, "live backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
    assert_non_null(feed_entry(f->feed, 2));
}

/* ---- holes ---- */

static void hole_is_filled_from_the_log_and_later_events_wait_for_it(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 2);
    publish_live(f, 2);
    assert_heard(f, "");
    assert_false(feed_is_live(f->feed));
    assert_int_equal(f->metrics.gaps_found, 1);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    assert_int_equal(fake_bus_read(f->bus)->after, 3);
    fake_bus_answer(f->bus);
    assert_heard(f, "4 5 6 7 live ");
    assert_int_equal(f->metrics.gaps_repaired, 1);
    publish_live(f, 1);
    assert_heard(f, "8 ");
}

static void hole_of_many_pages_is_read_page_by_page(void **state)
{
    struct fixture *f = *state;
    fake_bus_set_page(f->bus, 2);
    go_live_at_three(f);
    publish(f, 6);
    publish_live(f, 1);
    fake_bus_answer(f->bus);
    assert_heard(f, "4 5 ");
    assert_int_equal(fake_bus_read(f->bus)->after, 5);
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "6 7 8 9 10 11 live ");
}

static void hole_that_the_log_cannot_fill_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 3);
    f->topic->floor = 5;
    publish_live(f, 1);
    publish(f, 1);
    fake_bus_look(f->bus);
    publish_live(f, 1);
    hear_live(f, 8);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset 9 live ");
    assert_at(f, FAKE_EPOCH_A, 9);
    assert_int_equal(feed_reach(f->feed, 4), FEED_ASKED); /* the ring begins behind the reset */
}

static void hole_in_the_middle_of_the_log_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 4);
    free((char *)(uintptr_t)f->topic->log[6].p);
    f->topic->log[6] = (struct str){malloc(1), 1};
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 reset live ");
    assert_at(f, FAKE_EPOCH_A, 8);
}

static void log_emptied_while_the_position_stays_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 3);
    f->topic->floor = 6;
    fake_bus_down(f->bus);
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_A, 6);
}

static void message_heard_out_of_order_while_reading_is_read_again_from_the_log(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish(f, 1);
    publish_live(f, 1); /* 5: a hole */
    fake_bus_look(f->bus);
    publish(f, 1);
    publish_live(f, 1); /* 7: another, behind what Redis has seen */
    fake_bus_answer(f->bus);
    assert_heard(f, "4 5 ");
    fake_bus_answer_all(f->bus);
    assert_heard(f, "6 7 live ");
}

static void message_that_never_fits_is_dropped_after_some_reads(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    struct event e = fake_run("", true);
    struct buf stale = fake_message(FAKE_EPOCH_B, 90, &e);
    fake_bus_message(f->bus, STR(TOPIC), buf_str(&stale));
    publish_live(f, 1);
    for (int i = 0; i < 10 && fake_bus_n_reads(f->bus) > 0; i++) {
        fake_bus_answer(f->bus);
    }
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "4 live ");
    /* And the next hole is searched for as carefully as the first. */
    publish(f, 1);
    publish_live(f, 1);
    fake_bus_look(f->bus);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "5 6 live ");
    buf_release(&stale);
}

/* ---- another history ---- */

static void event_of_another_epoch_is_a_reset_to_it(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish_live(f, 2);
    fake_bus_look(f->bus);
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset 1 2 3 live "); /* nobody could hear its first events */
    assert_at(f, FAKE_EPOCH_B, 3);
}

static void old_history_of_another_epoch_is_a_reset_to_its_end(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish(f, 64);
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_B, 65);
}

static void young_history_whose_log_has_lost_its_beginning_is_a_reset_to_its_end(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish(f, 5);
    f->topic->floor = 2;
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset reset live ");
    assert_at(f, FAKE_EPOCH_B, 6);
}

static void another_epoch_found_after_a_link_loss_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_bus_down(f->bus);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_B, 0);
}

static void history_that_comes_back_goes_on_where_it_was_left(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B); /* the link is at a wrong server */
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset 1 live ");
    fake_new_epoch(f->topic, FAKE_EPOCH_A);
    publish(f, 4);
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset 4 5 live "); /* not 1 to 3 once more */
    assert_at(f, FAKE_EPOCH_A, 5);
}

static void same_epoch_behind_our_position_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_bus_down(f->bus);
    fake_new_epoch(f->topic, FAKE_EPOCH_A);
    publish(f, 1);
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_A, 1);
    publish_live(f, 1);
    assert_heard(f, "2 ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(feed_before_the_link_is_up_subscribes_when_it_comes),
        TEST(first_read_asks_for_the_position_only_and_is_sent_after_the_confirmation),
        TEST(empty_topic_is_live_at_zero),
        TEST(events_around_the_first_read_are_taken_once_in_every_order),
        TEST(events_around_a_read_of_the_log_are_taken_once_in_every_order),
        TEST(message_heard_twice_is_taken_once),
        TEST(message_of_a_topic_nobody_wants_is_ignored),
        TEST(malformed_message_is_counted_and_harmless),
        TEST(event_of_a_newer_version_is_no_gap_when_heard),
        TEST(event_of_a_newer_version_is_no_gap_when_read),
        TEST(event_of_a_newer_version_is_no_gap_in_a_backfill),
        TEST(hole_is_filled_from_the_log_and_later_events_wait_for_it),
        TEST(hole_of_many_pages_is_read_page_by_page),
        TEST(hole_that_the_log_cannot_fill_is_a_reset),
        TEST(hole_in_the_middle_of_the_log_is_a_reset),
        TEST(log_emptied_while_the_position_stays_is_a_reset),
        TEST(message_heard_out_of_order_while_reading_is_read_again_from_the_log),
        TEST(message_that_never_fits_is_dropped_after_some_reads),
        TEST(event_of_another_epoch_is_a_reset_to_it),
        TEST(old_history_of_another_epoch_is_a_reset_to_its_end),
        TEST(young_history_whose_log_has_lost_its_beginning_is_a_reset_to_its_end),
        TEST(another_epoch_found_after_a_link_loss_is_a_reset),
        TEST(history_that_comes_back_goes_on_where_it_was_left),
        TEST(same_epoch_behind_our_position_is_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
