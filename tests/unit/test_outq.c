/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/msg.h"
#include "gateway/hub/rendering.h"
#include "gateway/session/outq.h"
#include "tests/support/fail_alloc.h"

#define ROOM ((size_t)1 << 20)
#define PUBLIC 3 /* tags as the hub makes them: a view's id and the kind */
#define PRIVATE 2
#define OTHER_VIEW 5

static int check_memory(void **state)
{
    (void)state;
    fail_alloc_at(-1);
    return msg_bytes_alive() == 0 ? 0 : -1;
}

/* n bytes of payload (under 126: a frame of n + 2). */
static struct rendering *make(size_t n, uint64_t tag)
{
    char text[100] = {0};
    struct rendering *r = rendering_create((struct str){text, n}, STR_NONE, tag, 0);
    assert_non_null(r);
    return r;
}

/* Pushes a new rendering of which only the queue keeps a reference. */
static struct rendering *push(struct outq *q, uint64_t tag, uint32_t skipped,
                              enum outq_result expected)
{
    struct rendering *r = make(8, tag);
    assert_int_equal(outq_push(q, r, skipped, ROOM), expected);
    rendering_unref(r);
    return r; /* only to be compared */
}

static void assert_queue(const struct outq *q, size_t n, struct rendering *const *expected,
                         const uint32_t *skipped)
{
    assert_int_equal(q->count, n);
    assert_int_equal(q->bytes, n * 10);
    for (uint32_t i = 0; i < n; i++) {
        assert_ptr_equal(outq_at(q, i)->r, expected[i]);
        assert_int_equal(outq_at(q, i)->skipped, skipped[i]);
    }
}

static void queue_keeps_order_through_growth_and_pops(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[40];
    outq_init(&q);
    assert_true(outq_is_empty(&q));
    assert_int_equal(outq_heap_bytes(&q), 0);
    /* Half is taken out again while it grows, so that the slots lie around the end. */
    uint32_t in = 0;
    uint32_t out = 0;
    while (in < ARRAY_LEN(r)) {
        r[in++] = push(&q, 0, 0, OUTQ_OK);
        if (in % 2 == 0) {
            assert_ptr_equal(outq_at(&q, 0)->r, r[out++]);
            outq_pop(&q);
        }
    }
    assert_true(outq_heap_bytes(&q) > 0);
    while (out < in) {
        assert_ptr_equal(outq_at(&q, 0)->r, r[out++]);
        outq_pop(&q);
    }
    assert_true(outq_is_empty(&q));
    assert_int_equal(q.bytes, 0);
    assert_int_equal(outq_heap_bytes(&q), 0);
}

static void two_messages_cost_no_heap(void **state)
{
    (void)state;
    struct outq q;
    outq_init(&q);
    push(&q, 0, 0, OUTQ_OK);
    push(&q, 0, 0, OUTQ_OK);
    assert_int_equal(outq_heap_bytes(&q), 0);
    push(&q, 0, 0, OUTQ_OK);
    assert_true(outq_heap_bytes(&q) > 0);
    outq_release(&q);
    assert_int_equal(outq_heap_bytes(&q), 0);
    assert_true(outq_is_empty(&q));
    push(&q, 0, 0, OUTQ_OK); /* it can be used again */
    outq_release(&q);
}

static void message_of_any_size_enters_an_empty_queue(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r = make(98, 0);
    outq_init(&q);
    assert_int_equal(outq_push(&q, r, 0, 0), OUTQ_OK);
    assert_int_equal(q.bytes, 100);
    outq_release(&q);
    rendering_unref(r);
}

static void only_what_waits_behind_the_head_counts(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *large = make(98, 0);
    struct rendering *small = make(8, 0);
    outq_init(&q);
    assert_int_equal(outq_push(&q, large, 0, 20), OUTQ_OK);
    assert_int_equal(outq_push(&q, small, 0, 20), OUTQ_OK);
    assert_int_equal(outq_push(&q, small, 0, 20), OUTQ_OK); /* exactly the bound */
    assert_int_equal(outq_push(&q, small, 0, 20), OUTQ_FULL);
    assert_int_equal(outq_push(&q, small, 0, 29), OUTQ_FULL);
    assert_int_equal(q.count, 3);
    assert_int_equal(q.bytes, 120);
    assert_int_equal(outq_push(&q, small, 0, 30), OUTQ_OK);
    outq_pop(&q); /* the next one is the head now, and does not count any more */
    assert_int_equal(outq_push(&q, small, 0, 30), OUTQ_OK);
    assert_int_equal(outq_push(&q, small, 0, 30), OUTQ_FULL);
    outq_release(&q);
    rendering_unref(large);
    rendering_unref(small);
}

static void newer_scoreboard_replaces_the_older_at_the_tail_and_counts_it(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[4];
    outq_init(&q);
    r[0] = push(&q, 0, 0, OUTQ_OK);
    push(&q, PUBLIC, 0, OUTQ_OK);
    r[1] = push(&q, 0, 0, OUTQ_OK);
    r[2] = push(&q, PUBLIC, 0, OUTQ_CONFLATED);
    assert_queue(&q, 3, r, (uint32_t[]){0, 0, 1});
    r[2] = push(&q, 0, 0, OUTQ_OK);
    r[3] = push(&q, PUBLIC, 0, OUTQ_CONFLATED);
    assert_queue(&q, 4, r, (uint32_t[]){0, 0, 0, 2});
    outq_release(&q);
}

