/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/msg.h"
#include "common/settings.h"
#include "gateway/feed.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_bus.h"
#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"

#define TOPIC "contest/a"

/* What the owner of a feed heard, one word each: `live`, an event's offset, `reset`, `backfill`. */
struct owner {
    struct buf heard;
    uint64_t last;    /* offset of the last event */
    struct feed *put; /* let go of at the next call */
};

struct fixture {
    struct loop *loop;
    struct bus *bus;
    struct fake_topic *topic;
    struct settings settings;
    struct gw_metrics metrics;
    struct feeds *feeds;
    struct feed *feed;
    struct owner owner;
    bool recording;
};

static void hear(struct owner *o, const char *word)
{
    buf_addf(&o->heard, "%s ", word);
    if (o->put) {
        feed_put(o->put);
        o->put = NULL;
    }
}

static void on_live(void *owner)
{
    hear(owner, "live");
}

static void on_event(void *owner, const struct published *p)
{
    struct owner *o = owner;
    char word[24];
    snprintf(word, sizeof(word), "%llu", (unsigned long long)p->position.offset);
    o->last = p->position.offset;
    hear(owner, word);
}

static void on_reset(void *owner)
{
    hear(owner, "reset");
}

static void on_backfill(void *owner)
{
    hear(owner, "backfill");
}

static const struct feed_handler handler = {on_live, on_event, on_reset, on_backfill};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_create();
    f->bus = fake_bus_create();
    f->topic = fake_topic(f->bus, TOPIC);
    f->settings.redis.history_events = 1000;
    f->settings.redis.history_bytes = 8388608;
    const struct feeds_options o = {&f->settings, &handler, f->bus, &f->metrics};
    f->feeds = feeds_create(f->loop, &o);
    *state = f;
    return f->feeds ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fail_alloc_at(-1);
    feeds_free(f->feeds);
    int gauge = f->metrics.ring_bytes != 0;
    fake_bus_free(f->bus);
    loop_free(f->loop);
    buf_release(&f->owner.heard);
    free(f);
    return msg_bytes_alive() == 0 && !gauge ? 0 : -1;
}

static void assert_heard(struct fixture *f, const char *words)
{
    buf_addc(&f->owner.heard, '\0');
    assert_string_equal(f->owner.heard.p, words);
    buf_clear(&f->owner.heard);
}

static void publish(struct fixture *f, uint64_t n)
{
    struct event e = fake_run("", true);
    while (n-- > 0) {
        fake_publish(f->topic, &e);
    }
}

static void hear_live(struct fixture *f, uint64_t offset)
{
    feeds_on_message(f->feeds, STR(TOPIC), f->topic->live[offset]);
}

static void publish_live(struct fixture *f, uint64_t n)
{
    while (n-- > 0) {
        publish(f, 1);
        hear_live(f, f->topic->last);
    }
}

static void subscribe(struct fixture *f)
{
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_non_null(f->feed);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
}

/* A feed that is live at offset 3, and nothing heard. */
static void go_live_at_three(struct fixture *f)
{
    publish(f, 3);
    feeds_on_up(f->feeds);
    subscribe(f);
    fake_bus_answer_all(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "live ");
    fake_bus_commands(f->bus);
}

static void assert_at(struct fixture *f, const char *epoch, uint64_t offset)
{
    assert_string_equal(feed_position(f->feed)->epoch, epoch);
    assert_int_equal(feed_position(f->feed)->offset, offset);
}

/* ---- from nothing to live ---- */

static void feed_before_the_link_is_up_subscribes_when_it_comes(void **state)
{
    struct fixture *f = *state;
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_string_equal(fake_bus_commands(f->bus), "");
    assert_string_equal(feed_position(f->feed)->epoch, "");
    feeds_on_subscribed(f->feeds, STR(TOPIC)); /* nonsense: nothing was asked */
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    feeds_on_up(f->feeds);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
    assert_int_equal(f->metrics.topics, 1);
}

