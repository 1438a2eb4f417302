/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/room_frame.h"

static struct str repeat(const char *one, size_t n, struct buf *out)
{
    buf_clear(out);
    buf_add(out, STR("{\"message\":\""));
    for (size_t i = 0; i < n; i++) {
        buf_add(out, str_of(one));
    }
    buf_add(out, STR("\"}"));
    assert_false(out->failed);
    return buf_str(out);
}

static void assert_refused(struct str text)
{
    struct room_frame f;
    const char *why = room_frame_parse(text, &f);
    if (!why || !*why) {
        fail_msg("%.*s was taken", STR_ARG(text));
    }
    room_frame_release(&f);
}

static void messages_are_taken_whatever_stands_beside_them(void **state UNUSED)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{\"message\":\"a\"}", "a"},
        {" {\"x\":[{}],\"message\" : \"a b\",\"timestamp\":7}\n", "a b"},
        {"{\"\\u006dessage\":\"\\u00e9\\ud83d\\ude00\\n\"}", "\xc3\xa9\xf0\x9f\x98\x80\n"},
        {"{\"message\":\" \"}", " "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct room_frame f;
        assert_null(room_frame_parse(str_of(rows[i].text), &f));
        assert_true(str_eq(f.message, str_of(rows[i].message)));
        room_frame_release(&f);
    }
}

static void what_is_no_message_is_refused_with_a_sentence(void **state UNUSED)
{
    static const char *const rows[] = {
        "",
        "a",
        "\"a\"",
        "[]",
        "7",
        "null",
        "{",
        "{}",
        "{\"message\":\"\"}",
        "{\"message\":null}",
        "{\"message\":7}",
        "{\"message\":true}",
        "{\"message\":{}}",
        "{\"message\":[\"a\"]}",
        "{\"MESSAGE\":\"a\"}",
        "{\"message\":\"a\",\"message\":\"b\"}",
        "{\"message\":\"a\"} x",
        "{\"message\":'a'}",
        "{\"message\":\"\\ud800\"}",
        "{\"message\":\"\xff\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_refused(str_of(rows[i]));
    }
}

static void two_thousand_characters_are_taken_and_one_more_is_not(void **state UNUSED)
{
    static const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                             "\\n"};
    struct buf text = {0};
    for (size_t i = 0; i < ARRAY_LEN(characters); i++) {
        struct room_frame f;
        assert_null(room_frame_parse(repeat(characters[i], 2000, &text), &f));
        room_frame_release(&f);
        assert_refused(repeat(characters[i], 2001, &text));
    }
    buf_release(&text);
}

static void deep_nesting_and_long_texts_are_refused(void **state UNUSED)
{
    struct buf text = {0};
    buf_add(&text, STR("{\"message\":\"a\",\"x\":"));
    for (size_t i = 0; i < LIMIT_JSON_DEPTH; i++) {
        buf_addc(&text, '[');
    }
    for (size_t i = 0; i < LIMIT_JSON_DEPTH; i++) {
        buf_addc(&text, ']');
    }
    buf_addc(&text, '}');
    assert_refused(buf_str(&text));
    buf_clear(&text);
    buf_add(&text, STR("{\"message\":\"a\""));
    while (text.n < LIMIT_ROOM_MESSAGE_BYTES) {
        buf_addc(&text, ' ');
    }
    buf_addc(&text, '}');
    assert_refused(buf_str(&text));
    buf_release(&text);
}

static const struct room_letter letter = {
    .gateway = 0x00ab54a98ceb1f0au,
    .sender = 17,
    .timestamp = {"2026-01-16T14:30:00.123456", ROOM_TIMESTAMP_LEN},
    .message = {"\"ol\xc3\xa1\"", 6},
};

static void letter_arrives_as_it_was_written(void **state UNUSED)
{
    struct buf text = {0};
    struct room_letter l;
    room_letter_write(&text, &letter);
    assert_true(str_eq(buf_str(&text),
                       STR("{\"gateway\":\"00ab54a98ceb1f0a\",\"sender\":17,\"timestamp\":"
                           "\"2026-01-16T14:30:00.123456\",\"message\":\"\\\"ol\xc3\xa1\\\"\"}")));
    assert_true(room_letter_parse(buf_str(&text), &l));
    assert_true(l.gateway == letter.gateway && l.sender == letter.sender);
    assert_true(str_eq(l.timestamp, letter.timestamp) && str_eq(l.message, letter.message));
    room_letter_release(&l);
    buf_release(&text);
}

