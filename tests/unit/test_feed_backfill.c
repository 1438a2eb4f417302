/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/unit/feed_fixture.h"

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
    fake_bus_reader_up(f->bus);
    assert_int_equal(feed_reach(f->feed, 0), FEED_ASKED);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
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
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
    fake_loop_pass_ms(f->loop, 1000);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
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

/* ---- the newest scoreboards by themselves ---- */

static void newest_scoreboards_are_found_once_for_many_with_the_newer_last(void **state)
{
    struct fixture *f = *state;
    publish_board(f, true);  /* 1 */
    publish_board(f, false); /* 2 */
    publish_board(f, true);  /* 3 */
    go_live_at_three(f);     /* at 6 */
    feed_ask_scoreboards(f->feed);
    feed_ask_scoreboards(f->feed);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "boards:2:3 ");
    publish_board(f, false); /* 7: not heard yet, so it comes live */
    feed_ask_scoreboards(f->feed);
    fake_bus_answer_all(f->bus);
    assert_heard(f, "boards:3 ");
}

static void question_for_scoreboards_without_an_answer_is_asked_again(void **state)
{
    struct fixture *f = *state;
    go_live_at_three(f);
    feed_ask_scoreboards(f->feed);
    fake_bus_fail(f->bus);
    assert_heard(f, "");
    fake_bus_set_reader(f->bus, false);
    fake_loop_pass_ms(f->loop, 2000);
    fake_bus_set_reader(f->bus, true);
    fake_loop_pass_ms(f->loop, 1000);
    assert_int_equal(fake_bus_n_reads(f->bus), 1);
    feed_put(f->feed);
    fake_bus_answer_all(f->bus); /* nobody's any more */
    assert_heard(f, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(newest_scoreboards_are_found_once_for_many_with_the_newer_last),
        TEST(question_for_scoreboards_without_an_answer_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
