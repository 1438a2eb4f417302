/* SPDX-License-Identifier: MIT */
/* position: one spelling per value, everything else is unreadable. */
#include "proto/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define E "0123456789abcdef"

static void written_positions_are_read_back(void **state)
{
    static const struct {
        struct position p;
        const char *text;
    } rows[] = {
        {{E, 0}, E ":0"},
        {{E, 1}, E ":1"},
        {{E, 13}, E ":13"},
        {{"0000000000000000", UINT64_MAX}, "0000000000000000:18446744073709551615"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[POSITION_TEXT_MAX + 1];
        struct position back;
        size_t n = position_write(&rows[i].p, text);
        assert_int_equal(n, strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
        assert_true(position_parse((struct str){text, n}, &back));
        assert_string_equal(back.epoch, rows[i].p.epoch);
        assert_true(back.offset == rows[i].p.offset);
    }
}

static void everything_else_is_unreadable_and_changes_nothing(void **state)
{
    static const struct str bad[] = {
        {NULL, 0},
        STR(":"),
        STR(":0"),
        STR(E),
        STR(E ":"),
        STR(E ":00"),
        STR(E ":01"),
        STR(E ":-1"),
        STR(E ":+1"),
        STR(E ": 1"),
        STR(E ":1 "),
        STR(E ":1\0"),
        STR(E ":0x1"),
        STR(E ":1a"),
        STR(E ";1"),
        STR(E ":18446744073709551616"),
        STR(E ":99999999999999999999"),
        STR(E ":184467440737095516150"),
        STR(" " E ":1"),
        STR("0123456789abcde:1"),
        STR("0123456789abcdeff:1"),
        STR("0123456789ABCDEF:1"),
        STR("0123456789abcdeg:1"),
        STR("0123456789abcde\0:1"),
        STR("E:12"),
    };
    struct position p = {"fedcba9876543210", 5};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (position_parse(bad[i], &p)) {
            fail_msg("row %zu", i);
        }
    }
    assert_string_equal(p.epoch, "fedcba9876543210");
    assert_int_equal(p.offset, 5);
}

static void every_cut_of_a_position_is_unreadable_up_to_the_first_digit(void **state)
{
    struct str whole = STR(E ":1234");
    struct position p;

    (void)state;
    for (size_t n = 0; n <= whole.n; n++) {
        assert_int_equal(position_parse((struct str){whole.p, n}, &p), n > EPOCH_LEN + 1);
    }
}

static void epochs_are_compared_without_the_offset(void **state)
{
    const struct position a = {E, 1};
    const struct position b = {E, 2};
    const struct position c = {"fedcba9876543210", 1};

    (void)state;
    assert_true(position_same_epoch(&a, &b));
    assert_false(position_same_epoch(&a, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_positions_are_read_back),
        cmocka_unit_test(everything_else_is_unreadable_and_changes_nothing),
        cmocka_unit_test(every_cut_of_a_position_is_unreadable_up_to_the_first_digit),
        cmocka_unit_test(epochs_are_compared_without_the_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
