/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/buf.h"

static void assert_holds(const struct buf *b, struct str want)
{
    assert_false(b->failed);
    assert_int_equal(b->n, want.n);
    if (want.n > 0) {
        assert_memory_equal(b->p, want.p, want.n);
    }
}

static void zeroed_buf_is_empty_and_can_be_released(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_holds(&b, STR_NONE);
    buf_add(&b, STR_NONE);
    assert_null(b.p);
    buf_release(&b);
    buf_release(&b);
}

static void appends_of_every_kind_stand_in_order(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b, STR("a\0b"));
    buf_addc(&b, '|');
    buf_addf(&b, "%s-%d", "x", 7);
    buf_addf(&b, "%s", "");
    buf_add_u64(&b, 42);
    buf_add_i64(&b, -42);
    assert_holds(&b, STR("a\0b|x-742-42"));
    buf_release(&b);
}

static void integers_at_their_limits_are_written_whole(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add_u64(&b, 0);
    buf_addc(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    buf_addc(&b, ' ');
    buf_add_i64(&b, INT64_MIN);
    buf_addc(&b, ' ');
    buf_add_i64(&b, INT64_MAX);
    assert_holds(&b, STR("0 18446744073709551615 -9223372036854775808 9223372036854775807"));
    buf_release(&b);
}

static void many_appends_grow_and_keep_every_byte(void **state)
{
    (void)state;
    struct buf b = {0};
    for (unsigned i = 0; i < 100000; i++) {
        buf_addc(&b, (char)(i % 251));
    }
    assert_int_equal(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal((unsigned char)b.p[i], i % 251);
    }
    assert_in_range(b.cap, b.n, 2 * b.n);
    buf_release(&b);
}

static void formatted_text_at_every_length_around_the_capacity_fits(void **state)
{
    (void)state;
    for (int len = 0; len < 300; len++) {
        struct buf b = {0};
        buf_addf(&b, "%*s", len, "");
        buf_addc(&b, '!');
        assert_int_equal(b.n, len + 1);
        assert_int_equal(b.p[len], '!');
        buf_release(&b);
    }
}

static void impossible_reservation_fails_and_later_appends_do_nothing(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b, STR("kept"));
    assert_false(buf_reserve(&b, SIZE_MAX - 2));
    assert_true(b.failed);
    buf_add(&b, STR("x"));
    buf_addc(&b, 'x');
    buf_addf(&b, "x");
    buf_add_json(&b, STR("x"));
    assert_int_equal(b.n, 4);
    assert_false(buf_reserve(&b, 1));
    buf_clear(&b);
    buf_add(&b, STR("anew"));
    assert_holds(&b, STR("anew"));
    buf_release(&b);
}

static void clear_keeps_the_memory(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b, STR("something"));
    const char *memory = b.p;
    buf_clear(&b);
    assert_holds(&b, STR_NONE);
    buf_add(&b, STR("else"));
    assert_ptr_equal(b.p, memory);
    buf_release(&b);
}

static void json_strings_are_escaped_as_rfc_8259_asks(void **state)
{
    (void)state;
    static const struct {
        struct str in, out;
    } rows[] = {
        {{"", 0}, {"\"\"", 2}},
        {{NULL, 0}, {"\"\"", 2}},
        {{"plain", 5}, {"\"plain\"", 7}},
        {{"\"", 1}, {"\"\\\"\"", 4}},
        {{"a\\b", 3}, {"\"a\\\\b\"", 6}},
        {{"\b\f\n\r\t", 5}, {"\"\\b\\f\\n\\r\\t\"", 12}},
        {{"\0x", 2}, {"\"\\u0000x\"", 9}},
        {{"\x1f\x7f", 2}, {"\"\\u001f\x7f\"", 9}},
        {{"<é/>", 5}, {"\"<é/>\"", 7}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {0};
        buf_add_json(&b, rows[i].in);
        assert_holds(&b, rows[i].out);
        buf_release(&b);
    }
}

static void every_byte_outside_the_unreserved_set_is_percent_encoded(void **state)
{
    (void)state;
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (int c = 0; c < 256; c++) {
        struct buf b = {0};
        const char byte = (char)c;
        buf_add_percent(&b, (struct str){&byte, 1});
        if (memchr(unreserved, byte, sizeof(unreserved) - 1)) {
            assert_holds(&b, (struct str){&byte, 1});
        } else {
            char want[4];
            (void)snprintf(want, sizeof(want), "%%%02X", (unsigned)c);
            assert_holds(&b, str_of(want));
        }
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_buf_is_empty_and_can_be_released),
        cmocka_unit_test(appends_of_every_kind_stand_in_order),
        cmocka_unit_test(integers_at_their_limits_are_written_whole),
        cmocka_unit_test(many_appends_grow_and_keep_every_byte),
        cmocka_unit_test(formatted_text_at_every_length_around_the_capacity_fits),
        cmocka_unit_test(impossible_reservation_fails_and_later_appends_do_nothing),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(json_strings_are_escaped_as_rfc_8259_asks),
        cmocka_unit_test(every_byte_outside_the_unreserved_set_is_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