/* The longest message, of characters that are escaped. */
static void longest_message_fits_in_a_letter(void **state UNUSED)
{
    struct buf text = {0};
    struct room_frame f;
    struct room_letter l = letter;
    assert_null(room_frame_parse(repeat("\\u0001", 2000, &text), &f));
    l.message = f.message;
    struct buf bytes = {0};
    room_letter_write(&bytes, &l);
    struct room_letter back;
    assert_true(room_letter_parse(buf_str(&bytes), &back));
    assert_true(str_eq(back.message, f.message));
    room_letter_release(&back);
    room_frame_release(&f);
    buf_release(&bytes);
    buf_release(&text);
}

#define GATEWAY "\"gateway\":\"00ab54a98ceb1f0a\""
#define STAMP "\"timestamp\":\"2026-01-16T14:30:00.123456\""
static void what_is_no_letter_is_refused(void **state UNUSED)
{
    static const char *const rows[] = {
        "",
        "x",
        "{}",
        "[]",
        "{" GATEWAY ",\"sender\":1," STAMP "}",
        "{" GATEWAY ",\"sender\":1,\"message\":\"a\"}",
        "{" GATEWAY "," STAMP ",\"message\":\"a\"}",
        "{\"sender\":1," STAMP ",\"message\":\"a\"}",
        "{" GATEWAY ",\"sender\":-1," STAMP ",\"message\":\"a\"}",
        "{" GATEWAY ",\"sender\":\"1\"," STAMP ",\"message\":\"a\"}",
        "{" GATEWAY ",\"sender\":1.0," STAMP ",\"message\":\"a\"}",
        "{" GATEWAY ",\"sender\":1," STAMP ",\"message\":\"\"}",
        "{" GATEWAY ",\"sender\":1," STAMP ",\"message\":7}",
        "{" GATEWAY ",\"sender\":1,\"timestamp\":\"now\",\"message\":\"a\"}",
        "{\"gateway\":\"00ab54a98ceb1f0\",\"sender\":1," STAMP ",\"message\":\"a\"}",
        "{\"gateway\":\"00ab54a98ceb1f0aa\",\"sender\":1," STAMP ",\"message\":\"a\"}",
        "{\"gateway\":\"00AB54A98CEB1F0A\",\"sender\":1," STAMP ",\"message\":\"a\"}",
        "{\"gateway\":7,\"sender\":1," STAMP ",\"message\":\"a\"}",
        "{" GATEWAY ",\"sender\":1,\"sender\":2," STAMP ",\"message\":\"a\"}",
    };
    struct room_letter l;
    assert_true(room_letter_parse(
        STR("{\"later\":1," GATEWAY ",\"sender\":1," STAMP ",\"message\":\"a\"}"), &l));
    room_letter_release(&l);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (room_letter_parse(str_of(rows[i]), &l)) {
            fail_msg("%s was taken", rows[i]);
        }
        room_letter_release(&l);
    }
}

static void clients_hear_message_and_timestamp_or_an_error(void **state UNUSED)
{
    struct buf text = {0};
    room_text_message(&text, &letter);
    assert_true(str_eq(buf_str(&text), STR("{\"message\":\"\\\"ol\xc3\xa1\\\"\",\"timestamp\":"
                                           "\"2026-01-16T14:30:00.123456\"}")));
    buf_clear(&text);
    room_text_error(&text, "no \"such\" thing");
    assert_true(str_eq(buf_str(&text), STR("{\"error\":\"no \\\"such\\\" thing\"}")));
    buf_release(&text);
}

static void timestamps_are_utc_with_microseconds(void **state UNUSED)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000"},
        {INT64_C(1768573800123456), "2026-01-16T14:30:00.123456"},
        {INT64_C(1709164799000007), "2024-02-28T23:59:59.000007"},
        {INT64_C(1709164800000000), "2024-02-29T00:00:00.000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[ROOM_TIMESTAMP_LEN + 1];
        assert_int_equal(room_timestamp(rows[i].us, out).n, ROOM_TIMESTAMP_LEN);
        assert_string_equal(out, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_taken_whatever_stands_beside_them),
        cmocka_unit_test(what_is_no_message_is_refused_with_a_sentence),
        cmocka_unit_test(two_thousand_characters_are_taken_and_one_more_is_not),
        cmocka_unit_test(deep_nesting_and_long_texts_are_refused),
        cmocka_unit_test(letter_arrives_as_it_was_written),
        cmocka_unit_test(longest_message_fits_in_a_letter),
        cmocka_unit_test(what_is_no_letter_is_refused),
        cmocka_unit_test(clients_hear_message_and_timestamp_or_an_error),
        cmocka_unit_test(timestamps_are_utc_with_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
