/* SPDX-License-Identifier: MIT */
/* ws_walk: each table's rows are fed whole, byte by byte, and cut in two everywhere. */
#include "proto/ws_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/compiler.h"
#include "common/str.h"

enum { BUF = 4096 };

struct seen {
    uint8_t passed[BUF];
    size_t n;
    unsigned frames;
};

static void feed(struct ws_walk *w, struct str bytes, struct seen *seen)
{
    uint8_t buf[BUF + WS_WALK_HELD_MAX];
    size_t held = ws_walk_resume(w, buf);
    memcpy(buf + held, bytes.p, bytes.n);
    size_t n = ws_walk(w, buf, held + bytes.n, &seen->frames);
    memcpy(seen->passed + seen->n, buf, n);
    seen->n += n;
}

/* In pieces: the first ends at `cut`, the others are `step` bytes long. */
static struct ws_walk walk(struct str bytes, bool deflate, size_t cut, size_t step,
                           struct seen *seen)
{
    struct ws_walk w;
    ws_walk_init(&w, deflate);
    *seen = (struct seen){.n = 0};
    for (size_t n = MIN(cut, bytes.n); bytes.n > 0; n = MIN(step, bytes.n)) {
        if (n > 0) {
            feed(&w, (struct str){bytes.p, n}, seen);
        }
        bytes = str_after(bytes, n);
    }
    return w;
}

#define MASK "\1\2\3\4"
/* A close frame's code and text, masked with zeros. */
#define PLAIN "\0\0\0\0"

struct row {
    struct str bytes;
    bool deflate;
    const char *reason; /* NULL: nothing is wrong */
    size_t passed;      /* bytes before what is wrong */
};

static const struct row rows[] = {
    /* 5.1: "a server MUST close the connection upon receiving a frame that is not masked" */
    {STR("\x81\x01x"), false, "frame without a mask", 0},
    {STR("\x81\x81" MASK "x\x81\x01x"), false, "frame without a mask", 7},
    {STR("\x89\x00"), false, "frame without a mask", 0},
    {STR("\x88\x00"), false, "frame without a mask", 0},
    /* 5.2: "MUST be 0 unless an extension is negotiated" */
    {STR("\xc1"), false, "reserved bit set", 0},
    {STR("\xa1"), false, "reserved bit set", 0},
    {STR("\x91"), true, "reserved bit set", 0},
    {STR("\xc9"), true, "reserved bit set", 0},
    {STR("\xd8"), true, "reserved bit set", 0},
    {STR("\xca"), true, "reserved bit set", 0},
    {STR("\xc1\x80" MASK), true, NULL, 6},
    {STR("\xc2\x80" MASK), true, NULL, 6},
    {STR("\x41\x80" MASK "\xc0"), true, "reserved bit set", 6},
    {STR("\x41\x80" MASK "\x80\x80" MASK), true, NULL, 12},
    /* 5.2: reserved opcodes */
    {STR("\x83"), false, "reserved opcode", 0},
    {STR("\x87"), false, "reserved opcode", 0},
    {STR("\x8b"), false, "reserved opcode", 0},
    {STR("\x8f"), false, "reserved opcode", 0},
    /* 5.4: fragments */
    {STR("\x80"), false, "continuation of no message", 0},
    {STR("\x00"), false, "continuation of no message", 0},
    {STR("\x01\x80" MASK "\x81"), false, "new message before the end of the last", 6},
    {STR("\x01\x80" MASK "\x02"), false, "new message before the end of the last", 6},
    {STR("\x01\x80" MASK "\x89\x80" MASK "\x80\x80" MASK), false, NULL, 18},
    {STR("\x01\x80" MASK "\x80\x80" MASK "\x80"), false, "continuation of no message", 12},
    /* 5.5: control frames */
    {STR("\x09"), false, "fragmented control frame", 0},
    {STR("\x08"), false, "fragmented control frame", 0},
    {STR("\x89\xfe"), false, "control frame longer than 125 bytes", 0},
    {STR("\x8a\xff"), false, "control frame longer than 125 bytes", 0},
    /* 5.2: "the minimal number of bytes MUST be used", "the most significant bit MUST be 0" */
    {STR("\x81\xfe\x00\x7d"), false, "length not in its shortest form", 0},
    {STR("\x81\xfe\x00\x00"), false, "length not in its shortest form", 0},
    {STR("\x81\xff\0\0\0\0\0\0\xff\xff"), false, "length not in its shortest form", 0},
    {STR("\x81\xff\x80\0\0\0\0\1\0\0"), false, "length of more than 63 bits", 0},
    {STR("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK "abc"), false, NULL, 17},
    {STR("\x81\xff\0\0\0\0\0\1\0\0" MASK "abc"), false, NULL, 17},
    {STR("\x81\xfe\x00\x7e" MASK "abc"), false, NULL, 11},
    /* 5.5.1 and 7.4: close frames */
    {STR("\x88\x81" PLAIN "\x03"), false, "close frame of one byte", 0},
    {STR("\x88\x82" PLAIN "\x03\xe7"), false, "invalid close code", 0},
    {STR("\x88\x82" PLAIN "\x00\x00"), false, "invalid close code", 0},
    {STR("\x88\x82" PLAIN "\xff\xff"), false, "invalid close code", 0},
    {STR("\x88\x83" PLAIN "\x03\xe8\xc3"), false, "close reason is not UTF-8", 0},
};

static void every_rule_is_kept_however_the_bytes_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        for (size_t cut = 0; cut <= r->bytes.n; cut++) {
            for (size_t step = 1; step < 200; step += 190) { /* byte by byte, at once */
                struct seen seen;
                struct ws_walk w = walk(r->bytes, r->deflate, cut, step, &seen);
                bool is_right = r->reason
                                    ? w.state == WS_WALK_BROKEN && !strcmp(w.reason, r->reason)
                                    : w.state == WS_WALK_OPEN;
                if (!is_right || seen.n != r->passed ||
                    memcmp(seen.passed, r->bytes.p, seen.n) != 0) {
                    fail_msg("row %zu, cut at %zu, steps of %zu: %s, %zu passed", i, cut, step,
                             w.reason ? w.reason : "fine", seen.n);
                }
                ws_walk_release(&w);
            }
        }
    }
}

