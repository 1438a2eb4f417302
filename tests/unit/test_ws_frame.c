/* SPDX-License-Identifier: MIT */
/* ws_frame: bytes on the wire. */
#include "proto/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/compiler.h"
#include "proto/limits.h"

static const size_t sizes[] = {
    0,     1,     2,     124,   125,   126,   127,   128,   255,   256,
    32767, 32768, 32769, 65535, 65536, 65537, 98303, 98304, 98305, 1000000,
};

static char *make_payload(size_t n)
{
    char *p = malloc(n + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)('a' + i % 23);
    }
    return p;
}

/* An independent reader: checks every frame, joins the payloads into out. Returns their bytes. */
static size_t read_message(const struct msg *m, bool compressed, char *out)
{
    size_t at = 0;
    size_t got = 0;
    bool fin = false;

    for (size_t frame = 0; at < m->len; frame++) {
        assert_false(fin);
        size_t begin = at;
        uint8_t first = m->bytes[at++];
        size_t n = m->bytes[at++];
        fin = (first & 0x80) != 0;
        assert_int_equal(first & 0x7f, frame > 0 ? 0x00 : compressed ? 0x41 : 0x01);
        assert_int_equal(n & 0x80, 0); /* a server does not mask */
        if (n == 126) {
            n = (size_t)m->bytes[at] << 8 | m->bytes[at + 1];
            at += 2;
            assert_true(n >= 126); /* the shortest form */
        } else {
            assert_int_not_equal(n, 127);
        }
        assert_true(fin ? n <= LIMIT_FRAGMENT_BYTES : n == LIMIT_FRAGMENT_BYTES);
        memcpy(out + got, m->bytes + at, n);
        got += n;
        at += n;
        assert_int_equal(ws_frame_next(m, begin), at - begin);
    }
    assert_true(fin);
    assert_int_equal(at, m->len);
    assert_int_equal(ws_frame_next(m, at), 0);
    return got;
}

static void texts_of_all_sizes_come_back_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i / 2];
        bool compressed = i % 2 != 0;
        char *payload = make_payload(n);
        char *back = make_payload(n);
        struct msg *m = ws_frame_text((struct str){payload, n}, compressed);
        assert_non_null(m);
        memset(back, 0, n);
        assert_int_equal(read_message(m, compressed, back), n);
        assert_memory_equal(back, payload, n);
        assert_int_equal(ws_frame_payload_bytes(m), n);
        assert_int_equal(m->refs, 1);
        (void)msg_unref(m);
        free(payload);
        free(back);
    }
}

static void small_frames_are_these_bytes(void **state)
{
    struct msg *m = ws_frame_text(STR("Hello"), false);

    (void)state;
    assert_non_null(m);
    assert_int_equal(m->len, 7);
    assert_memory_equal(m->bytes, "\x81\x05Hello", 7);
    (void)msg_unref(m);
    m = ws_frame_text(STR("\xf2\x48\xcd"), true);
    assert_non_null(m);
    assert_int_equal(m->len, 5);
    assert_memory_equal(m->bytes, "\xc1\x03\xf2\x48\xcd", 5);
    (void)msg_unref(m);
    m = ws_frame_text(STR_NONE, false);
    assert_non_null(m);
    assert_int_equal(m->len, 2);
    assert_memory_equal(m->bytes, "\x81\x00", 2);
    (void)msg_unref(m);
}

static void message_over_a_fragment_is_split_at_the_limit(void **state)
{
    char *payload = make_payload(LIMIT_FRAGMENT_BYTES + 1);
    struct msg *m = ws_frame_text((struct str){payload, LIMIT_FRAGMENT_BYTES + 1}, true);

    (void)state;
    assert_non_null(m);
    assert_int_equal(m->len, 4 + LIMIT_FRAGMENT_BYTES + 2 + 1);
    assert_memory_equal(m->bytes, "\x41\x7e\x80\x00", 4);
    assert_memory_equal(m->bytes + 4 + LIMIT_FRAGMENT_BYTES, "\x80\x01", 2);
    (void)msg_unref(m);
    free(payload);
}

static void long_frame_of_another_maker_is_measured(void **state)
{
    struct msg *m = msg_create(10 + 3);

    (void)state;
    assert_non_null(m);
    memcpy(m->bytes,
           "\x82\x7f\0\0\0\0\0\0\0\x03"
           "abc",
           13);
    assert_int_equal(ws_frame_next(m, 0), 13);
    assert_int_equal(ws_frame_payload_bytes(m), 3);
    (void)msg_unref(m);
}

static void close_frames_hold_code_and_reason(void **state)
{
    uint8_t out[WS_CONTROL_FRAME_MAX];

    (void)state;
    assert_int_equal(ws_frame_close(out, 1000, STR_NONE), 4);
    assert_memory_equal(out, "\x88\x02\x03\xe8", 4);
    assert_int_equal(ws_frame_close(out, 4008, STR("too slow")), 12);
    assert_memory_equal(out, "\x88\x0a\x0f\xa8too slow", 12);
}

static void long_reasons_are_cut_between_two_characters(void **state)
{
    static const struct {
        const char *character;
        size_t expected; /* bytes of reason that fit into 123 */
    } rows[] = {
        {"a", 123},
        {"\xc3\xa9", 122},
        {"\xe2\x82\xac", 123},
        {"\xf0\x9f\x98\x80", 120},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[WS_CONTROL_FRAME_MAX];
        char reason[240];
        size_t step = strlen(rows[i].character);
        for (size_t at = 0; at + step <= sizeof(reason); at += step) {
            memcpy(reason + at, rows[i].character, step);
        }
        size_t n = ws_frame_close(out, 4000, (struct str){reason, sizeof(reason)});
        assert_int_equal(n, 4 + rows[i].expected);
        assert_int_equal(out[1], 2 + rows[i].expected);
        assert_memory_equal(out + 4, reason, rows[i].expected);
        /* One that just fits is not cut. */
        assert_int_equal(ws_frame_close(out, 4000, (struct str){reason, rows[i].expected}), n);
    }
}

static void ping_is_two_bytes(void **state)
{
    uint8_t out[WS_CONTROL_FRAME_MAX];

    (void)state;
    assert_int_equal(ws_frame_ping(out), 2);
    assert_memory_equal(out, "\x89\x00", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_all_sizes_come_back_whole),
        cmocka_unit_test(small_frames_are_these_bytes),
        cmocka_unit_test(message_over_a_fragment_is_split_at_the_limit),
        cmocka_unit_test(long_frame_of_another_maker_is_measured),
        cmocka_unit_test(close_frames_hold_code_and_reason),
        cmocka_unit_test(long_reasons_are_cut_between_two_characters),
        cmocka_unit_test(ping_is_two_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
