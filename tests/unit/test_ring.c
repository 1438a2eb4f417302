/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/msg.h"
#include "gateway/bus/ring.h"
#include "tests/support/fail_alloc.h"

static size_t alive_before;

static int note_memory(void **state)
{
    (void)state;
    alive_before = msg_bytes_alive();
    return 0;
}

static int check_memory(void **state)
{
    (void)state;
    fail_alloc_at(-1);
    return msg_bytes_alive() == alive_before ? 0 : -1;
}

/* Ten bytes, the offset first. */
static void append(struct ring *r, uint64_t offset, enum ring_kind kind)
{
    struct msg *m = msg_create(10);
    m->bytes[0] = (uint8_t)offset;
    assert_true(ring_append(r, offset, m, kind));
    msg_unref(m);
}

static void append_marker(struct ring *r, uint64_t offset, enum ring_kind kind)
{
    assert_true(ring_append(r, offset, NULL, kind));
}

static void assert_text(const struct ring *r, uint64_t offset)
{
    const struct ring_entry *e = ring_get(r, offset);
    assert_non_null(e);
    assert_non_null(e->m);
    assert_int_equal(e->m->bytes[0], (uint8_t)offset);
}

static void assert_marker(const struct ring *r, uint64_t offset, enum ring_kind kind)
{
    const struct ring_entry *e = ring_get(r, offset);
    assert_non_null(e);
    assert_null(e->m);
    assert_int_equal(e->kind, kind);
}

static bool is_whole(const struct ring *r)
{
    return ring_holds_newest(r, RING_SCOREBOARD_PRIVATE) &&
           ring_holds_newest(r, RING_SCOREBOARD_PUBLIC);
}

static void empty_ring_has_nothing(void **state)
{
    (void)state;
    struct ring r = {0};
    assert_null(ring_get(&r, 0));
    assert_null(ring_get(&r, 1));
    assert_true(is_whole(&r));
    ring_evict(&r);
    assert_int_equal(r.count, 0);
    ring_release(&r);
}

static void appended_entries_are_found_by_offset_and_no_others(void **state)
{
    (void)state;
    struct ring r = {0};
    for (uint64_t o = 7; o < 107; o++) {
        append(&r, o, RING_EVENT);
    }
    assert_int_equal(r.count, 100);
    assert_int_equal(r.bytes, 1000);
    assert_null(ring_get(&r, 6));
    assert_null(ring_get(&r, 107));
    assert_null(ring_get(&r, 0));
    assert_null(ring_get(&r, UINT64_MAX));
    for (uint64_t o = 7; o < 107; o++) {
        assert_text(&r, o);
    }
    ring_release(&r);
    assert_int_equal(r.bytes, 0);
}

static void append_after_a_hole_begins_anew(void **state)
{
    (void)state;
    static const uint64_t offsets[] = {12, 10, 9, 1, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        struct ring r = {0};
        append(&r, 9, RING_EVENT);
        append(&r, 10, RING_EVENT);
        append(&r, offsets[i], RING_EVENT);
        assert_int_equal(r.count, 1);
        assert_int_equal(r.first, offsets[i]);
        assert_int_equal(r.bytes, 10);
        ring_release(&r);
    }
}

static void eviction_while_growing_round_the_end_keeps_the_rest(void **state)
{
    (void)state;
    /* Every way in which the entries may lie around the end of the array when it grows. */
    for (size_t evicted = 0; evicted <= 16; evicted++) {
        struct ring r = {0};
        uint64_t next = 1;
        while (next <= 16) {
            append(&r, next++, RING_EVENT);
        }
        for (size_t i = 0; i < evicted; i++) {
            ring_evict(&r);
        }
        while (next <= 50) {
            append(&r, next++, RING_EVENT);
        }
        assert_int_equal(r.first, evicted + 1);
        assert_int_equal(r.count, 50 - evicted);
        assert_int_equal(r.bytes, (50 - evicted) * 10);
        assert_null(ring_get(&r, evicted));
        for (uint64_t o = evicted + 1; o <= 50; o++) {
            assert_text(&r, o);
        }
        ring_release(&r);
    }
}

