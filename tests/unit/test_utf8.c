/* SPDX-License-Identifier: MIT */
/* utf8: every code point, and every wrong form at its borders. */
#include "proto/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/compiler.h"

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static void every_code_point_but_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110800; c++) {
        char bytes[4];
        size_t n = encode(c, bytes);
        bool expected = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (utf8_valid((struct str){bytes, n}) != expected) {
            fail_msg("U+%04X", c);
        }
    }
}

static void every_code_point_cut_short_is_invalid(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c < 0x110000; c += c < 0x10000 ? 1 : 97) {
        char bytes[4];
        size_t n = encode(c, bytes);
        for (size_t cut = 1; cut < n; cut++) {
            if (utf8_valid((struct str){bytes, cut})) {
                fail_msg("U+%04X cut to %zu bytes", c, cut);
            }
        }
    }
}

static void every_broken_form_is_invalid(void **state)
{
    static const struct str bad[] = {
        {"\x80", 1}, /* a tail alone */
        {"\xbf", 1},
        {"a\x80z", 3},
        {"\xc0\x80", 2}, /* overlong NUL */
        {"\xc1\xbf", 2},
        {"\xe0\x80\x80", 3},
        {"\xe0\x9f\xbf", 3},
        {"\xf0\x80\x80\x80", 4},
        {"\xf0\x8f\xbf\xbf", 4},
        {"\xed\xa0\x80", 3}, /* surrogates */
        {"\xed\xbf\xbf", 3},
        {"\xf4\x90\x80\x80", 4}, /* U+110000 */
        {"\xf5\x80\x80\x80", 4},
        {"\xf8\x88\x80\x80\x80", 5},
        {"\xfe", 1},
        {"\xff", 1},
        {"\xc2"
         "a",
         2}, /* a tail is missing */
        {"\xe2\x82"
         "a",
         3},
        {"\xe2"
         "a\x82",
         3},
        {"\xf0\x9f\x98"
         "a",
         4},
        {"\xf0\x9f"
         "a\x80",
         4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (utf8_valid(bad[i])) {
            fail_msg("row %zu", i);
        }
    }
}

/* Byte by byte, the same is found at the byte that cannot follow. */
static void text_in_pieces_fails_at_the_first_wrong_byte(void **state)
{
    static const struct {
        struct str text;
        size_t good; /* bytes that can still become valid */
    } rows[] = {
        {{"a\xc3\xa9\xf0\x9f\x98\x80", 7}, 7},
        {{"\xf4\x90", 2}, 1},
        {{"\xed\xa0", 2}, 1},
        {{"\xe2\x82z", 3}, 2},
        {{"z\x80", 2}, 1},
        {{"\xf0\x9f\x98\x80\xff", 5}, 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct utf8_check u = {.more = 0};
        size_t good = 0;
        while (good < rows[i].text.n &&
               utf8_check_add(&u, (struct str){rows[i].text.p + good, 1})) {
            good++;
        }
        assert_int_equal(good, rows[i].good);
        assert_true(good < rows[i].text.n || utf8_check_is_whole(&u));
    }
    struct utf8_check u = {.more = 0};
    assert_true(utf8_check_add(&u, STR("\xe2\x82")) && !utf8_check_is_whole(&u));
}

static void empty_and_mixed_texts_are_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid(STR_NONE));
    assert_true(utf8_valid(STR("a\0b")));
    assert_true(utf8_valid(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z")));
}

static void controls_are_found_wherever_they_stand(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x200; c++) {
        char bytes[6] = "ab";
        size_t n = encode(c, bytes + 2);
        bool expected = c < 0x20 || (c >= 0x7f && c <= 0x9f);
        assert_int_equal(utf8_has_controls((struct str){bytes, 2 + n}), expected);
        assert_int_equal(utf8_has_controls((struct str){bytes + 2, n}), expected);
    }
    assert_false(utf8_has_controls(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_surrogates_is_valid),
        cmocka_unit_test(every_code_point_cut_short_is_invalid),
        cmocka_unit_test(every_broken_form_is_invalid),
        cmocka_unit_test(text_in_pieces_fails_at_the_first_wrong_byte),
        cmocka_unit_test(empty_and_mixed_texts_are_valid),
        cmocka_unit_test(controls_are_found_wherever_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
