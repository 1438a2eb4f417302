/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "tests/unit/hub_fixture.h"

/* ---- joining ---- */

static void subscription_waits_for_the_feed_and_then_gets_what_is_new(void **state)
{
    struct fixture *f = *state;
    publish_as(f, "", true);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "");
    assert_int_equal(f->metrics.subscriptions, 1);
    answer_all(f);
    assert_heard(&f->c[0], "at:1 ");
    events(f, 2);
    assert_heard(&f->c[0], "2 3 ");
    assert_int_equal(f->noted, 2);
    subscribe(f, &f->c[1], VIEW_CONTEST, SIGHT_PUBLIC); /* live at once */
    assert_heard(&f->c[1], "at:3 ");
    events(f, 1);
    assert_heard(&f->c[0], "4 ");
    assert_heard(&f->c[1], "4 ");
}

/* ---- a start that lies before the permission ---- */

static void hold(struct session *c, const char *epoch, uint64_t offset)
{
    ask_from(c, epoch, offset);
    c->sub.start.kind = START_HELD;
}

static struct sub_start since_now(void)
{
    return (struct sub_start){.kind = START_SINCE, .since_us = clock_mono_us()};
}

static void events_after_a_held_position_belong_to_the_subscription(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    hold(&f->c[0], FAKE_EPOCH_A, 3);
    events(f, 2);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "at:3 4 5 ");
    events(f, 1);
    assert_heard(&f->c[0], "6 ");
}

static void events_after_a_moment_are_found_in_the_log(void **state)
{
    struct fixture *f = *state;
    publish_as(f, "", true);
    publish_as(f, "", true);
    fake_loop_pass_ms(f->loop, 10000);
    f->c[0].sub.start = since_now();
    for (int i = 0; i < 50; i++) { /* permission takes its time */
        publish_as(f, "", true);
        fake_loop_pass_ms(f->loop, 1000);
    }
    subscribe(f, &f->c[0], VIEW_LEGACY, SIGHT_ALL);
    answer_all(f);
    assert_int_equal(f->c[0].last, 2); /* at:2, and then all texts */
    assert_string_equal((buf_addc(&f->c[0].heard, '\0'), strstr(f->c[0].heard.p, "at:2")),
                        f->c[0].heard.p);
    assert_int_equal(f->c[0].heard.n, strlen("at:2 ") + 50 * strlen("text ") + 1);
    buf_clear(&f->c[0].heard);
}

static void moment_at_which_the_log_was_trimmed_begins_with_what_is_left(void **state)
{
    struct fixture *f = *state;
    fake_loop_pass_ms(f->loop, 10000);
    f->c[0].sub.start = since_now();
    for (int i = 0; i < 5; i++) {
        publish_as(f, "", true);
    }
    f->topic->floor = 3;
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    assert_heard(&f->c[0], "at:3 4 5 ");
}

static void held_position_of_another_epoch_gives_way_to_the_moment(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    hold(&f->c[0], FAKE_EPOCH_A, 3);
    f->c[0].next_start = since_now();
    events(f, 1);
    fake_new_epoch(f->topic, FAKE_EPOCH_B);
    events(f, 1);
    answer_all(f);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "at:0 1 ");
    events(f, 1);
    assert_heard(&f->c[0], "2 ");
}

static void moment_that_redis_cannot_tell_is_now(void **state)
{
    struct fixture *f = *state;
    fake_bus_set_timeless(f->bus);
    f->c[0].sub.start = since_now();
    publish_as(f, "", true);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    assert_heard(&f->c[0], "at:1 ");
}

static void answers_that_take_long_lose_nothing(void **state)
{
    struct fixture *f = *state;
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    for (int i = 0; i < 2; i++) { /* the position is read, and the moment asked about */
        f->c[0].sub.start = since_now();
        publish_as(f, "", true);
        fake_loop_pass_ms(f->loop, 700);
        subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
        if (i == 0) {
            fake_bus_subscribed(f->bus, STR(TOPIC));
        }
        while (fake_bus_n_reads(f->bus) > 0) {
            fake_bus_look(f->bus);
            fake_loop_pass_ms(f->loop, 1500);
            fake_bus_answer(f->bus);
        }
        hear(f, f->topic->last);
        fake_bus_answer_all(f->bus);
        assert_int_equal(f->c[0].last, f->topic->last);
        assert_in_range(f->c[0].events, i + 1, 3);
        hub_leave(f->hub, &f->c[0].sub);
        buf_clear(&f->c[0].heard);
    }
    buf_clear(&f->c[3].heard);
}