static void evicting_all_leaves_an_empty_ring_that_takes_any_offset(void **state)
{
    (void)state;
    struct ring r = {0};
    append(&r, 1, RING_EVENT);
    append(&r, 2, RING_SCOREBOARD_PUBLIC);
    ring_evict(&r);
    ring_evict(&r);
    assert_int_equal(r.count, 0);
    assert_int_equal(r.bytes, 0);
    assert_null(ring_get(&r, 3));
    append(&r, 90, RING_EVENT);
    assert_text(&r, 90);
    ring_release(&r);
}

static void newer_scoreboard_makes_the_older_of_its_kind_a_marker(void **state)
{
    (void)state;
    struct ring r = {0};
    append(&r, 1, RING_SCOREBOARD_PUBLIC);
    append(&r, 2, RING_SCOREBOARD_PRIVATE);
    append(&r, 3, RING_EVENT);
    assert_text(&r, 1);
    assert_text(&r, 2);
    append(&r, 4, RING_SCOREBOARD_PUBLIC);
    assert_marker(&r, 1, RING_SCOREBOARD_PUBLIC);
    assert_text(&r, 2);
    assert_text(&r, 3);
    append(&r, 5, RING_SCOREBOARD_PRIVATE);
    assert_marker(&r, 2, RING_SCOREBOARD_PRIVATE);
    assert_text(&r, 4);
    assert_text(&r, 5);
    assert_int_equal(r.bytes, 30);
    assert_true(is_whole(&r));
    ring_release(&r);
}

static void marker_at_the_end_makes_the_ring_not_whole_until_filled(void **state)
{
    (void)state;
    struct ring r = {0};
    struct msg *m = msg_create(10);
    m->bytes[0] = 2;
    append(&r, 1, RING_SCOREBOARD_PUBLIC);
    append_marker(&r, 2, RING_SCOREBOARD_PUBLIC);
    append(&r, 3, RING_EVENT);
    assert_marker(&r, 1, RING_SCOREBOARD_PUBLIC);
    assert_false(is_whole(&r));
    assert_false(ring_fill(&r, 1, RING_SCOREBOARD_PRIVATE, m)); /* another kind */
    assert_false(ring_fill(&r, 3, RING_EVENT, m));              /* has its text */
    assert_false(ring_fill(&r, 0, RING_SCOREBOARD_PUBLIC, m));  /* not here */
    assert_false(ring_fill(&r, 4, RING_SCOREBOARD_PUBLIC, m));
    assert_true(ring_fill(&r, 2, RING_SCOREBOARD_PUBLIC, m));
    assert_false(ring_fill(&r, 2, RING_SCOREBOARD_PUBLIC, m)); /* filled already */
    assert_true(is_whole(&r));
    assert_text(&r, 2);
    assert_int_equal(r.bytes, 20);
    msg_unref(m);
    ring_release(&r);
}

static void each_kind_must_be_whole(void **state)
{
    (void)state;
    struct ring r = {0};
    append(&r, 1, RING_SCOREBOARD_PUBLIC);
    append_marker(&r, 2, RING_SCOREBOARD_PRIVATE);
    assert_false(is_whole(&r));
    append(&r, 3, RING_SCOREBOARD_PRIVATE);
    assert_true(is_whole(&r));
    append_marker(&r, 4, RING_SCOREBOARD_PUBLIC);
    assert_false(is_whole(&r));
    ring_release(&r);
}

