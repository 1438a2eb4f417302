/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/metrics.h"
#include "gateway/session/flusher.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_loop.h"

#define RECEIVERS 1000

struct receiver {
    struct list node; /* first */
    struct fixture *f;
    int calls;
    bool again; /* asks once more while it is flushed */
};
struct fixture {
    struct loop *loop;
    struct flusher *flusher;
    struct histogram latency;
    struct receiver r[RECEIVERS];
    size_t done;
};

static void flush(struct list *node, const struct list *next UNUSED, struct gather *g)
{
    struct receiver *r = (struct receiver *)node;
    assert_non_null(g);
    assert_true(list_empty(node)); /* so that it may ask again */
    r->calls++;
    r->f->done++;
    if (r->again) {
        r->again = false;
        flusher_add(r->f->flusher, node);
    }
}

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    f.loop = loop_create();
    f.flusher = flusher_create(f.loop, flush, &f.latency);
    for (size_t i = 0; i < RECEIVERS; i++) {
        list_init(&f.r[i].node);
        f.r[i].f = &f;
    }
    *state = &f;
    return f.flusher ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fake_clock_drift_us(0);
    fail_alloc_at(-1);
    flusher_free(f->flusher);
    for (size_t i = 0; i < RECEIVERS; i++) {
        list_del(&f->r[i].node); /* as a session does that ends later */
    }
    loop_free(f->loop);
    return 0;
}

static void asking_many_times_in_a_turn_is_one_call_at_its_end(void **state)
{
    struct fixture *f = *state;
    flusher_add(f->flusher, &f->r[0].node);
    flusher_add(f->flusher, &f->r[1].node);
    flusher_add(f->flusher, &f->r[0].node);
    assert_int_equal(f->done, 0);
    fake_loop_turn(f->loop);
    assert_int_equal(f->r[0].calls, 1);
    assert_int_equal(f->r[1].calls, 1);
    fake_loop_turn(f->loop);
    assert_int_equal(f->done, 2);
}

static void who_asks_again_while_flushed_is_called_again_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    f->r[0].again = true;
    flusher_add(f->flusher, &f->r[0].node);
    fake_loop_turn(f->loop);
    assert_int_equal(f->r[0].calls, 2);
}

static void write_delay_puts_the_end_of_the_turn_off(void **state)
{
    struct fixture *f = *state;
    flusher_set_delay(f->flusher, 20);
    flusher_add(f->flusher, &f->r[0].node);
    fake_loop_pass_ms(f->loop, 10);
    flusher_add(f->flusher, &f->r[1].node); /* does not begin the delay anew */
    fake_loop_pass_ms(f->loop, 9);
    assert_int_equal(f->done, 0);
    fake_loop_pass_ms(f->loop, 1);
    assert_int_equal(f->done, 2);
}

static void long_work_is_cut_in_slices_and_all_are_called(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < RECEIVERS; i++) {
        flusher_add(f->flusher, &f->r[i].node);
    }
    fake_clock_drift_us(3000); /* each look at the clock, every 32 receivers, finds it later */
    size_t turns = 0;
    size_t before = 0;
    while (f->done < RECEIVERS && turns < 100) {
        fake_loop_turn(f->loop);
        assert_true(f->done > before); /* each slice gets somewhere */
        before = f->done;
        turns++;
    }
    assert_int_equal(f->done, RECEIVERS);
    assert_true(turns > 1);
    for (size_t i = 0; i < RECEIVERS; i++) {
        assert_int_equal(f->r[i].calls, 1);
    }
}

static void latency_is_observed_once_per_event_and_bounded(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_wall_ms();
    flusher_note_event(f->flusher, now - 100);
    flusher_note_event(f->flusher, now + 100000); /* another machine's clock is ahead: 0 */
    flusher_add(f->flusher, &f->r[0].node);
    fake_loop_turn(f->loop);
    assert_int_equal(f->latency.count, 2);
    assert_true(f->latency.sum > 0.09 && f->latency.sum < 0.2);
    for (int i = 0; i < 1000; i++) {
        flusher_note_event(f->flusher, now);
    }
    flusher_add(f->flusher, &f->r[0].node);
    fake_loop_turn(f->loop);
    assert_int_equal(f->latency.count, 66);
}

static void flusher_that_ends_forgets_who_asked(void **state)
{
    struct fixture *f = *state;
    flusher_add(f->flusher, &f->r[0].node);
    flusher_add(f->flusher, &f->r[1].node);
    f->flusher = flusher_free(f->flusher);
    fake_loop_turn(f->loop);
    assert_int_equal(f->done, 0);
    assert_true(list_empty(&f->r[0].node));
}

static void flusher_without_memory_is_not_made(void **state)
{
    struct fixture *f = *state;
    for (long n = 0; n < 3; n++) {
        fail_alloc_at(n);
        assert_null(flusher_create(f->loop, flush, &f->latency));
        assert_true(fail_alloc_hit());
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asking_many_times_in_a_turn_is_one_call_at_its_end),
        TEST(who_asks_again_while_flushed_is_called_again_in_the_same_turn),
        TEST(write_delay_puts_the_end_of_the_turn_off),
        TEST(long_work_is_cut_in_slices_and_all_are_called),
        TEST(latency_is_observed_once_per_event_and_bounded),
        TEST(flusher_that_ends_forgets_who_asked),
        TEST(flusher_without_memory_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