static void first_read_asks_for_the_position_only_and_is_sent_after_the_confirmation(void **state)
{
    struct fixture *f = *state;
    publish(f, 3);
    feeds_on_up(f->feeds);
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
    feeds_on_subscribed(f->feeds, STR(TOPIC)); /* twice is once */
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
    feeds_on_up(f->feeds);
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
            feeds_on_up(f->feeds);
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
                sprintf(words + strlen(words), "%d ", (int)o);
            }
            strcat(words, "live ");
            for (uint64_t o = MAX(heard, looked) + 1; o <= 5; o++) {
                sprintf(words + strlen(words), "%d ", (int)o);
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
            feeds_on_down(f->feeds);
            feeds_on_up(f->feeds);
            publish(f, looked);
            feeds_on_subscribed(f->feeds, STR(TOPIC));
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
    feeds_on_message(f->feeds, STR("contest/b"), f->topic->live[4]);
    feeds_on_subscribed(f->feeds, STR("contest/b"));
    assert_heard(f, "");
}

static void malformed_message_is_counted_and_harmless(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    feeds_on_message(f->feeds, STR(TOPIC), STR("nonsense"));
    feeds_on_message(f->feeds, STR(TOPIC), STR_NONE);
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
    feeds_on_up(f->feeds);
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
    feeds_on_down(f->feeds);
    feeds_on_up(f->feeds);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
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
    feeds_on_message(f->feeds, STR(TOPIC), buf_str(&stale));
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
    feeds_on_down(f->feeds);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    feeds_on_up(f->feeds);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_B, 0);
}

static void same_epoch_behind_our_position_is_a_reset(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    feeds_on_down(f->feeds);
    fake_new_epoch(f->topic, FAKE_EPOCH_A);
    publish(f, 1);
    feeds_on_up(f->feeds);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_A, 1);
    publish_live(f, 1);
    assert_heard(f, "2 ");
}

/* ---- links ---- */

static void link_lost_and_back_with_nothing_missed_is_silent(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    feeds_on_down(f->feeds);
    assert_false(feed_is_live(f->feed));
    publish(f, 1);
    hear_live(f, 4); /* cannot be: the link is away */
    assert_heard(f, "");
    fake_new_epoch(f->topic, FAKE_EPOCH_A);
    publish(f, 3);
    feeds_on_up(f->feeds);
    assert_string_equal(fake_bus_commands(f->bus), "+contest/a ");
    feeds_on_subscribed(f->feeds, STR(TOPIC));
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
    feeds_on_down(f->feeds);
    publish(f, 1);
    fake_bus_answer(f->bus); /* nobody's any more */
    assert_heard(f, "");
    assert_at(f, FAKE_EPOCH_A, 3);
    feeds_on_up(f->feeds);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
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
    feeds_on_down(f->feeds);
    publish(f, 1); /* 6: heard by nobody, not seen by that look */
    feeds_on_up(f->feeds);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_bus_answer(f->bus);
    assert_heard(f, "");
    assert_false(feed_is_live(f->feed));
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 6 live ");
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
    feeds_on_reader_up(f->feeds);
    feeds_on_reader_up(f->feeds);
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
    feeds_on_up(f->feeds);
    subscribe(f);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_loop_pass_ms(f->loop, 3000);
    fake_bus_set_reader(f->bus, true);
    feeds_on_reader_up(f->feeds);
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
    feeds_on_down(f->feeds);
    feeds_on_up(f->feeds);
    feeds_on_subscribed(f->feeds, STR(TOPIC));
    fake_bus_set_reader(f->bus, false);
    fake_bus_fail(f->bus);
    fake_bus_set_reader(f->bus, true);
    feeds_on_reader_up(f->feeds);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "4 5 live ");
}

static void confirmation_that_never_comes_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    feeds_on_up(f->feeds);
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
    feeds_on_reader_up(f->feeds);
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
    feeds_on_down(f->feeds);
    feeds_on_up(f->feeds);
    feeds_on_reader_up(f->feeds);
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

