/* SPDX-License-Identifier: MIT */
/* event: messages that lie about themselves are refused, each with its result. */
#include "proto/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/compiler.h"

#include "tests/unit/sample_event.h"

#define HEADER_LEN 27

/* Decodes a copy that ends where the memory ends, so that a read past it is seen. */
static enum event_result decode_exact(struct str bytes, struct published *out)
{
    char *copy = malloc(bytes.n + 1);
    assert_non_null(copy);
    if (bytes.n > 0) {
        memcpy(copy + 1, bytes.p, bytes.n);
    }
    enum event_result result = published_decode((struct str){copy + 1, bytes.n}, out);
    free(copy);
    return result;
}

static void each_truncation_is_told_as_such(void **state)
{
    struct event e = sample_event();
    struct buf b = sample_message(&sample_place, &e);
    struct published back = {.position = {.offset = 99}};
    struct position p;

    (void)state;
    for (size_t n = 0; n < b.n; n++) {
        struct str cut = {b.p, n};
        assert_int_equal(decode_exact(cut, &back), EVENT_TRUNCATED);
        assert_int_equal(published_position(cut, &p), n < HEADER_LEN ? EVENT_TRUNCATED : EVENT_OK);
    }
    assert_int_equal(back.position.offset, 99);
    assert_int_equal(decode_exact(buf_str(&b), &back), EVENT_OK);
    buf_release(&b);
}

static void byte_after_the_envelope_is_refused(void **state)
{
    struct event e = sample_event();
    struct buf b = sample_message(&sample_place, &e);
    struct published back;

    (void)state;
    buf_addc(&b, '\0');
    assert_int_equal(decode_exact(buf_str(&b), &back), EVENT_MALFORMED);
    buf_release(&b);
}

static void wrong_header_is_malformed(void **state)
{
    static const struct {
        size_t at;
        char byte;
    } rows[] = {{0, '\x92'}, {0, '\x94'},  {0, '\xdc'},  {1, '\xaf'}, {1, '\xb1'},
                {1, '\xd9'}, {2, 'g'},     {2, 'A'},     {9, '\0'},   {17, '/'},
                {17, ':'},   {18, '\xce'}, {18, '\xd3'}, {18, '\x01'}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct event e = sample_event();
        struct buf b = sample_message(&sample_place, &e);
        struct published back;
        struct position p;
        b.p[rows[i].at] = rows[i].byte;
        assert_int_equal(decode_exact(buf_str(&b), &back), EVENT_MALFORMED);
        assert_int_equal(published_position(buf_str(&b), &p), EVENT_MALFORMED);
        buf_release(&b);
    }
}

/* --- envelopes made by hand, with one element replaced --- */

enum {
    VERSION,
    ITEM_ID,
    TYPE,
    TIMESTAMP,
    ACCEPTED,
    CONTEST,
    PROBLEMSET,
    PROBLEM,
    USER,
    PUBLIC,
    MARKER,
    TOPICS,
    ITEM_TEXT,
    DATA,
    ITEMS
};

static const struct str valid_items[ITEMS] = {
    [VERSION] = STR("\x01"),
    [ITEM_ID] = STR("\xb6" SAMPLE_ID),
    [TYPE] = STR("\xa1"
                 "t"),
    [TIMESTAMP] = STR("\x05"),
    [ACCEPTED] = STR("\xcd\x13\x88"),
    [CONTEST] = STR("\xa1"
                    "a"),
    [PROBLEMSET] = STR("\x11"),
    [PROBLEM] = STR("\xa0"),
    [USER] = STR("\xa3"
                 "ana"),
    [PUBLIC] = STR("\xc3"),
    [MARKER] = STR("\xc2"),
    [TOPICS] = STR("\x07"),
    [ITEM_TEXT] = STR("\xc4\x04"
                      "text"),
    [DATA] = STR("\x92\x92\x01\x02\xc4\x01"
                 "x"),
};

static enum event_result decode_with(int item, struct str bytes, struct published *out)
{
    struct buf b = {0};

