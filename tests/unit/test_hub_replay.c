/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/support/words.h"
#include "tests/unit/hub_fixture.h"

/* ---- replay ---- */

static void resuming_client_gets_exactly_what_it_missed_and_then_what_is_new(void **state)
{
    struct fixture *f = *state;
    for (uint64_t from = 0; from <= 8; from++) {
        for (uint64_t in_ring = 0; in_ring <= 5; in_ring++) {
            fake_new_epoch(f->topic, FAKE_EPOCH_A);
            for (uint64_t o = 0; o < 8 - in_ring; o++) {
                publish_as(f, "", true);
            }
            subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
            answer_all(f);
            events(f, (int)in_ring);
            ask_from(&f->c[0], FAKE_EPOCH_A, from);
            subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
            events(f, 1); /* 9, perhaps while the log is read */
            fake_bus_answer_all(f->bus);
            events(f, 1); /* 10 */
            char words[128];
            snprintf(words, sizeof(words), "yes:%d ", (int)from);
            for (uint64_t o = from + 1; o <= 10; o++) {
                add_words(words, sizeof(words), "%d ", (int)o);
            }
            assert_heard(&f->c[0], words);
            for (int i = 0; i < 4; i += 3) {
                hub_leave(f->hub, &f->c[i].sub);
                ask_nothing(&f->c[i]);
                buf_clear(&f->c[i].heard);
            }
            fake_loop_pass_ms(f->loop, 12000);
        }
    }
    assert_int_equal(f->metrics.resumed, 54);
    assert_int_equal(f->metrics.not_resumed, 0);
}

/* ---- nothing yet ---- */

static void client_that_knew_of_nothing_gets_everything_that_followed(void **state)
{
    struct fixture *f = *state;
    f->topic->begins_with_nothing = true;
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    ask_from(&f->c[0], FAKE_NOTHING_A, 0);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "yes:0 ");
    events(f, 2);
    assert_heard(&f->c[0], "1 2 ");
    ask_from(&f->c[1], FAKE_NOTHING_A, 0);
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[1], "yes:0 1 2 ");
    ask_from(&f->c[2], FAKE_NOTHING_B, 0);
    subscribe(f, &f->c[2], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[2], "no:2 ");
}

static void position_that_this_gateway_has_not_heard_of_is_looked_for(void **state)
{
    struct fixture *f = *state;
    f->topic->begins_with_nothing = true;
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    publish_as(f, "", true); /* heard by the other gateway only */
    ask_from(&f->c[0], FAKE_EPOCH_A, 1);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    assert_heard(&f->c[0], "yes:1 ");
    assert_heard(&f->c[3], "at:0 1 ");
}

static void replay_shows_only_what_its_client_may_see(void **state)
{
    struct fixture *f = *state;
    publish_as(f, "ana", false);
    publish_as(f, "bob", false);
    publish_as(f, "", false);
    publish_as(f, "bob", true);
    struct event problem_only = fake_run("", true);
    fake_publish(f->topic, &problem_only);
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    set_user(f, &f->c[0], "ana");
    for (int i = 0; i < 3; i++) {
        ask_from(&f->c[i], FAKE_EPOCH_A, 0);
    }
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    subscribe(f, &f->c[1], VIEW_CONTEST_ADMIN, SIGHT_ALL);
    subscribe(f, &f->c[2], VIEW_SCOREBOARD, SIGHT_ALL); /* runs are not for scoreboards */
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:0 1 4 5 ");
    assert_heard(&f->c[1], "yes:0 1 2 3 4 5 ");
    assert_heard(&f->c[2], "yes:0 ");
    events(f, 1);
    assert_heard(&f->c[0], "6 ");
    assert_heard(&f->c[1], "6 ");
    assert_heard(&f->c[2], "");
}