static void close_codes_are_those_of_the_register(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 6000; code++) {
        char bytes[] = "\x88\x84" PLAIN "cdok";
        bytes[6] = (char)(code >> 8);
        bytes[7] = (char)code;
        struct seen seen;
        struct ws_walk w = walk((struct str){bytes, 10}, false, 10, 1, &seen);
        bool is_valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                        (code >= 3000 && code <= 4999);
        assert_int_equal(w.state, is_valid ? WS_WALK_CLOSED : WS_WALK_BROKEN);
        assert_int_equal(w.close_code, is_valid ? code : 0);
        assert_int_equal(seen.n, is_valid ? 10 : 0);
        ws_walk_release(&w);
    }
}

static void nothing_passes_behind_a_close_frame(void **state)
{
    (void)state;
    struct seen seen;
    struct ws_walk w = walk(STR("\x88\x80" MASK "\x83junk"), false, 100, 1, &seen);
    assert_int_equal(w.state, WS_WALK_CLOSED);
    assert_int_equal(w.close_code, 0);
    assert_int_equal(seen.n, 6);
    assert_int_equal(seen.frames, 1);
    feed(&w, STR("\x81\x81" MASK "x"), &seen);
    assert_int_equal(seen.n, 6);
    ws_walk_release(&w);
}

static void of_several_pings_the_last_passes(void **state)
{
    (void)state;
    struct seen seen;
    const struct str bytes = STR("\x89\x81" MASK "a"
                                 "\x81\x81" MASK "t"
                                 "\x89\x81" MASK "b"
                                 "\x89\x82" MASK "cc"
                                 "\x8a\x80" MASK "\x89");
    const struct str expected = STR("\x81\x81" MASK "t"
                                    "\x89\x82" MASK "cc"
                                    "\x8a\x80" MASK);
    struct ws_walk w = walk(bytes, false, bytes.n, 1, &seen);
    assert_int_equal(w.state, WS_WALK_OPEN);
    assert_int_equal(seen.n, expected.n);
    assert_memory_equal(seen.passed, expected.p, expected.n);
    assert_int_equal(seen.frames, 6);
    feed(&w, STR("\x80" MASK), &seen); /* the one that was held back */
    assert_int_equal(seen.n, expected.n + 6);
    assert_int_equal(seen.frames, 6);
    assert_null(w.held); /* as nothing is held back any more */
}

static void each_frame_counts_once(void **state)
{
    (void)state;
    const struct str bytes = STR("\x01\x83" MASK "abc"
                                 "\x89\x82" MASK "xy"
                                 "\x00\x80" MASK "\x80\x81" MASK "d"
                                 "\x8a\x80" MASK "\x81\x80" MASK);
    for (size_t cut = 0; cut <= bytes.n; cut++) {
        for (size_t step = 1; step < 9; step++) {
            struct seen seen;
            struct ws_walk w = walk(bytes, false, cut, step, &seen);
            ws_walk_release(&w);
            assert_int_equal(seen.frames, 6);
            assert_int_equal(seen.n, bytes.n);
        }
    }
}

static void longest_control_frame_passes_whole(void **state)
{
    (void)state;
    char bytes[6 + 125] = "\x89\xfd" MASK;
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        struct seen seen;
        struct ws_walk w = walk((struct str){bytes, sizeof(bytes)}, false, cut, 200, &seen);
        assert_int_equal(w.state, WS_WALK_OPEN);
        assert_int_equal(seen.n, sizeof(bytes));
        assert_null(w.held);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_kept_however_the_bytes_are_cut),
        cmocka_unit_test(close_codes_are_those_of_the_register),
        cmocka_unit_test(nothing_passes_behind_a_close_frame),
        cmocka_unit_test(of_several_pings_the_last_passes),
        cmocka_unit_test(each_frame_counts_once),
        cmocka_unit_test(longest_control_frame_passes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