    published_header(&sample_place, &b);
    buf_addc(&b, (char)(0x90 | ITEMS));
    for (int i = 0; i < ITEMS; i++) {
        buf_add(&b, i == item ? bytes : valid_items[i]);
    }
    assert_false(b.failed);
    enum event_result result = decode_exact(buf_str(&b), out);
    buf_release(&b);
    return result;
}

static void every_spelling_of_a_valid_value_is_read(void **state)
{
    static const struct {
        int item;
        struct str bytes;
    } rows[] = {
        {VERSION, STR("\xcc\x01")},
        {VERSION, STR("\xcf\0\0\0\0\0\0\0\x01")},
        {VERSION, STR("\xd0\x01")},
        {ITEM_ID, STR("\xd9\x16" SAMPLE_ID)},
        {ITEM_ID, STR("\xda\0\x16" SAMPLE_ID)},
        {ITEM_ID, STR("\xdb\0\0\0\x16" SAMPLE_ID)},
        {TIMESTAMP, STR("\xff")},
        {TIMESTAMP, STR("\xd1\xff\x00")},
        {TIMESTAMP, STR("\xd2\xff\xff\xff\xff")},
        {TIMESTAMP, STR("\xd3\x80\0\0\0\0\0\0\0")},
        {TIMESTAMP, STR("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff")},
        {PROBLEMSET, STR("\xd3\0\0\0\0\0\0\0\x01")},
        {PUBLIC, STR("\xc2")},
        {TOPICS, STR("\x1f")},
        {TOPICS, STR("\x00")},
        {ITEM_TEXT, STR("\xc5\0\x04"
                        "text")},
        {ITEM_TEXT, STR("\xc6\0\0\0\x04"
                        "text")},
        {DATA, STR("\x90")},
        {DATA, STR("\xdc\0\x01\xc4\x01"
                   "x")},
        {DATA, STR("\xdd\0\0\0\x01\xc4\x01"
                   "x")},
        {DATA, STR("\x91\xdc\0\x02\x00\x04")},
        {DATA, STR("\x91\x92\x04\x00")},
        {DATA, STR("\x91\x92\xcf\0\0\0\0\0\0\0\x03\x01")},
        {DATA, STR("\x91\xc4\x00")},
        {DATA, STR("\x98\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0")},
        {-1, STR("")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct published back;
        if (decode_with(rows[i].item, rows[i].bytes, &back) != EVENT_OK) {
            fail_msg("row %zu", i);
        }
    }
}

static void each_lying_length_is_refused(void **state)
{
    static const struct {
        int item;
        struct str bytes;
        enum event_result expected;
    } rows[] = {
        /* An id is 22 bytes; a header that says more takes bytes of what follows. */
        {ITEM_ID, STR("\xb5" SAMPLE_ID), EVENT_MALFORMED},
        {ITEM_ID, STR("\xb7" SAMPLE_ID), EVENT_MALFORMED},
        {ITEM_ID, STR("\xa0"), EVENT_MALFORMED},
        {ITEM_ID, STR("\xdb\xff\xff\xff\xff" SAMPLE_ID), EVENT_MALFORMED},
        {TYPE, STR("\xa0"), EVENT_MALFORMED},
        {TYPE,
         STR("\xd9\x41"
             "t"),
         EVENT_MALFORMED}, /* 65 */
        {TYPE,
         STR("\xda\xff\xff"
             "t"),
         EVENT_MALFORMED},
        {TYPE,
         STR("\xdb\xff\xff\xff\xff"
             "t"),
         EVENT_MALFORMED},
        {CONTEST,
         STR("\xda\x02\x59"
             "a"),
         EVENT_MALFORMED}, /* 601 */
        {CONTEST,
         STR("\xda\x02\x58"
             "a"),
         EVENT_TRUNCATED}, /* 600 */
        {CONTEST, STR("\xdb\xff\xff\xff\xff"), EVENT_MALFORMED},
        {PROBLEM,
         STR("\xda\x02\x59"
             "a"),
         EVENT_MALFORMED},
        {PROBLEM,
         STR("\xda\x02\x58"
             "a"),
         EVENT_TRUNCATED},
        {USER,
         STR("\xda\x02\x59"
             "a"),
         EVENT_MALFORMED},
        {USER,
         STR("\xda\x02\x58"
             "a"),
         EVENT_TRUNCATED},
        {ITEM_TEXT,
         STR("\xc4\xff"
             "text"),
         EVENT_TRUNCATED},
        {ITEM_TEXT,
         STR("\xc5\xff\xff"
             "text"),
         EVENT_TRUNCATED},
        {ITEM_TEXT,
         STR("\xc6\xff\xff\xff\xff"
             "text"),
         EVENT_TRUNCATED},
        {ITEM_TEXT,
         STR("\xc4\x03"
             "text"),
         EVENT_MALFORMED}, /* its last byte is no array */
        {DATA,
         STR("\x91\xc4\x02"
             "x"),
         EVENT_TRUNCATED},
        {DATA,
         STR("\x91\xc6\xff\xff\xff\xff"
             "x"),
         EVENT_TRUNCATED},
        {DATA,
         STR("\x93\x92\x01\x02\xc4\x01"
             "x"),
         EVENT_TRUNCATED},
        {DATA,
         STR("\x91\x92\x01\x02\xc4\x01"
             "x"),
         EVENT_MALFORMED}, /* bytes after it */
        {DATA, STR("\x99\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0\xc4\0"), EVENT_MALFORMED},
        {DATA, STR("\xdc\xff\xff"), EVENT_MALFORMED},
        {DATA, STR("\xdd\xff\xff\xff\xff"), EVENT_MALFORMED},
        /* Slices: `text` has four bytes. */
        {DATA, STR("\x91\x92\x00\x05"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x01\x04"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x05\x00"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\xff\x01"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x01\xff"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x02"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x01\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), EVENT_MALFORMED},
        {DATA, STR("\x91\x91\x01"), EVENT_MALFORMED},
        {DATA, STR("\x91\x93\x01\x01\x01"), EVENT_MALFORMED},
        {DATA, STR("\x91\xdd\xff\xff\xff\xff"), EVENT_MALFORMED},
        {DATA, STR("\x91\x90"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x90\x01"), EVENT_MALFORMED},
        {DATA, STR("\x91\x92\x01\x91\x90"), EVENT_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct published back;
        enum event_result got = decode_with(rows[i].item, rows[i].bytes, &back);
        if (got != rows[i].expected) {
            fail_msg("row %zu: %s", i, event_result_str(got));
        }
    }
}

static void value_of_another_type_is_refused_in_every_place(void **state)
{
    /* One of each of msgpack's families. */
    static const struct {
        char family;
        struct str bytes;
    } values[] = {
        {'i', STR("\x01")},
        {'i', STR("\xcc\x01")},
        {'i', STR("\xd0\x01")},
        {'s', STR("\xa1"
                  "t")},
        {'s', STR("\xd9\x01"
                  "t")},
        {'b', STR("\xc4\x01"
                  "t")},
        {'a', STR("\x90")},
        {'a', STR("\xdc\0\0")},
        {'t', STR("\xc2")},
        {'-', STR("\xc0")},
        {'-', STR("\xc1")},
        {'-', STR("\x80")},
        {'-', STR("\xca\0\0\0\0")},
        {'-', STR("\xcb\0\0\0\0\0\0\0\0")},
        {'-', STR("\xd4\x01\x01")},
        {'-', STR("\xc7\x01\x01\x01")},
        {'-', STR("\xde\0\0")},
    };
    static const char wanted[ITEMS] = {'i', 's', 's', 'i', 'i', 's', 'i',
                                       's', 's', 't', 't', 'i', 'b', 'a'};

    (void)state;
    for (int item = 0; item < ITEMS; item++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            struct published back;
            bool fits = values[i].family == wanted[item] && item != ITEM_ID;
            /* A shorter text leaves the slices of data outside. */
            fits = fits && item != ITEM_TEXT;
            enum event_result got = decode_with(item, values[i].bytes, &back);
            if (got != (fits ? EVENT_OK : EVENT_MALFORMED)) {
                fail_msg("item %d, value %zu: %s", item, i, event_result_str(got));
            }
        }
    }
}

static void value_out_of_bounds_is_refused(void **state)
{
    static const struct {
        int item;
        struct str bytes;
    } rows[] = {
        {VERSION, STR("\x00")},
        {VERSION, STR("\xff")},
        {ITEM_ID, STR("\xb6"
                      "AAAAAAAAAAAAAAAAAAAA+/")},
        {ITEM_ID, STR("\xb6"
                      "AAAAAAAAAAAAAAAAAAAA==")},
        {ITEM_ID, STR("\xb6"
                      "\"AAAAAAAAAAAAAAAAAAAAA")},
        {TYPE, STR("\xa2"
                   "a\n")},
        {TYPE, STR("\xa1"
                   "\0")},
        {TYPE, STR("\xa1"
                   "\x7f")},
        {TYPE, STR("\xa2\xc2\x85")},
        {TYPE, STR("\xa1\xff")},
        {TIMESTAMP, STR("\xcf\x80\0\0\0\0\0\0\0")},
        {ACCEPTED, STR("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
        {PROBLEMSET, STR("\xff")},
        {PROBLEMSET, STR("\xd3\x80\0\0\0\0\0\0\0")},
        {TOPICS, STR("\x20")},
        {TOPICS, STR("\xcd\x01\x01")},
        {TOPICS, STR("\xff")},
        {MARKER, STR("\xc3")}, /* but it has text and data */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct published back;
        enum event_result got = decode_with(rows[i].item, rows[i].bytes, &back);
        if (got != EVENT_MALFORMED) {
            fail_msg("row %zu: %s", i, event_result_str(got));
        }
    }
}

static void another_number_of_elements_is_refused(void **state)
{
    (void)state;
    for (int n = 0; n <= ITEMS + 2; n++) {
        struct buf b = {0};
        struct published back;
        published_header(&sample_place, &b);
        buf_add(&b, (struct str){(char[]){'\xdc', 0, (char)n}, 3});
        for (int i = 0; i < n; i++) {
            buf_add(&b, i < ITEMS ? valid_items[i] : STR("\xc0"));
        }
        assert_int_equal(decode_exact(buf_str(&b), &back), n == ITEMS ? EVENT_OK : EVENT_MALFORMED);
        buf_release(&b);
    }
}

static void newer_version_is_told_whatever_follows(void **state)
{
    static const struct str envelopes[] = {
        STR("\x91\x02"),
        STR("\x9e\x02\xc1"),
        STR("\x9f\xcc\xc8garbage"),
        STR("\xdd\xff\xff\xff\xff\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
        struct buf b = {0};
        struct published back;
        struct position p;
        published_header(&sample_place, &b);
        buf_add(&b, envelopes[i]);
        assert_int_equal(decode_exact(buf_str(&b), &back), EVENT_NEW_VERSION);
        assert_int_equal(published_position(buf_str(&b), &p), EVENT_OK);
        assert_int_equal(p.offset, 513);
        buf_release(&b);
    }
}

static void any_byte_changed_yields_views_inside_the_message_or_an_error(void **state)
{
    struct event e = sample_event();
    struct buf b = sample_message(&sample_place, &e);
    const char *end = b.p + b.n;

    (void)state;
    for (size_t at = 0; at < b.n; at++) {
        char kept = b.p[at];
        for (int byte = 0; byte < 256; byte++) {
            struct published back;
            b.p[at] = (char)byte;
            if (published_decode(buf_str(&b), &back) != EVENT_OK) {
                continue;
            }
            assert_true(back.event.n_data <= EVENT_DATA_PARTS);
            for (size_t i = 0; i < back.event.n_data; i++) {
                struct str part = back.event.data[i];
                assert_true(part.n == 0 || (part.p > b.p && part.p + part.n <= end));
            }
        }
        b.p[at] = kept;
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_truncation_is_told_as_such),
        cmocka_unit_test(byte_after_the_envelope_is_refused),
        cmocka_unit_test(wrong_header_is_malformed),
        cmocka_unit_test(every_spelling_of_a_valid_value_is_read),
        cmocka_unit_test(each_lying_length_is_refused),
        cmocka_unit_test(value_of_another_type_is_refused_in_every_place),
        cmocka_unit_test(value_out_of_bounds_is_refused),
        cmocka_unit_test(another_number_of_elements_is_refused),
        cmocka_unit_test(newer_version_is_told_whatever_follows),
        cmocka_unit_test(any_byte_changed_yields_views_inside_the_message_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