static void join_puts_the_older_in_front(void **state)
{
    (void)state;
    struct ring r = {0};
    struct ring older = {0};
    append_marker(&older, 1, RING_SCOREBOARD_PUBLIC);
    append(&older, 2, RING_SCOREBOARD_PUBLIC);
    append(&older, 3, RING_SCOREBOARD_PRIVATE);
    append(&r, 4, RING_EVENT);
    append(&r, 5, RING_SCOREBOARD_PUBLIC);
    assert_true(ring_join(&r, &older));
    assert_int_equal(r.first, 1);
    assert_int_equal(r.count, 5);
    assert_marker(&r, 1, RING_SCOREBOARD_PUBLIC);
    assert_marker(&r, 2, RING_SCOREBOARD_PUBLIC); /* the ring has a newer one */
    assert_text(&r, 3);
    assert_text(&r, 4);
    assert_text(&r, 5);
    assert_int_equal(r.bytes, 30);
    assert_int_equal(older.count, 0);
    assert_null(older.slots);
    ring_release(&r);
}

static void join_of_rings_that_do_not_meet_changes_only_the_older(void **state)
{
    (void)state;
    static const uint64_t firsts[] = {1, 3, 4, 5, 9};
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
        struct ring r = {0};
        struct ring older = {0};
        append(&r, 4, RING_EVENT);
        append(&older, firsts[i], RING_EVENT);
        assert_int_equal(ring_join(&r, &older), firsts[i] == 3);
        assert_int_equal(older.count, 0);
        assert_text(&r, 4);
        assert_int_equal(r.count, firsts[i] == 3 ? 2 : 1);
        ring_release(&r);
    }
}

static void join_with_an_empty_ring_is_the_older_and_with_an_empty_older_nothing(void **state)
{
    (void)state;
    struct ring r = {0};
    struct ring older = {0};
    assert_false(ring_join(&r, &older));
    append(&older, 8, RING_EVENT);
    assert_true(ring_join(&r, &older));
    assert_text(&r, 8);
    assert_false(ring_join(&r, &older));
    assert_text(&r, 8);
    ring_release(&r);
}

static void append_without_memory_leaves_an_empty_ring(void **state)
{
    (void)state;
    struct ring r = {0};
    struct msg *m = msg_create(10);
    fail_alloc_at(0);
    assert_false(ring_append(&r, 1, m, RING_EVENT));
    assert_int_equal(r.count, 0);
    for (uint64_t o = 1; o <= 16; o++) {
        append(&r, o, RING_EVENT);
    }
    fail_alloc_at(0);
    assert_false(ring_append(&r, 17, m, RING_EVENT));
    assert_int_equal(r.count, 0);
    assert_int_equal(r.bytes, 0);
    msg_unref(m);
    ring_release(&r);
}

static void join_without_memory_changes_only_the_older(void **state)
{
    (void)state;
    struct ring r = {0};
    struct ring older = {0};
    for (uint64_t o = 1; o <= 16; o++) {
        append(&older, o, RING_EVENT);
    }
    append(&r, 17, RING_EVENT);
    fail_alloc_at(0);
    assert_false(ring_join(&r, &older));
    assert_int_equal(older.count, 0);
    assert_int_equal(r.count, 1);
    assert_text(&r, 17);
    ring_release(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, note_memory, check_memory)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_ring_has_nothing),
        TEST(appended_entries_are_found_by_offset_and_no_others),
        TEST(append_after_a_hole_begins_anew),
        TEST(eviction_while_growing_round_the_end_keeps_the_rest),
        TEST(evicting_all_leaves_an_empty_ring_that_takes_any_offset),
        TEST(newer_scoreboard_makes_the_older_of_its_kind_a_marker),
        TEST(marker_at_the_end_makes_the_ring_not_whole_until_filled),
        TEST(each_kind_must_be_whole),
        TEST(join_puts_the_older_in_front),
        TEST(join_of_rings_that_do_not_meet_changes_only_the_older),
        TEST(join_with_an_empty_ring_is_the_older_and_with_an_empty_older_nothing),
        TEST(append_without_memory_leaves_an_empty_ring),
        TEST(join_without_memory_changes_only_the_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
