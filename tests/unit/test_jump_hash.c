/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/redis/jump_hash.h"

#define NAMES 20000

static struct str name_of(unsigned i, char text[static 32])
{
    int n = snprintf(text, 32, "contest/c-%u", i);
    return (struct str){text, (size_t)n};
}

static void one_server_has_everything(void **state)
{
    (void)state;
    char text[32];
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(jump_hash(name_of(i, text), 1), 0);
    }
}

/* Publishers and gateways of different versions must agree for ever: these never change. */
static void values_are_fixed(void **state)
{
    (void)state;
    char text[32];
    unsigned sum = 0;
    for (unsigned i = 0; i < 1000; i++) {
        sum = sum * 31 + jump_hash(name_of(i, text), 7);
    }
    assert_int_equal(jump_hash(STR("contest/annual-2024"), 4), 1);
    assert_int_equal(jump_hash(STR("user/ana"), 4), 2);
    assert_int_equal(sum, 2827481821u);
}

static void names_are_spread_evenly(void **state)
{
    (void)state;
    char text[32];
    unsigned count[5] = {0};
    for (unsigned i = 0; i < NAMES; i++) {
        count[jump_hash(name_of(i, text), 5)]++;
    }
    for (unsigned i = 0; i < 5; i++) {
        assert_in_range(count[i], NAMES / 5 * 9 / 10, NAMES / 5 * 11 / 10);
    }
}

static void one_more_server_takes_only_its_share(void **state)
{
    (void)state;
    char text[32];
    unsigned moved = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        struct str name = name_of(i, text);
        uint32_t before = jump_hash(name, 4);
        uint32_t after = jump_hash(name, 5);
        if (before != after) {
            assert_int_equal(after, 4); /* only ever to the new one */
            moved++;
        }
    }
    assert_in_range(moved, NAMES / 5 * 9 / 10, NAMES / 5 * 11 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_server_has_everything),
        cmocka_unit_test(values_are_fixed),
        cmocka_unit_test(names_are_spread_evenly),
        cmocka_unit_test(one_more_server_takes_only_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
