/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <event2/event.h>
#include <signal.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/metrics.h"

/* Every callback appends its letter; "stop" at 'z'. */
struct fixture {
    struct loop *loop;
    char trace[64];
    struct deferred d[3];
    struct timer t[3];
    int fired;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f || !(f->loop = loop_create())) {
        free(f);
        return -1;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(f->t); i++) {
        timer_release(&f->t[i]);
    }
    f->loop = loop_free(f->loop);
    free(f);
    return 0;
}

static void trace(struct fixture *f, char c)
{
    size_t n = strlen(f->trace);
    assert_true(n + 1 < sizeof(f->trace));
    f->trace[n] = c;
}

static void on_a(void *arg)
{
    trace(arg, 'a');
}

static void on_b(void *arg)
{
    trace(arg, 'b');
}

static void on_stop(void *arg)
{
    struct fixture *f = arg;
    trace(f, 'z');
    loop_stop(f->loop);
}

static void start_stopper(struct fixture *f, uint64_t ms)
{
    if (!f->t[2].ev) {
        assert_true(timer_init(&f->t[2], f->loop, on_stop, f));
    }
    timer_start_ms(&f->t[2], ms);
}

static void timers_fire_in_order_of_their_time(void **state)
{
    struct fixture *f = *state;
    assert_true(timer_init(&f->t[0], f->loop, on_a, f));
    assert_true(timer_init(&f->t[1], f->loop, on_b, f));
    timer_start_ms(&f->t[0], 4);
    timer_start_us(&f->t[1], 500);
    start_stopper(f, 8);
    uint64_t begin = loop_now_ms(f->loop);
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "baz");
    assert_true(loop_now_ms(f->loop) - begin >= 7);
    assert_false(timer_pending(&f->t[0]));
}

static void stopped_or_released_timer_does_not_fire(void **state)
{
    struct fixture *f = *state;
    assert_true(timer_init(&f->t[0], f->loop, on_a, f));
    assert_true(timer_init(&f->t[1], f->loop, on_b, f));
    timer_start_ms(&f->t[0], 0);
    timer_start_ms(&f->t[1], 0);
    assert_true(timer_pending(&f->t[0]));
    timer_stop(&f->t[0]);
    assert_false(timer_pending(&f->t[0]));
    timer_release(&f->t[1]);
    timer_release(&f->t[1]);
    assert_false(timer_pending(&f->t[1]));
    timer_stop(&f->t[1]);
    start_stopper(f, 1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "z");
}

static void restarted_timer_fires_once_at_the_new_time(void **state)
{
    struct fixture *f = *state;
    assert_true(timer_init(&f->t[0], f->loop, on_a, f));
    timer_start_ms(&f->t[0], 0);
    timer_start_ms(&f->t[0], 3600000);
    start_stopper(f, 1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "z");
    timer_start_ms(&f->t[0], 1);
    start_stopper(f, 2);
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "zaz");
}

static void on_third_time_stop(void *arg)
{
    struct fixture *f = arg;
    if (++f->fired == 3) {
        timer_stop(&f->t[0]);
        timer_start_ms(&f->t[2], 3);
    }
}

static void periodic_timer_fires_until_it_is_stopped_by_its_own_callback(void **state)
{
    struct fixture *f = *state;
    assert_true(timer_init(&f->t[0], f->loop, on_third_time_stop, f));
    assert_true(timer_init(&f->t[2], f->loop, on_stop, f));
    timer_start_every_ms(&f->t[0], 1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->fired, 3);
}

static void on_release_self(void *arg)
{
    struct fixture *f = arg;
    timer_release(&f->t[0]);
    loop_stop(f->loop);
}

static void periodic_timer_may_be_released_by_its_own_callback(void **state)
{
    struct fixture *f = *state;
    assert_true(timer_init(&f->t[0], f->loop, on_release_self, f));
    timer_start_every_ms(&f->t[0], 1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_null(f->t[0].ev);
}

static void on_timer_that_defers(void *arg)
{
    struct fixture *f = arg;
    trace(f, 't');
    loop_defer(f->loop, &f->d[0]);
    loop_defer(f->loop, &f->d[0]);
    loop_defer(f->loop, &f->d[1]);
}

/* Two timers are ready in one turn; the first one's deferred calls wait for the second. */
static void deferred_calls_run_once_and_after_what_is_ready(void **state)
{
    struct fixture *f = *state;
    deferred_init(&f->d[0], on_a, f);
    deferred_init(&f->d[1], on_b, f);
    assert_true(timer_init(&f->t[0], f->loop, on_timer_that_defers, f));
    timer_start_us(&f->t[0], 0);
    start_stopper(f, 0);
    const uint64_t begin = clock_mono_us();
    while (clock_mono_us() < begin + 50) { /* both are due before the loop runs */
    }
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "tzab");
}