/* ---- backfill ---- */

static void nothing_older_than_the_position_is_needed_by_who_has_it(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    assert_int_equal(feed_reach(f->feed, 3), FEED_HAS);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    assert_null(feed_entry(f->feed, 3));
}

static void backfill_reads_once_for_many(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(feed_reach(f->feed, 1), FEED_ASKED);
    }
    assert_int_equal(feed_reach(f->feed, 2), FEED_ASKED);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    publish_live(f, 1);
    fake_bus_answer(f->bus);
    assert_heard(f, "4 backfill ");
    assert_int_equal(feed_reach(f->feed, 1), FEED_HAS);
    assert_int_equal(feed_reach(f->feed, 2), FEED_HAS);
    for (uint64_t o = 2; o <= 4; o++) {
        assert_memory_equal(feed_entry(f->feed, o)->m->bytes, f->topic->live[o].p,
                            f->topic->live[o].n);
    }
    assert_null(feed_entry(f->feed, 1));
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED); /* one more */
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
}

static void backfill_asked_for_more_while_under_way_is_asked_again(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    assert_int_equal(feed_reach(f->feed, 2), FEED_ASKED);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
}

static void backfill_of_many_pages_is_read_to_the_ring(void **state)
{
    struct fixture *f = *state;
    publish(f, 200);
    go_live_at_three(f); /* at 203 */
    publish_live(f, 5);
    fake_bus_set_page(f->bus, 64);
    assert_int_equal(feed_reach(f->feed, 10), FEED_ASKED);
    fake_bus_answer(f->bus);
    publish_live(f, 5);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "204 205 206 207 208 209 210 211 212 213 backfill ");
    for (uint64_t o = 11; o <= 213; o++) {
        assert_non_null(feed_entry(f->feed, o)->m);
    }
}

static void backfill_behind_the_end_of_the_log_is_lost_and_not_asked_again(void **state)
{
    struct fixture *f = *state;
    publish(f, 7);
    go_live_at_three(f); /* at 10 */
    f->topic->floor = 5;
    assert_int_equal(feed_reach(f->feed, 2), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "backfill ");
    for (uint64_t after = 0; after < 5; after++) {
        assert_int_equal(feed_reach(f->feed, after), FEED_LOST);
    }
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    assert_int_equal(feed_reach(f->feed, 5), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 5), FEED_HAS);
    assert_int_equal(feed_reach(f->feed, 4), FEED_LOST);
}

static void backfill_of_an_empty_log_is_lost(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    f->topic->floor = 3;
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_LOST);
    assert_int_equal(feed_reach(f->feed, 2), FEED_LOST);
    assert_int_equal(feed_reach(f->feed, 3), FEED_HAS);
}

static void malformed_entry_in_the_log_ends_the_backfill_and_is_not_asked_for_ever(void **state)
{
    struct fixture *f = *state;
    publish(f, 7);
    go_live_at_three(f); /* at 10 */
    free((char *)(uintptr_t)f->topic->log[5].p);
    f->topic->log[5] = (struct str){malloc(1), 1};
    for (int i = 0; i < 20 && feed_reach(f->feed, 2) == FEED_ASKED; i++) {
        fake_bus_answer_all(f->bus);
    }
    assert_int_equal(feed_reach(f->feed, 2), FEED_LOST);
    buf_clear(&f->owner.heard);
}