static void skipped_of_a_replay_adds_up(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[1];
    outq_init(&q);
    r[0] = push(&q, PUBLIC, 3, OUTQ_OK);
    assert_queue(&q, 1, r, (uint32_t[]){3});
    r[0] = push(&q, PUBLIC, 2, OUTQ_CONFLATED);
    assert_queue(&q, 1, r, (uint32_t[]){6});
    outq_release(&q);
}

static void kinds_and_views_are_conflated_apart(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[3];
    outq_init(&q);
    r[0] = push(&q, PRIVATE, 0, OUTQ_OK);
    push(&q, PUBLIC, 0, OUTQ_OK);
    r[1] = push(&q, OTHER_VIEW, 0, OUTQ_OK);
    r[2] = push(&q, PUBLIC, 0, OUTQ_CONFLATED);
    assert_queue(&q, 3, r, (uint32_t[]){0, 0, 1});
    outq_release(&q);
}

static void events_without_tag_are_never_conflated(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[3];
    outq_init(&q);
    for (size_t i = 0; i < 3; i++) {
        r[i] = push(&q, 0, 0, OUTQ_OK);
    }
    assert_queue(&q, 3, r, (uint32_t[]){0, 0, 0});
    outq_release(&q);
}

static void head_that_waits_is_replaced_and_head_being_written_is_not(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[3];
    outq_init(&q);
    push(&q, PUBLIC, 0, OUTQ_OK);
    r[0] = push(&q, PUBLIC, 0, OUTQ_CONFLATED);
    assert_queue(&q, 1, r, (uint32_t[]){1});
    q.head_written = 4;
    r[1] = push(&q, PUBLIC, 0, OUTQ_OK);
    assert_queue(&q, 2, r, (uint32_t[]){1, 0});
    assert_int_equal(q.head_written, 4);
    r[1] = push(&q, PUBLIC, 0, OUTQ_CONFLATED); /* the one behind the head */
    assert_queue(&q, 2, r, (uint32_t[]){1, 1});
    outq_pop(&q);
    assert_int_equal(q.head_written, 0);
    assert_ptr_equal(outq_at(&q, 0)->r, r[1]);
    outq_release(&q);
}

static void replacing_makes_room_for_a_scoreboard_of_the_same_size(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *head = make(8, 0);
    struct rendering *old = make(98, PUBLIC);
    struct rendering *new = make(98, PUBLIC);
    outq_init(&q);
    assert_int_equal(outq_push(&q, head, 0, 100), OUTQ_OK);
    assert_int_equal(outq_push(&q, old, 0, 100), OUTQ_OK);
    assert_int_equal(outq_push(&q, new, 0, 100), OUTQ_CONFLATED);
    assert_int_equal(q.count, 2);
    assert_int_equal(q.bytes, 110);
    outq_release(&q);
    rendering_unref(head);
    rendering_unref(old);
    rendering_unref(new);
}

static void queue_that_cannot_grow_says_so_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct outq q;
    struct rendering *r[2];
    struct rendering *third = make(8, 0);
    outq_init(&q);
    r[0] = push(&q, 0, 0, OUTQ_OK);
    r[1] = push(&q, 0, 0, OUTQ_OK);
    fail_alloc_at(0);
    assert_int_equal(outq_push(&q, third, 0, ROOM), OUTQ_NO_MEMORY);
    assert_queue(&q, 2, r, (uint32_t[]){0, 0});
    rendering_unref(third); /* no reference was taken */
    outq_release(&q);
}

/* Against a plain array that does the same the slow way. */
static void random_pushes_and_pops_agree_with_a_simple_model(void **state)
{
    (void)state;
    struct outq q;
    struct {
        uint64_t tag;
        uint32_t skipped;
    } model[256];
    size_t n = 0;
    uint32_t seed = 1;
    outq_init(&q);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        unsigned dice = seed >> 24;
        if (n > 0 && (dice < 100 || n >= 200)) {
            outq_pop(&q);
            memmove(model, model + 1, --n * sizeof(*model));
        } else if (n > 0 && dice < 120) {
            q.head_written = 1;
        } else {
            uint64_t tag = dice % 4;
            uint32_t skipped = 0;
            for (size_t i = n; tag && i-- > (q.head_written > 0 ? 1u : 0u);) {
                if (model[i].tag == tag) {
                    skipped = model[i].skipped + 1;
                    memmove(model + i, model + i + 1, (--n - i) * sizeof(*model));
                    break;
                }
            }
            push(&q, tag, 0, skipped ? OUTQ_CONFLATED : OUTQ_OK);
            model[n].tag = tag;
            model[n++].skipped = skipped;
        }
        assert_int_equal(q.count, n);
        assert_int_equal(q.bytes, n * 10);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(rendering_tag(outq_at(&q, i)->r), model[i].tag);
            assert_int_equal(outq_at(&q, i)->skipped, model[i].skipped);
        }
    }
    outq_release(&q);
}

#define TEST(f) cmocka_unit_test_teardown(f, check_memory)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queue_keeps_order_through_growth_and_pops),
        TEST(two_messages_cost_no_heap),
        TEST(message_of_any_size_enters_an_empty_queue),
        TEST(only_what_waits_behind_the_head_counts),
        TEST(newer_scoreboard_replaces_the_older_at_the_tail_and_counts_it),
        TEST(skipped_of_a_replay_adds_up),
        TEST(kinds_and_views_are_conflated_apart),
        TEST(events_without_tag_are_never_conflated),
        TEST(head_that_waits_is_replaced_and_head_being_written_is_not),
        TEST(replacing_makes_room_for_a_scoreboard_of_the_same_size),
        TEST(queue_that_cannot_grow_says_so_and_keeps_what_it_has),
        TEST(random_pushes_and_pops_agree_with_a_simple_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
