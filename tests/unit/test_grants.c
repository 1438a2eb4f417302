/* SPDX-License-Identifier: MIT */
/* What the frontend has allowed a connection: found, bounded, the least recently used goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>

#include "gateway/session/grants.h"
#include "tests/support/fail_alloc.h"

static struct str name_of(int i, char out[static 32])
{
    return (struct str){out, (size_t)snprintf(out, 32, "/contest/%d", i)};
}

static void add(struct grants *g, int i, size_t max)
{
    char name[32];
    grants_add(g, name_of(i, name), i % 2, max);
}

static const struct grant *find(struct grants *g, int i)
{
    char name[32];
    return grants_find(g, name_of(i, name));
}

static void what_was_granted_is_found_with_its_right(void **state)
{
    (void)state;
    struct grants g = {.buckets = NULL};
    assert_null(find(&g, 1));
    for (int i = 0; i < 500; i++) {
        add(&g, i, 1000);
    }
    for (int i = 0; i < 500; i++) {
        assert_non_null(find(&g, i));
        assert_int_equal(find(&g, i)->is_admin, i % 2);
    }
    assert_null(find(&g, 500));
    grants_clear(&g);
    assert_null(find(&g, 1));
    add(&g, 1, 1000);
    assert_non_null(find(&g, 1));
    grants_clear(&g);
    grants_clear(&g);
}

static void least_recently_used_goes(void **state)
{
    (void)state;
    struct grants g = {.buckets = NULL};
    for (int i = 0; i < 4; i++) {
        add(&g, i, 4);
    }
    assert_non_null(find(&g, 0)); /* used */
    for (int i = 4; i < 500; i++) {
        add(&g, i, 4);
        assert_int_equal(g.count, 4);
        assert_non_null(find(&g, 0));
        assert_non_null(find(&g, i));
        assert_non_null(find(&g, i > 4 ? i - 1 : 3));
    }
    assert_null(find(&g, 1));
    assert_null(find(&g, 400));
    grants_clear(&g);
}

static void without_memory_nothing_is_kept_and_nothing_lost(void **state)
{
    (void)state;
    struct grants g = {.buckets = NULL};
    for (long n = 0; n < 12; n++) {
        fail_alloc_at(n);
        for (int i = 0; i < 6; i++) {
            add(&g, i, 100);
        }
        fail_alloc_at(-1);
        assert_in_range(g.count, 0, 6);
        grants_clear(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_granted_is_found_with_its_right),
        cmocka_unit_test(least_recently_used_goes),
        cmocka_unit_test(without_memory_nothing_is_kept_and_nothing_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