static void on_defer_more(void *arg)
{
    struct fixture *f = arg;
    trace(f, 'm');
    loop_defer(f->loop, &f->d[0]);
}

static void call_deferred_in_a_deferred_call_runs_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    deferred_init(&f->d[0], on_a, f);
    deferred_init(&f->d[1], on_defer_more, f);
    loop_defer(f->loop, &f->d[1]);
    loop_stop(f->loop); /* one turn */
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "ma");
}

static void cancelled_call_does_not_run(void **state)
{
    struct fixture *f = *state;
    struct deferred zeroed = {0};
    deferred_cancel(&zeroed);
    deferred_init(&f->d[0], on_a, f);
    deferred_init(&f->d[1], on_b, f);
    deferred_cancel(&f->d[0]);
    loop_defer(f->loop, &f->d[0]);
    loop_defer(f->loop, &f->d[1]);
    deferred_cancel(&f->d[0]);
    loop_stop(f->loop);
    assert_int_equal(loop_run(f->loop), 0);
    assert_string_equal(f->trace, "b");
}

static void calls_still_deferred_run_when_the_loop_is_freed(void **state)
{
    struct fixture *f = *state;
    deferred_init(&f->d[0], on_a, f);
    loop_defer(f->loop, &f->d[0]);
    f->loop = loop_free(f->loop);
    assert_string_equal(f->trace, "a");
}

static void on_signal(int signo, void *arg)
{
    struct fixture *f = arg;
    f->fired = signo;
    loop_stop(f->loop);
}

static void signal_arrives_from_the_loop_with_its_number(void **state)
{
    struct fixture *f = *state;
    assert_true(loop_on_signal(f->loop, SIGUSR1, on_signal, f));
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(f->fired, 0);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(f->fired, SIGUSR1);
}

static void sigpipe_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(raise(SIGPIPE), 0);
}

static void on_block(void *arg UNUSED)
{
    const uint64_t begin = clock_mono_us();
    while (clock_mono_us() < begin + 30000) {
    }
}

static void blocked_loop_shows_as_lag(void **state)
{
    struct fixture *f = *state;
    struct histogram h = {0};
    assert_true(timer_init(&f->t[0], f->loop, on_block, f));
    timer_start_ms(&f->t[0], 90);
    start_stopper(f, 190);
    loop_measure_lag(f->loop, &h);
    assert_int_equal(loop_run(f->loop), 0);
    assert_in_range(h.count, 1, 2); /* 2 when the machine itself is slow */
    assert_true(h.sum >= 0.015);
    loop_measure_lag(f->loop, NULL);
}

static void resolver_is_made_once(void **state)
{
    struct fixture *f = *state;
    struct evdns_base *dns = loop_dns(f->loop);
    assert_non_null(dns);
    assert_ptr_equal(loop_dns(f->loop), dns);
}

static void freeing_null_does_nothing(void **state)
{
    (void)state;
    assert_null(loop_free(NULL));
}

#define LOOP_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(timers_fire_in_order_of_their_time),
        LOOP_TEST(stopped_or_released_timer_does_not_fire),
        LOOP_TEST(restarted_timer_fires_once_at_the_new_time),
        LOOP_TEST(periodic_timer_fires_until_it_is_stopped_by_its_own_callback),
        LOOP_TEST(periodic_timer_may_be_released_by_its_own_callback),
        LOOP_TEST(deferred_calls_run_once_and_after_what_is_ready),
        LOOP_TEST(call_deferred_in_a_deferred_call_runs_in_the_same_turn),
        LOOP_TEST(cancelled_call_does_not_run),
        LOOP_TEST(calls_still_deferred_run_when_the_loop_is_freed),
        LOOP_TEST(signal_arrives_from_the_loop_with_its_number),
        LOOP_TEST(sigpipe_is_ignored),
        LOOP_TEST(blocked_loop_shows_as_lag),
        LOOP_TEST(resolver_is_made_once),
        cmocka_unit_test(freeing_null_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