static void backfill_while_the_reader_is_away_is_made_when_it_is_back(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_bus_set_reader(f->bus, false);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    assert_heard(f, "");
    fake_bus_set_reader(f->bus, true);
    feeds_on_reader_up(f->feeds);
    assert_heard(f, "backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
}

static void backfill_without_an_answer_is_asked_again_by_the_next_tick(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_fail(f->bus);
    assert_heard(f, ""); /* not at once: it might fail at once again, for ever */
    fake_loop_pass_ms(f->loop, 1000);
    assert_heard(f, "backfill ");
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
    assert_heard(f, "backfill ");
}

static void backfill_that_meets_another_epoch_resets_the_feed_without_asking_for_ever(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish(f, 2);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    assert_at(f, FAKE_EPOCH_B, 2);
    assert_heard(f, "reset 1 2 live ");
}

static void backfill_begun_in_one_epoch_takes_nothing_of_another(void **state)
{
    struct fixture *f = *state;
    publish(f, 5);
    go_live_at_three(f); /* at 8 */
    fake_bus_set_page(f->bus, 2);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer(f->bus); /* 1 and 2 of the old history */
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish_live(f, 6);
    assert_int_equal(fake_bus_n_reads(f->bus), 2);
    /* The backfill's second page (old offsets go on where they were) and the repair. */
    fake_bus_answer_all(f->bus);
    assert_at(f, FAKE_EPOCH_B, 6);
    for (uint64_t o = 1; o <= 6; o++) {
        const struct ring_entry *e = feed_entry(f->feed, o);
        struct published p;
        if (e && e->m) {
            assert_int_equal(published_decode(msg_str(e->m), &p), EVENT_OK);
            assert_string_equal(p.position.epoch, FAKE_EPOCH_B);
        }
    }
    buf_clear(&f->owner.heard);
}

static void epoch_changed_between_two_pages_and_repaired_first(void **state)
{
    struct fixture *f = *state;
    publish(f, 5);
    go_live_at_three(f); /* at 8 */
    fake_bus_set_page(f->bus, 2);
    publish(f, 1);
    publish_live(f, 1);                                   /* 10: a repair is asked for first, */
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED); /* then the backfill */
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish(f, 6);
    fake_bus_answer(f->bus); /* the reset */
    fake_bus_answer_all(f->bus);
    assert_at(f, FAKE_EPOCH_B, 6);
    for (uint64_t after = 0; after < 6; after++) { /* and the new history can be reached */
        for (int i = 0; i < 10 && feed_reach(f->feed, after) == FEED_ASKED; i++) {
            fake_bus_answer_all(f->bus);
        }
        assert_int_equal(feed_reach(f->feed, after), FEED_HAS);
    }
    buf_clear(&f->owner.heard);
}

/* ---- scoreboards ---- */

static void publish_board(struct fixture *f, bool is_public)
{
    struct event e = fake_scoreboard(is_public);
    fake_publish(f->topic, &e);
}

static void repair_takes_the_newest_scoreboards_whole_and_passes_older_ones(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish_board(f, true);  /* 4: replaced by 7 */
    publish_board(f, false); /* 5: the newest private one */
    publish(f, 1);           /* 6 */
    publish_board(f, true);  /* 7: the newest public one */
    publish_live(f, 1);      /* 8 */
    fake_bus_answer_all(f->bus);
    assert_heard(f, "5 6 7 8 live ");
    assert_null(feed_entry(f->feed, 4)->m);
    assert_non_null(feed_entry(f->feed, 5)->m);
    assert_non_null(feed_entry(f->feed, 7)->m);
    assert_at(f, FAKE_EPOCH_A, 8);
}

static void scoreboard_whose_text_is_gone_is_a_reset_and_not_silence(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish_board(f, true);
    f->topic->state[1] = STR_NONE;
    publish_live(f, 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "reset live ");
    assert_at(f, FAKE_EPOCH_A, 5);
}

static void newer_scoreboard_published_during_a_repair_replaces_the_one_in_the_log(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    publish_board(f, true);  /* 4 */
    publish_live(f, 1);      /* 5 */
    fake_bus_answer(f->bus); /* there is a marker: asked again with the texts */
    publish_board(f, true);  /* 6: its text stands in the state now */
    hear_live(f, 6);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "5 6 live ");
}

static void backfill_fills_the_newest_scoreboards(void **state)
{
    struct fixture *f = *state;
    publish_board(f, true);  /* 1 */
    publish_board(f, false); /* 2 */
    publish_board(f, true);  /* 3 */
    go_live_at_three(f);     /* at 6 */
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
    assert_null(feed_entry(f->feed, 1)->m);
    assert_non_null(feed_entry(f->feed, 2)->m);
    assert_non_null(feed_entry(f->feed, 3)->m);
    buf_clear(&f->owner.heard);
}

