/* SPDX-License-Identifier: MIT */
/* bench/ws_parser: messages out of server frames, however the bytes are cut. */
#include "bench/ws_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LIST_MAX 512

/* What was handed out, one word per message: opcode, length, first bytes. */
struct heard {
    char list[LIST_MAX];
    size_t messages;
    size_t stop_after; /* 0: never */
};

static bool on_message(void *arg, const struct ws_message *m)
{
    struct heard *h = arg;
    size_t at = strlen(h->list);
    (void)snprintf(h->list + at, sizeof(h->list) - at, "%d:%zu:%.*s ", (int)m->opcode, m->len,
                   (int)MIN(m->head_len, (size_t)8), (const char *)m->head);
    h->messages++;
    return h->messages != h->stop_after;
}

/* Feeds the bytes in pieces of `step`. */
static enum ws_parse_result feed(const char *bytes, size_t n, size_t step, struct heard *h)
{
    struct ws_parser w = {0};
    enum ws_parse_result result = WS_PARSE_OK;
    for (size_t at = 0; at < n && result == WS_PARSE_OK; at += step) {
        result = ws_parser_feed(&w, (const uint8_t *)bytes + at, MIN(step, n - at), on_message, h);
    }
    if (result == WS_PARSE_OK) {
        assert_null(w.partial); /* every table row ends with a whole message */
    }
    ws_parser_release(&w);
    return result;
}

#define BYTES(literal) (literal), sizeof(literal) - 1
static const struct {
    const char *bytes;
    size_t n;
    const char *heard;
} good[] = {
    {BYTES("\x81\x00"), "1:0: "},
    {BYTES("\x81\x02hi"), "1:2:hi "},
    {BYTES("\x81\x02hi\x82\x03yes"), "1:2:hi 2:3:yes "},
    {BYTES("\x89\x00"), "9:0: "},
    {BYTES("\x88\x05\x03\xe8"
           "bye\x8a\x01p"),
     "8:5:\x03\xe8"
     "bye 10:1:p "},
    {BYTES("\x01\x01"
           "a\x00\x01"
           "b\x80\x01"
           "c"),
     "1:3:abc "},
    {BYTES("\x01\x01"
           "a\x80\x00"),
     "1:1:a "},
    /* A control frame between the fragments does not end the message. */
    {BYTES("\x01\x01"
           "a\x89\x04ping\x80\x01"
           "b\x81\x01"
           "c"),
     "9:4:ping 1:2:ab 1:1:c "},
    {BYTES("\x81\x7e\x00\x03xyz"), "1:3:xyz "},
    {BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x03xyz"), "1:3:xyz "},
};

static void any_cut_of_the_bytes_gives_the_same_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (size_t step = 1; step <= good[i].n; step++) {
            struct heard h = {0};
            assert_int_equal(feed(good[i].bytes, good[i].n, step, &h), WS_PARSE_OK);
            assert_string_equal(h.list, good[i].heard);
        }
    }
}

static const struct {
    const char *bytes;
    size_t n;
} bad[] = {
    {BYTES("\x81\x80mask")}, /* masked */
    {BYTES("\xc1\x01z")},    /* a reserved bit */
    {BYTES("\x83\x00")},     /* an unknown opcode */
    {BYTES("\x8b\x00")},
    {BYTES("\x09\x00")},         /* a control frame in fragments */
    {BYTES("\x89\x7e\x00\x80")}, /* a control frame over 125 bytes */
    {BYTES("\x80\x01z")},        /* a continuation of nothing */
    {BYTES("\x01\x01"
           "a\x81\x01"
           "b")}, /* a message inside a message */
};

static void what_no_server_may_send_is_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        for (size_t step = 1; step <= bad[i].n; step++) {
            struct heard h = {0};
            assert_int_equal(feed(bad[i].bytes, bad[i].n, step, &h), WS_PARSE_BAD);
            assert_string_equal(h.list, "");
        }
    }
}

static void of_a_long_message_the_head_is_kept_and_the_length_is_known(void **state)
{
    (void)state;
    static char bytes[4 + 60000];
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "\x81\x7e\xea\x60longest", 11);
    for (size_t step = 1; step < sizeof(bytes) + 1000; step = step * 7 + 1) {
        struct heard h = {0};
        assert_int_equal(feed(bytes, sizeof(bytes), step, &h), WS_PARSE_OK);
        assert_string_equal(h.list, "1:60000:longestx ");
    }
}

static void nothing_is_handed_out_after_a_callback_said_stop(void **state)
{
    (void)state;
    static const char bytes[] = "\x81\x01"
                                "a\x81\x01"
                                "b\x81\x01"
                                "c";
    for (size_t step = 1; step < sizeof(bytes); step++) {
        struct heard h = {.stop_after = 2};
        assert_int_equal(feed(bytes, sizeof(bytes) - 1, step, &h), WS_PARSE_STOPPED);
        assert_string_equal(h.list, "1:1:a 1:1:b ");
    }
}

/* What of the messages was compressed, and all that was seen on the wire. */
struct packed {
    char payloads[LIST_MAX];
    size_t wire;
};

static bool on_packed(void *arg, const struct ws_message *m)
{
    struct packed *h = arg;
    size_t at = strlen(h->payloads);
    (void)snprintf(h->payloads + at, sizeof(h->payloads) - at, "%.*s|",
                   m->compressed ? (int)m->len : 0, (const char *)m->compressed);
    h->wire += m->wire_len;
    return true;
}

static void a_compressed_message_is_kept_whole_where_that_was_agreed_on(void **state)
{
    (void)state;
    /* Compressed, plain, compressed in fragments with a ping between them, empty. */
    static const char bytes[] = "\xc1\x05"
                                "hello\x81\x02hi\x41\x02wo\x89\x01p\x80\x03rld\xc1\x00";
    size_t n = sizeof(bytes) - 1;
    for (size_t step = 1; step <= n; step++) {
        struct ws_parser w = {.may_compress = true};
        struct packed h = {0};
        for (size_t at = 0; at < n; at += step) {
            assert_int_equal(
                ws_parser_feed(&w, (const uint8_t *)bytes + at, MIN(step, n - at), on_packed, &h),
                WS_PARSE_OK);
        }
        assert_null(w.partial);
        assert_string_equal(h.payloads, "hello|||world||");
        assert_int_equal(h.wire, n);
        ws_parser_release(&w);
    }
}

static void a_compressed_continuation_or_ping_is_bad(void **state)
{
    (void)state;
    static const char *const frames[] = {"\xc9\x01p", "\x01\x01z\xc0\x01z", "\xe1\x01z"};
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct ws_parser w = {.may_compress = true};
        struct packed h = {0};
        assert_int_equal(
            ws_parser_feed(&w, (const uint8_t *)frames[i], strlen(frames[i]), on_packed, &h),
            WS_PARSE_BAD);
        ws_parser_release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_of_the_bytes_gives_the_same_messages),
        cmocka_unit_test(what_no_server_may_send_is_bad),
        cmocka_unit_test(of_a_long_message_the_head_is_kept_and_the_length_is_known),
        cmocka_unit_test(nothing_is_handed_out_after_a_callback_said_stop),
        cmocka_unit_test(a_compressed_message_is_kept_whole_where_that_was_agreed_on),
        cmocka_unit_test(a_compressed_continuation_or_ping_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
