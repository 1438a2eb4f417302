/* SPDX-License-Identifier: MIT */
/* bus_moves: which topics are owed a new epoch after another history was met. */
#include "publisher/bus_moves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/compiler.h"

static void note(struct bus_moves *m, const char *name, uint64_t now_ms)
{
    const struct str names[] = {str_of(name)};
    bus_moves_note(m, names, 1, now_ms);
}

/* The only topic owed is this one, so old. */
static void assert_owed(struct bus_moves *m, uint64_t now_ms, const char *name, uint64_t age_ms)
{
    struct moves_batch batch;
    assert_true(bus_moves_take(m, now_ms, &batch));
    assert_int_equal(1, batch.n);
    assert_true(str_eq(str_of(name), batch.names[0]));
    assert_int_equal(age_ms, batch.ages_ms[0]);
}

static void assert_nothing_owed(struct bus_moves *m)
{
    struct moves_batch batch;
    assert_false(bus_moves_take(m, 1000000, &batch));
}

static void what_was_acknowledged_elsewhere_is_owed_once(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note(&m, "T", 1000);
    note(&m, "T", 2000);
    assert_nothing_owed(&m);
    bus_moves_arrive(&m, STR("b"), 100000);
    assert_owed(&m, 2500, "T", 500);
    bus_moves_settle(&m, true);
    assert_nothing_owed(&m);
    bus_moves_arrive(&m, STR("c"), 100000);
    assert_nothing_owed(&m);
    bus_moves_release(&m);
}

static void the_same_history_again_owes_nothing(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note(&m, "T", 1000);
    bus_moves_arrive(&m, STR("a"), 100000);
    assert_nothing_owed(&m);
    bus_moves_release(&m);
}

static void what_redis_did_not_execute_is_owed_still(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note(&m, "T", 1000);
    bus_moves_arrive(&m, STR("b"), 100000);
    assert_owed(&m, 1000, "T", 0);
    assert_nothing_owed(&m); /* on its way */
    bus_moves_settle(&m, false);
    assert_owed(&m, 3000, "T", 2000);
    bus_moves_arrive(&m, STR("b"), 100000); /* the link was lost meanwhile */
    assert_owed(&m, 4000, "T", 3000);
    bus_moves_release(&m);
}

static void
a_new_acknowledgement_takes_no_debt_away_and_is_owed_by_the_next_move(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note(&m, "T", 1000);
    bus_moves_arrive(&m, STR("b"), 100000);
    note(&m, "T", 5000);
    assert_owed(&m, 6000, "T", 5000);
    note(&m, "T", 5500);
    bus_moves_settle(&m, true);
    assert_nothing_owed(&m);
    bus_moves_arrive(&m, STR("c"), 100000);
    assert_owed(&m, 6000, "T", 500);
    bus_moves_release(&m);
}

static void a_debt_that_moves_on_has_the_age_of_the_last_history(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note(&m, "T", 1000);
    bus_moves_arrive(&m, STR("b"), 100000);
    note(&m, "T", 5000);
    bus_moves_arrive(&m, STR("c"), 100000);
    assert_owed(&m, 6000, "T", 1000);
    bus_moves_release(&m);
}

static void note_many(struct bus_moves *m, size_t first, size_t n, uint64_t now_ms)
{
    for (size_t i = first; i < first + n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "T%zu", i);
        note(m, name, now_ms);
    }
}

static void all_are_owed_in_batches(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note_many(&m, 0, 3 * MOVES_BATCH_MAX + 1, 1000);
    bus_moves_arrive(&m, STR("b"), 100000);
    size_t total = 0;
    struct moves_batch batch;
    while (bus_moves_take(&m, 2000, &batch)) {
        total += batch.n;
        bus_moves_settle(&m, true);
    }
    assert_int_equal(3 * MOVES_BATCH_MAX + 1, total);
    assert_int_equal(0, m.topics.count);
    bus_moves_release(&m);
}

static void the_oldest_are_forgotten_when_there_is_no_room(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 100000);
    note_many(&m, 0, MOVES_TOPICS_MAX / 2, 1000);
    bus_moves_arrive(&m, STR("b"), 100000);
    note_many(&m, MOVES_TOPICS_MAX / 2, MOVES_TOPICS_MAX / 2, 200000);
    assert_int_equal(MOVES_TOPICS_MAX / 2, m.owed);
    note(&m, "one more", 200001);
    assert_int_equal(MOVES_TOPICS_MAX / 2 + 1, m.topics.count);
    assert_nothing_owed(&m);
    bus_moves_arrive(&m, STR("c"), 100000);
    assert_int_equal(MOVES_TOPICS_MAX / 2 + 1, m.owed);
    bus_moves_release(&m);
}

static void back_where_it_was_acknowledged_nothing_is_owed(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 0);
    note(&m, "T", 1000);
    bus_moves_arrive(&m, STR("w"), 2000);
    bus_moves_arrive(&m, STR("a"), 3000);
    assert_nothing_owed(&m);
    bus_moves_arrive(&m, STR("w"), 4000);
    note(&m, "T", 5000); /* acknowledged there, too */
    bus_moves_arrive(&m, STR("a"), 6000);
    assert_owed(&m, 6000, "T", 1000);
    bus_moves_release(&m);
}

static void a_debt_to_two_histories_is_not_paid_by_the_way_back_to_one(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 0);
    note(&m, "T", 1000);
    bus_moves_arrive(&m, STR("b"), 2000);
    note(&m, "T", 3000); /* before b's batch was settled */
    bus_moves_arrive(&m, STR("c"), 4000);
    bus_moves_arrive(&m, STR("b"), 5000);
    assert_owed(&m, 5000, "T", 2000);
    bus_moves_release(&m);
}

static void what_is_old_is_owed_no_more(void **state UNUSED)
{
    struct bus_moves m = {0};
    bus_moves_arrive(&m, STR("a"), 0);
    note(&m, "T", 1000);
    note(&m, "U", 2000);
    bus_moves_arrive(&m, STR("b"), MOVES_KEEP_MS + 1001);
    assert_owed(&m, MOVES_KEEP_MS + 1001, "U", MOVES_KEEP_MS - 999);
    bus_moves_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_elsewhere_is_owed_once),
        cmocka_unit_test(the_same_history_again_owes_nothing),
        cmocka_unit_test(what_redis_did_not_execute_is_owed_still),
        cmocka_unit_test(a_new_acknowledgement_takes_no_debt_away_and_is_owed_by_the_next_move),
        cmocka_unit_test(a_debt_that_moves_on_has_the_age_of_the_last_history),
        cmocka_unit_test(all_are_owed_in_batches),
        cmocka_unit_test(back_where_it_was_acknowledged_nothing_is_owed),
        cmocka_unit_test(a_debt_to_two_histories_is_not_paid_by_the_way_back_to_one),
        cmocka_unit_test(what_is_old_is_owed_no_more),
        cmocka_unit_test(the_oldest_are_forgotten_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