static void backfill_whose_scoreboard_is_newer_in_the_ring_leaves_a_marker(void **state)
{
    struct fixture *f = *state;
    publish_board(f, true); /* 1 */
    go_live_at_three(f);    /* at 4 */
    publish_board(f, true); /* 5 */
    hear_live(f, 5);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
    assert_null(feed_entry(f->feed, 1)->m);
    assert_non_null(feed_entry(f->feed, 5)->m);
    buf_clear(&f->owner.heard);
}

static void backfill_whose_scoreboard_is_replaced_by_one_under_way_is_no_loss(void **state)
{
    struct fixture *f = *state;
    publish_board(f, true); /* 1 */
    go_live_at_three(f);    /* at 4 */
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    publish_board(f, true); /* 5: in the state, but not heard yet */
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_HAS);
    assert_null(feed_entry(f->feed, 1)->m);
    hear_live(f, 5);
    assert_heard(f, "backfill 5 ");
    assert_non_null(feed_entry(f->feed, 5)->m);
}

static void backfill_whose_scoreboard_text_is_gone_cannot_be_replayed(void **state)
{
    struct fixture *f = *state;
    publish_board(f, true); /* 1 */
    go_live_at_three(f);    /* at 4 */
    publish_live(f, 1);
    f->topic->state[1] = STR_NONE;
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    fake_bus_answer_all(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_LOST);
    assert_non_null(feed_entry(f->feed, 5)); /* the ring keeps its own */
    buf_clear(&f->owner.heard);
}

/* ---- everything at once ---- */

static unsigned dice(uint32_t *seed, unsigned sides)
{
    *seed = *seed * 1664525 + 1013904223;
    return (unsigned)(*seed >> 16) % sides;
}

/* What the owner heard must follow itself without a hole, except after a reset, and except markers
 * of scoreboards that a newer one replaces. */
struct checker {
    struct fixture *f;
    struct position at;
    uint32_t missing[2]; /* scoreboards passed, by kind */
};

static void check_event(void *owner, const struct published *p)
{
    struct checker *c = owner;
    if (c->at.epoch[0] == '\0') { /* between the first position and on_live() */
        c->at = p->position;
        c->at.offset--;
    }
    for (uint64_t o = c->at.offset + 1; o < p->position.offset; o++) {
        struct published skipped;
        assert_int_equal(published_decode(c->f->topic->live[o], &skipped), EVENT_OK);
        assert_int_equal(skipped.event.type, EVENT_SCOREBOARD_UPDATE);
        c->missing[skipped.event.is_public]++;
    }
    assert_true(p->position.offset > c->at.offset);
    assert_string_equal(p->position.epoch, c->at.epoch);
    if (p->event.type == EVENT_SCOREBOARD_UPDATE) {
        c->missing[p->event.is_public] = 0;
    }
    c->at = p->position;
    assert_memory_equal(feed_position(c->f->feed), &c->at, sizeof(c->at));
}

static void check_jump(void *owner)
{
    struct checker *c = owner;
    c->at = *feed_position(c->f->feed);
    c->missing[0] = c->missing[1] = 0;
}

static void check_live(void *owner)
{
    struct checker *c = owner;
    if (c->at.epoch[0] == '\0') {
        c->at = *feed_position(c->f->feed);
    }
}

static void check_backfill(void *owner)
{
    (void)owner;
}

static const struct feed_handler checking = {check_live, check_event, check_jump, check_backfill};

