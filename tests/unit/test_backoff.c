/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/backoff.h"
#include "common/compiler.h"

static void delays_double_up_to_the_maximum(void **state)
{
    (void)state;
    static const uint32_t ceilings[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct backoff low = {.min_ms = 100, .max_ms = 5000};
    struct backoff high = low;
    for (size_t i = 0; i < ARRAY_LEN(ceilings); i++) {
        uint32_t half = ceilings[i] / 2;
        assert_int_equal(backoff_next(&low, 0), half);
        assert_int_equal(backoff_next(&high, ceilings[i] - half), ceilings[i]);
    }
}

static void any_random_number_stays_within_the_bounds(void **state)
{
    (void)state;
    static const uint64_t randoms[] = {0, 1, 49, 50, 51, 52, 1ULL << 32, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(randoms); i++) {
        struct backoff b = {.min_ms = 101, .max_ms = 5000};
        assert_in_range(backoff_next(&b, randoms[i]), 50, 101);
        assert_in_range(backoff_next(&b, randoms[i]), 101, 202);
    }
}

static void random_part_reaches_every_value(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (uint64_t r = 0; r < 6; r++) {
        struct backoff b = {.min_ms = 10, .max_ms = 10};
        seen |= 1U << backoff_next(&b, r);
    }
    assert_int_equal(seen, 0x7e0); /* 5 … 10 */
}

static void reset_begins_anew(void **state)
{
    (void)state;
    struct backoff b = {.min_ms = 100, .max_ms = 5000};
    (void)backoff_next(&b, 0);
    (void)backoff_next(&b, 0);
    backoff_reset(&b);
    assert_int_equal(backoff_next(&b, 0), 50);
}

static void endless_failures_and_extreme_limits_do_not_overflow(void **state)
{
    (void)state;
    struct backoff b = {.min_ms = UINT32_MAX, .max_ms = UINT32_MAX, .attempt = UINT32_MAX};
    assert_int_equal(backoff_next(&b, 0), UINT32_MAX / 2);
    assert_int_equal(b.attempt, UINT32_MAX);
    struct backoff zero = {.attempt = 1000};
    assert_int_equal(backoff_next(&zero, 12345), 0);
    struct backoff min_over_max = {.min_ms = 500, .max_ms = 10};
    assert_int_equal(backoff_next(&min_over_max, 5), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_maximum),
        cmocka_unit_test(any_random_number_stays_within_the_bounds),
        cmocka_unit_test(random_part_reaches_every_value),
        cmocka_unit_test(reset_begins_anew),
        cmocka_unit_test(endless_failures_and_extreme_limits_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
