/* SPDX-License-Identifier: MIT */
/* Topics without events: reading writes nothing to Redis, so they have no epoch of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/unit/feed_fixture.h"

#define NEW_EPOCH "cccccccccccccccc"

static void go_live_at_nothing(struct fixture *f)
{
    f->topic->begins_with_nothing = true;
    fake_bus_up(f->bus);
    subscribe(f);
    fake_bus_answer_all(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "live ");
    assert_at(f, FAKE_NOTHING_A, 0);
}

/* The link is lost and comes back. */
static void relink(struct fixture *f)
{
    fake_bus_down(f->bus);
    fake_bus_up(f->bus);
    fake_bus_subscribed(f->bus, STR(TOPIC));
    fake_bus_answer_all(f->bus);
}

static void first_event_follows_nothing_without_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_nothing(f);
    publish_live(f, 2);
    assert_heard(f, "1 2 ");
    assert_at(f, FAKE_EPOCH_A, 2);
}

static void first_events_that_were_not_heard_are_read_from_the_log(void **state)
{
    struct fixture *f = *state;
    go_live_at_nothing(f);
    publish(f, 1); /* lost on its way */
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "1 2 live ");
    assert_at(f, FAKE_EPOCH_A, 2);
}

static void events_that_came_while_the_link_was_away_follow_nothing(void **state)
{
    struct fixture *f = *state;
    go_live_at_nothing(f);
    fake_bus_down(f->bus);
    publish(f, 3);
    relink(f);
    assert_heard(f, "1 2 3 live ");
}

static void first_event_heard_while_its_topic_is_read_follows_nothing(void **state)
{
    struct fixture *f = *state;
    f->topic->begins_with_nothing = true;
    fake_bus_up(f->bus);
    subscribe(f);
    fake_bus_look(f->bus); /* nothing yet */
    publish_live(f, 2);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "1 2 live ");
    assert_at(f, FAKE_EPOCH_A, 2);
}

/* An epoch may have come and gone while nobody could hear it. */
static void nothing_of_another_history_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_nothing(f);
    fake_bus_set_nothing(f->bus, FAKE_NOTHING_B);
    relink(f);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_NOTHING_B, 0);
}

static void events_of_another_history_do_not_follow_nothing(void **state)
{
    struct fixture *f = *state;
    go_live_at_nothing(f);
    fake_bus_set_nothing(f->bus, FAKE_NOTHING_B);
    publish(f, 2);
    relink(f);
    assert_heard(f, "reset 1 2 live ");
}

static void epoch_in_the_place_of_another_does_not_follow_nothing(void **state)
{
    struct fixture *f = *state;
    go_live_at_nothing(f);
    f->topic->base = f->topic->last = 1; /* renewed: no event has offset 1 */
    f->topic->floor = 1;
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset 2 live ");
    assert_at(f, FAKE_EPOCH_A, 2);
}

static void position_that_is_gone_is_a_reset_to_nothing(void **state)
{
    struct fixture *f = *state;
    f->topic->begins_with_nothing = true;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    relink(f);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_NOTHING_A, 0);
}

static void nothing_is_the_beginning_of_the_epoch_that_followed_it(void **state)
{
    struct fixture *f = *state;
    struct position p = {FAKE_NOTHING_A, 0}, other = {FAKE_NOTHING_B, 0};
    go_live_at_nothing(f);
    publish_live(f, 2);
    feed_rebase(f->feed, &p);
    assert_string_equal(p.epoch, FAKE_EPOCH_A);
    feed_rebase(f->feed, &other);
    assert_string_equal(other.epoch, FAKE_NOTHING_B);
}

static void nothing_is_not_the_beginning_of_an_epoch_after_the_next(void **state)
{
    struct fixture *f = *state;
    struct position p = {FAKE_NOTHING_A, 0};
    go_live_at_nothing(f);
    publish_live(f, 2);
    fake_new_epoch(f->topic, NEW_EPOCH); /* its position was deleted by hand */
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "1 2 reset 1 live ");
    feed_rebase(f->feed, &p);
    assert_string_equal(p.epoch, FAKE_NOTHING_A);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_event_follows_nothing_without_a_reset),
        TEST(first_events_that_were_not_heard_are_read_from_the_log),
        TEST(events_that_came_while_the_link_was_away_follow_nothing),
        TEST(first_event_heard_while_its_topic_is_read_follows_nothing),
        TEST(nothing_of_another_history_is_a_reset),
        TEST(events_of_another_history_do_not_follow_nothing),
        TEST(epoch_in_the_place_of_another_does_not_follow_nothing),
        TEST(position_that_is_gone_is_a_reset_to_nothing),
        TEST(nothing_is_the_beginning_of_the_epoch_that_followed_it),
        TEST(nothing_is_not_the_beginning_of_an_epoch_after_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