static void position_that_cannot_be_resumed_is_not_recovered(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    ask_from(&f->c[0], FAKE_EPOCH_B, 1); /* another epoch */
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus); /* it may be us who lag: Redis is asked */
    assert_heard(&f->c[0], "no:3 ");
    ask_from(&f->c[1], FAKE_EPOCH_A, 4); /* ahead */
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[1], "no:3 ");
    f->c[2].sub.start.kind = START_UNREADABLE;
    subscribe(f, &f->c[2], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[2], "no:3 ");
    assert_int_equal(f->metrics.not_resumed, 3);
    events(f, 1);
    for (int i = 0; i < 4; i++) {
        assert_heard(&f->c[i], "4 ");
    }
}

/* The subscriber link has fallen silent, and the client was at another gateway meanwhile. */
static void position_ahead_of_a_link_that_lags_is_recovered(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    publish_as(f, "", true); /* 4 to 6: nobody here hears them */
    publish_as(f, "", true);
    publish_as(f, "", true);
    ask_from(&f->c[0], FAKE_EPOCH_A, 5);
    ask_from(&f->c[1], FAKE_EPOCH_A, 6);
    ask_from(&f->c[2], FAKE_EPOCH_A, 7);
    for (int i = 0; i < 3; i++) {
        subscribe(f, &f->c[i], VIEW_CONTEST, SIGHT_PUBLIC);
    }
    assert_int_equal(fake_bus_n_reads(f->bus), 1); /* once for all */
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:5 6 ");
    assert_heard(&f->c[1], "yes:6 ");
    assert_heard(&f->c[2], "no:6 ");
    assert_heard(&f->c[3], "4 5 6 ");
}

static void question_that_began_before_a_client_came_does_not_count_for_it(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    ask_from(&f->c[0], FAKE_EPOCH_A, 4);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_look(f->bus);
    publish_as(f, "", true); /* 4, which nobody here hears */
    ask_from(&f->c[1], FAKE_EPOCH_A, 4);
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "no:3 4 ");
    assert_heard(&f->c[1], "yes:4 ");
}

static void question_without_an_answer_is_asked_again(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    fake_bus_set_reader(f->bus, false);
    ask_from(&f->c[0], FAKE_EPOCH_A, 4);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "");
    fake_bus_set_reader(f->bus, true);
    fake_bus_reader_up(f->bus);
    fake_bus_fail(f->bus);
    fake_bus_reader_up(f->bus);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "no:3 ");
}

static void position_at_the_end_is_recovered_without_a_question(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    ask_from(&f->c[0], FAKE_EPOCH_A, 3);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "yes:3 ");
    assert_int_equal(fake_bus_n_reads(f->bus), 0);
}

static void position_that_the_log_does_not_reach_is_not_recovered(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    f->topic->floor = 2;
    ask_from(&f->c[0], FAKE_EPOCH_A, 1);
    ask_from(&f->c[1], FAKE_EPOCH_A, 2);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "no:3 ");
    assert_heard(&f->c[1], "yes:2 3 ");
}

static void reader_away_when_a_client_resumes_is_waited_for(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    fake_bus_set_reader(f->bus, false);
    ask_from(&f->c[0], FAKE_EPOCH_A, 1);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "");
    fake_bus_set_reader(f->bus, true);
    fake_bus_reader_up(f->bus);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:1 2 3 ");
}

static void replay_larger_than_the_queue_is_pulled(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    events(f, 7);
    buf_clear(&f->c[3].heard);
    f->c[0].grows = true;
    ask_from(&f->c[0], FAKE_EPOCH_A, 3);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "yes:3 4 5 6 "); /* 30,000 bytes each, 65,536 ahead */
    events(f, 1);                           /* 11: not before what is older */
    assert_heard(&f->c[0], "");
    assert_heard(&f->c[3], "11 ");
    hub_pump(f->hub, &f->c[0].sub); /* no room yet */
    assert_heard(&f->c[0], "");
    f->c[0].backlog = 0;
    hub_pump(f->hub, &f->c[0].sub);
    assert_heard(&f->c[0], "7 8 9 ");
    f->c[0].backlog = 0;
    events(f, 1); /* an event pumps, too */
    assert_heard(&f->c[0], "10 11 12 ");
    f->c[0].backlog = 0;
    events(f, 1); /* the cursor met the feed: live */
    assert_heard(&f->c[0], "13 ");
    f->c[0].backlog = 1000000;
    events(f, 1); /* live ones do not ask for room */
    assert_heard(&f->c[0], "14 ");
}

