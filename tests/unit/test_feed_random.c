/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/unit/feed_fixture.h"

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
    if (position_is_nothing(&c->at)) {
        memcpy(c->at.epoch, p->position.epoch, sizeof(c->at.epoch));
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

static void check_replaced(void *owner, const struct published *marker)
{
    const struct checker *c = owner;
    assert_true(marker->position.offset > c->at.offset || c->at.epoch[0] == '\0');
    assert_int_equal(marker->event.type, EVENT_SCOREBOARD_UPDATE);
}

static void check_backfill(void *owner)
{
    (void)owner;
}

static void check_scoreboards(void *owner, const struct published *found, size_t n)
{
    const struct checker *c = owner;
    for (size_t i = 0; i < n; i++) { /* never one that is still to come */
        assert_true(found[i].position.offset <= c->at.offset);
        assert_string_equal(found[i].position.epoch, feed_position(c->f->feed)->epoch);
    }
}

static const struct feed_handler checking = {.on_live = check_live,
                                             .on_event = check_event,
                                             .on_replaced = check_replaced,
                                             .on_reset = check_jump,
                                             .on_backfill = check_backfill,
                                             .on_scoreboards = check_scoreboards};

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
            fake_bus_down(f->bus);
            *up = false;
            f->topic->heard = f->topic->last;
        } else if (!*up) {
            fake_bus_up(f->bus);
            *up = true;
            f->topic->heard = f->topic->last;
        }
        fake_bus_subscribed(f->bus, STR(TOPIC));
        break;
    case 14:
        if (f->topic->last > 0) {
            (void)feed_reach(f->feed, dice(seed, (unsigned)f->topic->last + 1));
            if (dice(seed, 4) == 0) {
                feed_ask_scoreboards(f->feed);
            }
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
        f->topic->begins_with_nothing = run % 2 == 0;
        fake_bus_set_page(f->bus, 1 + dice(&seed, 6));
        f->feeds = feeds_create(
            f->loop, &(struct feeds_options){o.settings, &checking, f->bus, &f->metrics});
        fake_bus_up(f->bus);
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
            fake_bus_up(f->bus);
        }
        fake_bus_subscribed(f->bus, STR(TOPIC));
        for (int i = 0; i < 100; i++) {
            fake_bus_answer_all(f->bus);
            fake_loop_pass_ms(f->loop, 1000);
        }
        assert_true(feed_is_live(f->feed));
        assert_int_equal(feed_position(f->feed)->offset, f->topic->last);
        bool nothing = f->topic->begins_with_nothing && f->topic->last == 0;
        assert_string_equal(feed_position(f->feed)->epoch,
                            nothing ? FAKE_NOTHING_A : f->topic->epoch);
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
    fake_bus_subscribed(f->bus, STR(TOPIC));
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
        fake_bus_reader_up(f->bus);
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
    fake_bus_up(f->bus);
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
        TEST(random_histories_never_lose_an_event_silently),
        TEST(message_without_memory_becomes_a_reset_or_a_repair_never_silence),
        TEST(feed_without_memory_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