static void subscription_that_comes_during_a_repair_is_settled_by_its_end(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    publish_as(f, "", true);
    events(f, 1);
    subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
    assert_heard(&f->c[0], "");
    fake_bus_answer_all(f->bus);
    assert_heard(&f->c[0], "at:5 ");
    assert_heard(&f->c[3], "4 5 ");
}

static void last_one_to_leave_lets_the_topic_go(void **state)
{
    struct fixture *f = *state;
    begin_at_three(f);
    subscribe(f, &f->c[0], VIEW_CONTEST_ADMIN, SIGHT_ALL);
    hub_leave(f->hub, &f->c[3].sub);
    fake_bus_commands(f->bus);
    fake_loop_pass_ms(f->loop, 12000);
    assert_string_equal(fake_bus_commands(f->bus), "");
    hub_leave(f->hub, &f->c[0].sub);
    fake_loop_pass_ms(f->loop, 12000);
    assert_string_equal(fake_bus_commands(f->bus), "-contest/a ");
}

/* ---- who gets what ---- */

static void every_type_reaches_exactly_those_of_the_table(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"run_update", "scoreboard_update", "clarification",
                                        "contest_update", "anything"};
    for (size_t view = VIEW_CONTEST; view <= VIEW_LEGACY; view++) {
        set_user(f, &f->c[0], "ana");
        set_user(f, &f->c[1], "bob");
        enum view_kind kind = (enum view_kind)view;
        subscribe(f, &f->c[0], kind, SIGHT_PUBLIC);
        subscribe(f, &f->c[1], kind, SIGHT_PUBLIC);
        subscribe(f, &f->c[2], kind, SIGHT_ALL);
        subscribe(f, &f->c[3], kind, SIGHT_PUBLIC); /* nobody */
        answer_all(f);
        for (size_t i = 0; i < 4; i++) {
            buf_clear(&f->c[i].heard);
        }
        for (enum event_type type = 0; type < EVENT_TYPES; type++) {
            for (int is_public = 0; is_public < 2; is_public++) {
                for (int has_user = 0; has_user < 2; has_user++) {
                    struct event e = fake_run(has_user ? "ana" : "", is_public);
                    e.type = type;
                    e.type_name = str_of(names[type]);
                    fake_publish(f->topic, &e);
                    hear(f, f->topic->last);
                    bool carried = visibility_carries(kind, type);
                    const bool expected[] = {carried && (is_public || has_user),
                                             carried && is_public, carried, carried && is_public};
                    for (size_t i = 0; i < 4; i++) {
                        assert_int_equal(f->c[i].heard.n > 0, expected[i]);
                        buf_clear(&f->c[i].heard);
                    }
                }
            }
        }
        for (size_t i = 0; i < 4; i++) {
            hub_leave(f->hub, &f->c[i].sub);
            ask_nothing(&f->c[i]);
        }
        users_detach(f->users, f->c[0].sub.user, &f->c[0].user_node);
        users_detach(f->users, f->c[1].sub.user, &f->c[1].user_node);
        f->c[0].sub.user = f->c[1].sub.user = NULL;
    }
}