/* The ring holds four events from here on; all else is read from the log. */
static void keep_only_four(struct fixture *f)
{
    feeds_free(f->feeds);
    f->settings.redis.history_events = 4;
    const struct feeds_options fo = {&f->settings, &hub_feed_handler, f->bus, &f->metrics};
    f->feeds = feeds_create(f->loop, &fo);
    hub_free(f->hub);
    const struct hub_options ho = {f->feeds, &handler, &f->metrics, note_event, &f->noted};
    f->hub = hub_create(&ho);
    fake_bus_up(f->bus);
}

static void replay_whose_part_left_the_ring_reads_the_log_again(void **state)
{
    struct fixture *f = *state;
    keep_only_four(f);
    begin_at_three(f);
    events(f, 7); /* at 10; the ring holds 7 to 10 */
    buf_clear(&f->c[3].heard);
    f->c[0].grows = true;
    ask_from(&f->c[0], FAKE_EPOCH_A, 0);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:0 1 2 3 ");
    events(f, 1); /* 4 to 7 leave the ring */
    for (int i = 0; i < 10; i++) {
        f->c[0].backlog = 0;
        hub_pump(f->hub, &f->c[0].sub);
        fake_bus_answer_all(f->bus);
    }
    assert_heard(&f->c[0], "4 5 6 7 8 9 10 11 ");
}

static void replay_in_the_middle_of_a_new_epoch_is_a_reset(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    f->c[0].grows = true;
    ask_from(&f->c[0], FAKE_EPOCH_A, 0);
    f->c[0].backlog = 70000;
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:0 ");
    fake_bus_down(f->bus);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    publish_as(f, "", true);
    fake_bus_up(f->bus);
    answer_all(f);
    f->c[0].backlog = 0;
    hub_pump(f->hub, &f->c[0].sub);
    assert_heard(&f->c[0], "reset:0 1 ");
    assert_heard(&f->c[3], "reset:0 1 ");
    events(f, 1);
    assert_heard(&f->c[0], "2 ");
}

static void replay_passed_by_the_log_is_a_reset(void **state)
{
    struct fixture *f = *state;
    keep_only_four(f);
    begin_at_three(f);
    events(f, 7); /* at 10; the ring holds 7 to 10 */
    buf_clear(&f->c[3].heard);
    f->c[0].grows = true;
    ask_from(&f->c[0], FAKE_EPOCH_A, 0);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:0 1 2 3 ");
    events(f, 1);        /* 4 to 7 leave the ring, */
    f->topic->floor = 5; /* and 4 and 5 the log */
    f->c[0].backlog = 0;
    hub_pump(f->hub, &f->c[0].sub);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "reset:11 ");
    events(f, 1);
    assert_heard(&f->c[0], "12 ");
    assert_heard(&f->c[3], "11 12 ");
    assert_int_equal(f->metrics.resets, 1);
}

static void same_offsets_of_a_new_epoch_are_not_taken_for_the_old_ones(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    ask_from(&f->c[0], FAKE_EPOCH_A, 0);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    f->c[1].backlog = 70000;
    ask_from(&f->c[1], FAKE_EPOCH_A, 0);
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC); /* somebody is always catching up */
    fake_bus_answer_all(f->bus);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    events(f, 3);
    answer_all(f);
    buf_clear(&f->c[0].heard);
    ask_from(&f->c[2], FAKE_EPOCH_B, 0);
    f->c[2].grows = false;
    subscribe(f, &f->c[2], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[2], "yes:0 1 2 3 ");
}