/* Without scoreboards not one event may be passed. */
static void random_step(struct fixture *f, uint32_t *seed, bool *up, bool boards)
{
    struct event e = dice(seed, 4) || !boards ? fake_run("", true) : fake_scoreboard(dice(seed, 2));
    switch (dice(seed, 16)) {
    case 0:
    case 1:
    case 2: fake_publish(f->topic, &e); break;
    case 3:
    case 4:
    case 5:
    case 6:
        if (f->topic->heard < f->topic->last) {
            f->topic->heard++;
            if (*up) {
                hear_live(f, f->topic->heard);
            }
        }
        break;
    case 7:
        if (dice(seed, 4) == 0 && f->topic->heard < f->topic->last) {
            f->topic->heard++; /* lost */
        }
        break;
    case 8: fake_bus_look(f->bus); break;
    case 9:
    case 10:
    case 11:
        if (fake_bus_n_reads(f->bus) > 0) {
            fake_bus_answer(f->bus);
        }
        break;
    case 12:
        if (dice(seed, 4) == 0 && fake_bus_n_reads(f->bus) > 0) {
            fake_bus_fail(f->bus);
        }
        break;
    case 13:
        if (dice(seed, 8) == 0) {
            feeds_on_down(f->feeds);
            *up = false;
            f->topic->heard = f->topic->last;
        } else if (!*up) {
            feeds_on_up(f->feeds);
            *up = true;
            f->topic->heard = f->topic->last;
        }
        feeds_on_subscribed(f->feeds, STR(TOPIC));
        break;
    case 14:
        if (f->topic->last > 0) {
            (void)feed_reach(f->feed, dice(seed, (unsigned)f->topic->last + 1));
        }
        if (dice(seed, 20) == 0) {
            f->topic->floor = f->topic->last - dice(seed, (unsigned)f->topic->last + 1);
        }
        break;
    case 15: fake_loop_pass_ms(f->loop, dice(seed, 3000)); break;
    default: break;
    }
}

static void random_histories_never_lose_an_event_silently(void **state)
{
    struct fixture *f = *state;
    for (uint32_t run = 1; run <= 300; run++) {
        struct checker c = {.f = f};
        uint32_t seed = run * 7919;
        bool up = true;
        const struct feeds_options o = {&f->settings, &checking, f->bus, &f->metrics};
        feeds_free(f->feeds);
        fake_bus_free(f->bus);
        f->bus = fake_bus_create();
        f->topic = fake_topic(f->bus, TOPIC);
        fake_bus_set_page(f->bus, 1 + dice(&seed, 6));
        f->feeds = feeds_create(
            f->loop, &(struct feeds_options){o.settings, &checking, f->bus, &f->metrics});
        feeds_on_up(f->feeds);
        f->feed = feed_get(f->feeds, STR(TOPIC), &c);
        for (int step = 0; step < 400; step++) {
            random_step(f, &seed, &up, run % 3 != 0);
            if (run % 3 == 0 && dice(&seed, 150) == 0) {
                char epoch[EPOCH_LEN + 1];
                snprintf(epoch, sizeof(epoch), "%016x", seed);
                fake_new_epoch(f->topic, epoch);
            }
        }
        /* Everything comes to rest: the links are there, the rest is heard, the checks are made. */
        if (!up) {
            feeds_on_up(f->feeds);
        }
        feeds_on_subscribed(f->feeds, STR(TOPIC));
        for (int i = 0; i < 100; i++) {
            fake_bus_answer_all(f->bus);
            fake_loop_pass_ms(f->loop, 1000);
        }
        assert_true(feed_is_live(f->feed));
        assert_int_equal(feed_position(f->feed)->offset, f->topic->last);
        assert_string_equal(feed_position(f->feed)->epoch, f->topic->epoch);
        assert_int_equal(c.missing[0], 0);
        assert_int_equal(c.missing[1], 0);
        feed_put(f->feed);
    }
}

/* ---- memory ---- */

static void busy_life(struct fixture *f)
{
    struct feed *feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    if (!feed) {
        return;
    }
    f->feed = feed;
    feeds_on_subscribed(f->feeds, STR(TOPIC));
    fake_bus_answer_all(f->bus);
    publish_live(f, 2);
    publish(f, 1);
    publish_live(f, 2);
    fake_bus_answer_all(f->bus);
    (void)feed_reach(f->feed, 0);
    fake_bus_answer_all(f->bus);
    feed_put(f->feed);
}