static void private_events_find_every_session_of_their_user_and_no_other(void **state)
{
    struct fixture *f = *state;
    /* Three sessions of one user, which leave in each order. */
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    subscribe(f, &f->c[3], VIEW_CONTEST, SIGHT_PUBLIC);
    answer_all(f);
    for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
        bool there[3] = {true, true, true};
        for (int i = 0; i < 3; i++) {
            set_user(f, &f->c[i], "ana");
            subscribe(f, &f->c[i], VIEW_CONTEST, SIGHT_PUBLIC);
        }
        for (int step = 0; step < 4; step++) {
            for (int i = 0; i < 4; i++) {
                buf_clear(&f->c[i].heard);
            }
            event_as(f, "ana", false);
            event_as(f, "bob", false);
            event_as(f, "", false);
            for (int i = 0; i < 3; i++) {
                char word[24] = "";
                snprintf(word, sizeof(word), "%d ", (int)f->topic->last - 2);
                assert_heard(&f->c[i], there[i] ? word : "");
            }
            assert_heard(&f->c[3], "");
            if (step < 3) {
                int gone = orders[o][step];
                hub_leave(f->hub, &f->c[gone].sub);
                ask_nothing(&f->c[gone]);
                users_detach(f->users, f->c[gone].sub.user, &f->c[gone].user_node);
                f->c[gone].sub.user = NULL;
                there[gone] = false;
            }
        }
    }
}

static void legacy_gets_the_text_only_where_its_topic_is_the_first(void **state)
{
    struct fixture *f = *state;
    f->c[0].sub.check_first = true;
    f->c[1].sub.check_first = true;
    f->c[1].never_first = true;
    for (int i = 0; i < 3; i++) {
        subscribe(f, &f->c[i], VIEW_LEGACY, SIGHT_PUBLIC);
    }
    answer_all(f);
    for (int i = 0; i < 3; i++) {
        buf_clear(&f->c[i].heard);
    }
    events(f, 1);
    assert_heard(&f->c[0], "text ");
    assert_heard(&f->c[1], "");
    assert_heard(&f->c[2], "text ");
}

/* ---- memory ---- */

static void join_without_memory_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    const struct hub_place place = {STR(TOPIC), VIEW_CONTEST, STR("/contest/a")};
    long n = 0;
    bool joined = false;
    while (!joined) {
        struct session *c = &f->c[0];
        c->sub.session = c;
        fail_alloc_at(n++);
        joined = hub_join(f->hub, &c->sub, &place, SIGHT_PUBLIC);
        bool failed = fail_alloc_hit();
        fail_alloc_at(-1);
        assert_true(joined || failed);
        assert_true(joined || !c->sub.view);
    }
    assert_true(n > 3);
}

static void client_is_told_when_memory_lacks_for_an_event(void **state)
{
    struct fixture *f = *state;
    for (long n = 0; n < 12; n++) {
        subscribe(f, &f->c[0], VIEW_CONTEST, SIGHT_PUBLIC);
        answer_all(f);
        buf_clear(&f->c[0].heard);
        uint64_t next = f->topic->last + 1;
        publish_as(f, "", true);
        buf_reserve(&f->c[0].heard, 256); /* what the test writes down itself shall not fail */
        fail_alloc_at(n);
        hear(f, next);
        fail_alloc_at(-1);
        char event[32];
        char reset[32];
        snprintf(event, sizeof(event), "%d ", (int)next);
        snprintf(reset, sizeof(reset), "reset:%d ", (int)next);
        buf_addc(&f->c[0].heard, '\0');
        assert_true(strcmp(f->c[0].heard.p, event) == 0 || strcmp(f->c[0].heard.p, reset) == 0);
        buf_clear(&f->c[0].heard);
        hub_leave(f->hub, &f->c[0].sub);
        ask_nothing(&f->c[0]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(subscription_waits_for_the_feed_and_then_gets_what_is_new),
        TEST(events_after_a_held_position_belong_to_the_subscription),
        TEST(events_after_a_moment_are_found_in_the_log),
        TEST(moment_at_which_the_log_was_trimmed_begins_with_what_is_left),
        TEST(held_position_of_another_epoch_gives_way_to_the_moment),
        TEST(moment_that_redis_cannot_tell_is_now),
        TEST(answers_that_take_long_lose_nothing),
        TEST(subscription_that_comes_during_a_repair_is_settled_by_its_end),
        TEST(last_one_to_leave_lets_the_topic_go),
        TEST(every_type_reaches_exactly_those_of_the_table),
        TEST(private_events_find_every_session_of_their_user_and_no_other),
        TEST(legacy_gets_the_text_only_where_its_topic_is_the_first),
        TEST(join_without_memory_leaves_nothing_behind),
        TEST(client_is_told_when_memory_lacks_for_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