static void only_the_newest_scoreboard_of_each_kind_is_replayed(void **state)
{
    struct fixture *f = *state;
    publish_board(f, true);  /* 1 */
    publish_board(f, false); /* 2 */
    publish_as(f, "", true); /* 3 */
    publish_board(f, true);  /* 4 */
    publish_board(f, true);  /* 5 */
    publish_board(f, false); /* 6 */
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    ask_from(&f->c[0], FAKE_EPOCH_A, 0);
    ask_from(&f->c[1], FAKE_EPOCH_A, 0);
    ask_from(&f->c[2], FAKE_EPOCH_A, 4);
    subscribe(f, &f->c[0], VIEW_CONTEST_ADMIN, SIGHT_ALL);
    subscribe(f, &f->c[1], VIEW_SCOREBOARD, SIGHT_PUBLIC);
    subscribe(f, &f->c[2], VIEW_CONTEST_ADMIN, SIGHT_ALL);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "yes:0 3 5+2 6+1 ");
    assert_heard(&f->c[1], "yes:0 5+2 ");
    assert_heard(&f->c[2], "yes:4 5 6 ");
    board(f, true);
    assert_heard(&f->c[0], "7 ");
}

static void scoreboards_replaced_during_a_gap_are_counted_for_those_connected(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    subscribe(f, &f->c[0], VIEW_CONTEST_ADMIN, SIGHT_ALL);
    subscribe(f, &f->c[1], VIEW_SCOREBOARD, SIGHT_PUBLIC);
    buf_clear(&f->c[0].heard);
    buf_clear(&f->c[1].heard);
    fake_bus_down(f->bus);
    publish_board(f, true);  /* 4 */
    publish_board(f, true);  /* 5 */
    publish_board(f, false); /* 6 */
    publish_board(f, true);  /* 7 */
    fake_bus_up(f->bus);
    answer_all(f);
    assert_heard(&f->c[0], "6 7+2 ");
    assert_heard(&f->c[1], "7+2 ");
    board(f, true);
    assert_heard(&f->c[0], "8 ");
}

static void clients_that_resume_one_after_another_share_renderings(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    size_t before = msg_bytes_alive();
    for (int i = 0; i < 3; i++) {
        ask_from(&f->c[0], FAKE_EPOCH_A, 0);
        subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
        fake_bus_answer_all(f->bus);
        assert_heard(&f->c[0], "yes:0 1 2 3 ");
        hub_leave(f->hub, &f->c[0].sub);
        before = i == 0 ? msg_bytes_alive() : before;
        assert_int_equal(msg_bytes_alive(), before); /* they are still there */
    }
    size_t kept = msg_bytes_alive();
    hub_send_positions(f->hub);
    assert_int_equal(msg_bytes_alive(), kept);
    hub_send_positions(f->hub); /* not used since the last time */
    assert_true(msg_bytes_alive() < kept);
}

/* ---- reset, restart, position ---- */

static void reset_reaches_everybody_once_and_not_the_legacy(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    subscribe(f, &f->c[0], VIEW_CONTEST_ADMIN, SIGHT_ALL);
    subscribe(f, &f->c[1], VIEW_LEGACY, SIGHT_ALL);
    for (int i = 0; i < 2; i++) {
        buf_clear(&f->c[i].heard);
    }
    publish_as(f, "", true);
    publish_as(f, "", true);
    f->topic->floor = 5;
    events(f, 1);
    answer_all(f);
    assert_heard(&f->c[0], "reset:6 ");
    assert_heard(&f->c[1], "");
    assert_heard(&f->c[3], "reset:6 ");
    assert_int_equal(f->metrics.resets, 2);
    events(f, 1);
    assert_heard(&f->c[0], "7 ");
    assert_heard(&f->c[1], "text ");
}

static void second_subscribe_answers_the_position_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    events(f, 1);
    ask_nothing(&f->c[3]);
    hub_restart(f->hub, &f->c[3].sub);
    assert_heard(&f->c[3], "4 at:4 ");
    events(f, 1);
    assert_heard(&f->c[3], "5 ");
    assert_int_equal(f->metrics.subscriptions, 1);
}

