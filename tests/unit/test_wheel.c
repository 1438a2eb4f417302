/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/loop.h"
#include "common/wheel.h"

/* The wheel's own timer never runs here: every second passes by wheel_tick(). */
struct fixture {
    struct loop *loop;
    struct wheel *wheel;
};

struct deadline {
    struct wheel_node node;
    struct fixture *f;
    int calls;
    uint32_t again;          /* seconds, or 0: set anew by the callback */
    struct deadline *cancel; /* cancelled by the callback */
    struct deadline *move;   /* moved to one second later by the callback */
};

static int set_up(void **state)
{
    static struct fixture f;
    f.loop = loop_create();
    f.wheel = f.loop ? wheel_create(f.loop) : NULL;
    *state = &f;
    return f.wheel ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->wheel = wheel_free(f->wheel);
    f->loop = loop_free(f->loop);
    return 0;
}

static void on_due(void *arg)
{
    struct deadline *d = arg;
    d->calls++;
    if (d->again > 0) {
        wheel_set(d->f->wheel, &d->node, d->again);
    }
    if (d->cancel) {
        wheel_cancel(&d->cancel->node);
    }
    if (d->move) {
        wheel_set(d->f->wheel, &d->move->node, 1);
    }
}

static void init(struct deadline *d, struct fixture *f)
{
    *d = (struct deadline){.f = f};
    wheel_node_init(&d->node, on_due, d);
}

/* Ticks until d was called once more; the number of ticks. */
static unsigned ticks_until_called(struct deadline *d)
{
    int before = d->calls;
    unsigned n = 0;
    while (d->calls == before && n < 100000) {
        wheel_tick(d->f->wheel);
        n++;
    }
    return n;
}

static void a_deadline_is_never_early_and_at_most_a_second_late(void **state)
{
    struct fixture *f = *state;
    static const uint32_t seconds[] = {1, 2, 30, 1022, 1023, 1024, 1025, 2048, 5000, 86400};
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        struct deadline d;
        init(&d, f);
        wheel_set(f->wheel, &d.node, seconds[i]);
        assert_int_equal(ticks_until_called(&d), seconds[i] + 1);
    }
}

static void no_seconds_count_as_one(void **state)
{
    struct deadline d;
    init(&d, *state);
    wheel_set(d.f->wheel, &d.node, 0);
    assert_int_equal(ticks_until_called(&d), 2);
}

static void a_deadline_is_called_once(void **state)
{
    struct deadline d;
    init(&d, *state);
    wheel_set(d.f->wheel, &d.node, 1);
    for (int i = 0; i < 5000; i++) {
        wheel_tick(d.f->wheel);
    }
    assert_int_equal(d.calls, 1);
}

static void setting_anew_moves_it(void **state)
{
    struct deadline d;
    init(&d, *state);
    wheel_set(d.f->wheel, &d.node, 1);
    wheel_set(d.f->wheel, &d.node, 10);
    assert_int_equal(ticks_until_called(&d), 11);
    wheel_set(d.f->wheel, &d.node, 10);
    wheel_set(d.f->wheel, &d.node, 3);
    assert_int_equal(ticks_until_called(&d), 4);
}

static void a_cancelled_one_is_not_called(void **state)
{
    struct deadline d;
    init(&d, *state);
    wheel_cancel(&d.node); /* not set: harmless */
    wheel_set(d.f->wheel, &d.node, 1);
    wheel_cancel(&d.node);
    wheel_cancel(&d.node);
    for (int i = 0; i < 2000; i++) {
        wheel_tick(d.f->wheel);
    }
    assert_int_equal(d.calls, 0);
}

static void one_that_sets_itself_keeps_its_period(void **state)
{
    struct deadline d;
    init(&d, *state);
    d.again = 30;
    wheel_set(d.f->wheel, &d.node, 30);
    assert_int_equal(ticks_until_called(&d), 31);
    assert_int_equal(ticks_until_called(&d), 30);
    assert_int_equal(ticks_until_called(&d), 30);
    wheel_cancel(&d.node);
}

static void one_turn_of_the_wheel_later_is_not_now(void **state)
{
    struct deadline d;
    init(&d, *state);
    d.again = 1024;
    wheel_set(d.f->wheel, &d.node, 1);
    assert_int_equal(ticks_until_called(&d), 2);
    assert_int_equal(ticks_until_called(&d), 1024);
    wheel_cancel(&d.node);
}

static void a_callback_may_cancel_one_that_is_due_too(void **state)
{
    struct deadline a;
    struct deadline b;
    init(&a, *state);
    init(&b, *state);
    a.cancel = &b;
    b.cancel = &a;
    wheel_set(a.f->wheel, &a.node, 1);
    wheel_set(a.f->wheel, &b.node, 1);
    assert_int_equal(ticks_until_called(&a), 2);
    wheel_tick(a.f->wheel);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
}

static void a_callback_may_move_one_that_is_due_too(void **state)
{
    struct deadline a;
    struct deadline b;
    init(&a, *state);
    init(&b, *state);
    a.move = &b;
    wheel_set(a.f->wheel, &a.node, 1);
    wheel_set(a.f->wheel, &b.node, 1);
    assert_int_equal(ticks_until_called(&a), 2);
    assert_int_equal(b.calls, 0);
    assert_int_equal(ticks_until_called(&b), 1);
}

static void deadlines_of_one_second_are_called_in_the_order_of_setting(void **state)
{
    struct deadline d[3];
    for (size_t i = 0; i < ARRAY_LEN(d); i++) {
        init(&d[i], *state);
    }
    /* Each forbids the one before it: all three are called only in this order. */
    d[1].cancel = &d[0];
    d[2].cancel = &d[1];
    for (size_t i = 0; i < ARRAY_LEN(d); i++) {
        wheel_set(d[i].f->wheel, &d[i].node, 5);
    }
    assert_int_equal(ticks_until_called(&d[2]), 6);
    assert_int_equal(d[0].calls, 1);
    assert_int_equal(d[1].calls, 1);
}

static void nodes_outlive_the_wheel(void **state)
{
    struct fixture *f = *state;
    struct deadline d;
    init(&d, f);
    wheel_set(f->wheel, &d.node, 7);
    f->wheel = wheel_free(f->wheel);
    wheel_cancel(&d.node);
    assert_int_equal(d.calls, 0);
    assert_null(wheel_free(NULL));
}

static void stop(void *arg)
{
    struct fixture *f = arg;
    loop_stop(f->loop);
}

static void the_loop_turns_the_wheel(void **state)
{
    struct fixture *f = *state;
    struct wheel_node n;
    wheel_node_init(&n, stop, f);
    wheel_set(f->wheel, &n, 1);
    uint64_t before_ms = loop_now_ms(f->loop);
    assert_int_equal(loop_run(f->loop), 0);
    assert_in_range(loop_now_ms(f->loop) - before_ms, 1000, 10000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_deadline_is_never_early_and_at_most_a_second_late),
        TEST(no_seconds_count_as_one),
        TEST(a_deadline_is_called_once),
        TEST(setting_anew_moves_it),
        TEST(a_cancelled_one_is_not_called),
        TEST(one_that_sets_itself_keeps_its_period),
        TEST(one_turn_of_the_wheel_later_is_not_now),
        TEST(a_callback_may_cancel_one_that_is_due_too),
        TEST(a_callback_may_move_one_that_is_due_too),
        TEST(deadlines_of_one_second_are_called_in_the_order_of_setting),
        TEST(nodes_outlive_the_wheel),
        TEST(the_loop_turns_the_wheel),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