/* The fake bus allocates too, and would fail its asserts: only our own allocations count, so the
 * failure is armed around single calls. */
static void message_without_memory_becomes_a_reset_or_a_repair_never_silence(void **state)
{
    struct fixture *f = *state;
    for (long n = 0; n < 4; n++) {
        fake_new_epoch(f->topic, FAKE_EPOCH_A);
        go_live_at_three(f);
        publish(f, 2);
        fail_alloc_at(n);
        hear_live(f, 5); /* a hole: it must wait */
        fail_alloc_at(-1);
        feeds_on_reader_up(f->feeds);
        fake_bus_answer_all(f->bus);
        assert_true(feed_is_live(f->feed));
        assert_at(f, FAKE_EPOCH_A, 5);
        buf_addc(&f->owner.heard, '\0');
        assert_true(strcmp(f->owner.heard.p, "reset live ") == 0 ||
                    strcmp(f->owner.heard.p, "4 5 live ") == 0);
        buf_clear(&f->owner.heard);
        publish(f, 1);
        fail_alloc_at(n);
        hear_live(f, 6); /* delivered even when it cannot be kept */
        fail_alloc_at(-1);
        assert_heard(f, "6 ");
        feed_put(f->feed);
        fake_loop_pass_ms(f->loop, 12000);
        fake_bus_commands(f->bus);
    }
}

static void feed_without_memory_is_not_made(void **state)
{
    struct fixture *f = *state;
    feeds_on_up(f->feeds);
    for (long n = 0; n < 2; n++) {
        fail_alloc_at(n);
        assert_null(feed_get(f->feeds, STR(TOPIC), &f->owner));
        fail_alloc_at(-1);
        assert_int_equal(feeds_count(f->feeds), 0);
    }
    busy_life(f);
    buf_clear(&f->owner.heard);
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
        TEST(same_epoch_behind_our_position_is_a_reset),
        TEST(link_lost_and_back_with_nothing_missed_is_silent),
        TEST(link_lost_while_reading_forgets_what_waited),
        TEST(answer_from_before_a_resubscription_is_not_believed),
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
        TEST(nothing_older_than_the_position_is_needed_by_who_has_it),
        TEST(backfill_reads_once_for_many),
        TEST(backfill_asked_for_more_while_under_way_is_asked_again),
        TEST(backfill_of_many_pages_is_read_to_the_ring),
        TEST(backfill_behind_the_end_of_the_log_is_lost_and_not_asked_again),
        TEST(backfill_of_an_empty_log_is_lost),
        TEST(malformed_entry_in_the_log_ends_the_backfill_and_is_not_asked_for_ever),
        TEST(backfill_while_the_reader_is_away_is_made_when_it_is_back),
        TEST(backfill_without_an_answer_is_asked_again_by_the_next_tick),
        TEST(backfill_that_meets_another_epoch_resets_the_feed_without_asking_for_ever),
        TEST(backfill_begun_in_one_epoch_takes_nothing_of_another),
        TEST(epoch_changed_between_two_pages_and_repaired_first),
        TEST(repair_takes_the_newest_scoreboards_whole_and_passes_older_ones),
        TEST(scoreboard_whose_text_is_gone_is_a_reset_and_not_silence),
        TEST(newer_scoreboard_published_during_a_repair_replaces_the_one_in_the_log),
        TEST(backfill_fills_the_newest_scoreboards),
        TEST(backfill_whose_scoreboard_is_newer_in_the_ring_leaves_a_marker),
        TEST(backfill_whose_scoreboard_is_replaced_by_one_under_way_is_no_loss),
        TEST(backfill_whose_scoreboard_text_is_gone_cannot_be_replayed),
        TEST(random_histories_never_lose_an_event_silently),
        TEST(message_without_memory_becomes_a_reset_or_a_repair_never_silence),
        TEST(feed_without_memory_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