static void second_subscribe_with_a_position_restarts_from_there(void **state)
{
    struct fixture *f = *state;
    set_user(f, &f->c[3], "ana"); /* in the index of users, too */
    begin_at_three(f);
    events(f, 2);
    buf_clear(&f->c[3].heard);
    ask_from(&f->c[3], FAKE_EPOCH_A, 1);
    hub_restart(f->hub, &f->c[3].sub);
    events(f, 1); /* while the log is read */
    assert_heard(&f->c[3], "");
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[3], "yes:1 2 3 4 5 6 ");
    event_as(f, "ana", false);
    assert_heard(&f->c[3], "7 ");
    assert_int_equal(f->metrics.subscriptions, 1);
}

static void restart_during_a_replay_begins_anew(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    events(f, 4);
    f->c[0].grows = true;
    f->c[0].backlog = 40000;
    ask_from(&f->c[0], FAKE_EPOCH_A, 3);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "yes:3 4 ");
    ask_nothing(&f->c[0]);
    hub_restart(f->hub, &f->c[0].sub);
    assert_heard(&f->c[0], "at:4 "); /* up to where it was given */
    f->c[0].backlog = 0;
    f->c[0].grows = false;
    ask_from(&f->c[0], FAKE_EPOCH_A, 5);
    hub_restart(f->hub, &f->c[0].sub);
    assert_heard(&f->c[0], "yes:5 6 7 ");
}

static void leaving_cancels_a_replay_and_a_wait(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    ask_from(&f->c[0], FAKE_EPOCH_A, 0);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    hub_leave(f->hub, &f->c[0].sub);
    fake_bus_answer_all(f->bus);
    events(f, 1);
    assert_heard(&f->c[0], "");
    assert_int_equal(f->metrics.subscriptions, 1);
    f->c[1].backlog = 70000;
    ask_from(&f->c[1], FAKE_EPOCH_A, 0);
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC);
    hub_leave(f->hub, &f->c[1].sub);
    events(f, 1);
    assert_heard(&f->c[1], "yes:0 ");
}

static void link_loss_and_repair_are_invisible_to_clients(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    fake_bus_down(f->bus);
    publish_as(f, "", true);
    publish_as(f, "", true);
    fake_bus_up(f->bus);
    answer_all(f);
    events(f, 1);
    assert_heard(&f->c[3], "4 5 6 ");
}

static void position_goes_to_those_who_lag_and_only_once(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    set_user(f, &f->c[0], "ana");
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    subscribe(f, &f->c[1], VIEW_LEGACY, SIGHT_PUBLIC);
    for (int i = 0; i < 2; i++) {
        buf_clear(&f->c[i].heard);
    }
    hub_send_positions(f->hub);
    assert_heard(&f->c[3], "");
    event_as(f, "ana", false); /* c[3] may not see it */
    hub_send_positions(f->hub);
    hub_send_positions(f->hub);
    assert_heard(&f->c[0], "4 ");
    assert_heard(&f->c[1], "");
    assert_heard(&f->c[3], "position:4 ");
    struct position p;
    assert_true(subscription_position(&f->c[3].sub, &p));
    assert_int_equal(p.offset, 4);
    assert_false(subscription_position(&f->c[2].sub, &p));
}

/* ---- everything at once ---- */

static unsigned dice(uint32_t *seed, unsigned sides)
{
    *seed = *seed * 1664525 + 1013904223;
    return (unsigned)(*seed >> 16) % sides;
}

/* The client has taken everything. */
static void pump(struct fixture *f, struct session *c)
{
    c->backlog = 0;
    if (c->sub.view) {
        hub_pump(f->hub, &c->sub);
    }
}

/* All events are public runs: every client must hear every one, in order, once. */
static void assert_no_hole(struct session *c)
{
    buf_addc(&c->heard, '\0');
    uint64_t at = 0;
    char *rest = NULL;
    for (char *word = strtok_r(c->heard.p, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        const char *colon = strchr(word, ':');
        uint64_t offset = strtoull(colon ? colon + 1 : word, NULL, 10);
        if (!colon) {
            assert_int_equal(offset, at + 1);
        }
        at = offset;
    }
    buf_clear(&c->heard);
}

static void random_clients_never_lose_or_repeat_an_event(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 42;
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    for (int step = 0; step < 20000; step++) {
        struct session *c = &f->c[dice(&seed, 3)];
        switch (dice(&seed, 12)) {
        case 0:
        case 1: publish_as(f, "", true); break;
        case 2:
        case 3:
        case 4:
            if (f->topic->heard < f->topic->last) {
                hear(f, ++f->topic->heard);
            }
            break;
        case 5:
            if (dice(&seed, 10) == 0 && f->topic->heard < f->topic->last) {
                f->topic->heard++;
            }
            break;
        case 6: fake_bus_look(f->bus); break;
        case 7:
        case 8:
            if (fake_bus_n_reads(f->bus) > 0) {
                fake_bus_answer(f->bus);
            }
            break;
        case 9: pump(f, c); break;
        case 10:
            if (c->sub.view && dice(&seed, 3) == 0) {
                hub_leave(f->hub, &c->sub);
                buf_addf(&c->heard, "left:%llu ", (unsigned long long)c->last);
            } else if (!c->sub.view) {
                c->grows = dice(&seed, 2);
                ask_from(c, f->topic->epoch, c->last);
                subscribe(f, c, VIEW_CONTEST, SIGHT_PUBLIC);
            } else if (dice(&seed, 10) == 0) {
                ask_from(c, f->topic->epoch, dice(&seed, (unsigned)f->topic->last + 1));
                hub_restart(f->hub, &c->sub);
            }
            break;
        default: fake_loop_pass_ms(f->loop, dice(&seed, 500)); break;
        }
    }
    while (f->topic->heard < f->topic->last) {
        hear(f, ++f->topic->heard);
    }
    for (int i = 0; i < 100; i++) {
        fake_bus_answer_all(f->bus);
        fake_loop_pass_ms(f->loop, 1000);
        for (int k = 0; k < 4; k++) {
            pump(f, &f->c[k]);
        }
    }
    for (int k = 0; k < 4; k++) {
        if (f->c[k].sub.view) {
            assert_int_equal(f->c[k].last, f->topic->last);
        }
        assert_no_hole(&f->c[k]);
    }
    assert_int_equal(f->metrics.resets, 0);
    assert_true(f->metrics.resumed > 20);
    assert_true(f->metrics.gaps_repaired > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resuming_client_gets_exactly_what_it_missed_and_then_what_is_new),
        TEST(client_that_knew_of_nothing_gets_everything_that_followed),
        TEST(position_that_this_gateway_has_not_heard_of_is_looked_for),
        TEST(replay_shows_only_what_its_client_may_see),
        TEST(position_that_cannot_be_resumed_is_not_recovered),
        TEST(position_ahead_of_a_link_that_lags_is_recovered),
        TEST(question_that_began_before_a_client_came_does_not_count_for_it),
        TEST(question_without_an_answer_is_asked_again),
        TEST(position_at_the_end_is_recovered_without_a_question),
        TEST(position_that_the_log_does_not_reach_is_not_recovered),
        TEST(reader_away_when_a_client_resumes_is_waited_for),
        TEST(replay_larger_than_the_queue_is_pulled),
        TEST(replay_whose_part_left_the_ring_reads_the_log_again),
        TEST(replay_passed_by_the_log_is_a_reset),
        TEST(replay_in_the_middle_of_a_new_epoch_is_a_reset),
        TEST(same_offsets_of_a_new_epoch_are_not_taken_for_the_old_ones),
        TEST(only_the_newest_scoreboard_of_each_kind_is_replayed),
        TEST(scoreboards_replaced_during_a_gap_are_counted_for_those_connected),
        TEST(clients_that_resume_one_after_another_share_renderings),
        TEST(reset_reaches_everybody_once_and_not_the_legacy),
        TEST(second_subscribe_answers_the_position_and_changes_nothing),
        TEST(second_subscribe_with_a_position_restarts_from_there),
        TEST(restart_during_a_replay_begins_anew),
        TEST(leaving_cancels_a_replay_and_a_wait),
        TEST(link_loss_and_repair_are_invisible_to_clients),
        TEST(position_goes_to_those_who_lag_and_only_once),
        TEST(random_clients_never_lose_or_repeat_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
