/* SPDX-License-Identifier: MIT */
/* event: what is encoded comes back, and msgpack-c reads it, too. Refusals: test_event_decode.c. */
#include "proto/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <msgpack.h>

#include "common/compiler.h"

#include "tests/unit/sample_event.h"

#define HEADER_LEN 27

static void assert_same(struct str got, struct str expected)
{
    assert_int_equal(got.n, expected.n);
    if (got.n > 0) {
        assert_memory_equal(got.p, expected.p, expected.n);
    }
}

static void assert_same_event(const struct event *got, const struct event *expected)
{
    assert_same(got->id, expected->id);
    assert_same(got->type_name, expected->type_name);
    assert_int_equal(got->type, expected->type);
    assert_true(got->timestamp_s == expected->timestamp_s);
    assert_true(got->accepted_ms == expected->accepted_ms);
    assert_same(got->contest, expected->contest);
    assert_same(got->problem, expected->problem);
    assert_same(got->user, expected->user);
    assert_true(got->problemset == expected->problemset);
    assert_int_equal(got->is_public, expected->is_public);
    assert_int_equal(got->is_marker, expected->is_marker);
    assert_int_equal(got->topics, expected->topics);
    assert_same(got->text, expected->text);
    assert_int_equal(got->n_data, expected->n_data);
    for (size_t i = 0; i < got->n_data; i++) {
        assert_same(got->data[i], expected->data[i]);
    }
}

static void assert_round_trip(const struct event *e)
{
    struct buf b = sample_message(&sample_place, e);
    struct published back;

    assert_int_equal(published_decode(buf_str(&b), &back), EVENT_OK);
    assert_string_equal(back.position.epoch, SAMPLE_EPOCH);
    assert_int_equal(back.position.offset, 513);
    assert_same_event(&back.event, e);
    buf_release(&b);
}

static void encoded_event_comes_back_equal(void **state)
{
    struct event e = sample_event();

    (void)state;
    assert_round_trip(&e);
    e.is_public = false;
    e.contest = e.problem = e.user = STR_NONE;
    e.problemset = 0;
    e.topics = 1;
    assert_round_trip(&e);
    e.text = STR_NONE;
    e.n_data = 0;
    assert_round_trip(&e);
}

static void numbers_of_every_width_come_back_equal(void **state)
{
    static const int64_t values[] = {
        0,         1,  127, 128, 255,  256,  65535,  65536,  4294967295,    4294967296,
        INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769, -2147483648LL, -2147483649LL,
        INT64_MIN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct event e = sample_event();
        e.timestamp_s = values[i];
        e.accepted_ms = values[i];
        e.problemset = MAX(values[i], 0);
        assert_round_trip(&e);
    }
}

static void texts_and_names_of_every_width_come_back_equal(void **state)
{
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 2000000};
    char *big = malloc(2000000);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 2000000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct event e = sample_event();
        struct str s = {big, sizes[i]};
        e.text = s;
        e.user = e.contest = e.problem = (struct str){big, MIN(s.n, (size_t)EVENT_NAME_MAX)};
        e.data[0] = s;
        e.n_data = s.n > 0 ? 2 : 0;
        assert_round_trip(&e);
    }
    free(big);
}

static void most_parts_of_data_come_back_in_order(void **state)
{
    struct event e = sample_event();

    (void)state;
    for (size_t i = 0; i < EVENT_DATA_PARTS; i++) {
        e.data[i] = i % 2 ? STR("literal") : (struct str){e.text.p + i, e.text.n - i};
    }
    e.n_data = EVENT_DATA_PARTS;
    assert_round_trip(&e);
}

static void slices_of_text_are_written_as_references(void **state)
{
    char *big = malloc(100000);
    struct event e = sample_event();
    struct published back;

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 100000);
    e.text = (struct str){big, 100000};
    e.data[0] = e.text;                       /* all of it */
    e.data[1] = (struct str){big + 99999, 1}; /* its last byte */
    e.data[2] = (struct str){big, 1};         /* its first */
    e.n_data = 3;
    struct buf b = sample_message(&sample_place, &e);
    assert_true(b.n < 100300);
    assert_int_equal(published_decode(buf_str(&b), &back), EVENT_OK);
    assert_ptr_equal(back.event.data[0].p, back.event.text.p);
    assert_ptr_equal(back.event.data[1].p, back.event.text.p + 99999);
    assert_same_event(&back.event, &e);
    buf_release(&b);
    free(big);
}

static void part_that_only_overlaps_text_is_written_out(void **state)
{
    static const char memory[] = "0123456789";
    struct event e = sample_event();

    (void)state;
    e.text = (struct str){memory + 2, 5};
    e.data[0] = (struct str){memory + 1, 3}; /* begins before */
    e.data[1] = (struct str){memory + 5, 4}; /* ends after */
    e.data[2] = (struct str){memory + 7, 1}; /* just behind */
    e.data[3] = (struct str){memory, 10};    /* around */
    e.n_data = 4;
    assert_round_trip(&e);
}

static void marker_is_written_without_text_and_data(void **state)
{
    struct event e = sample_event();
    struct published back;

    (void)state;
    e.is_marker = true;
    struct buf b = sample_message(&sample_place, &e);
    assert_int_equal(published_decode(buf_str(&b), &back), EVENT_OK);
    assert_true(back.event.is_marker);
    assert_int_equal(back.event.text.n, 0);
    assert_int_equal(back.event.n_data, 0);
    assert_int_equal(event_data_bytes(&back.event), 0);
    buf_release(&b);
}

static void decoded_strings_lie_in_the_message(void **state)
{
    struct event e = sample_event();
    struct buf b = sample_message(&sample_place, &e);
    struct published back;

    (void)state;
    assert_int_equal(published_decode(buf_str(&b), &back), EVENT_OK);
    const struct str views[] = {back.event.id,     back.event.type_name, back.event.contest,
                                back.event.user,   back.event.text,      back.event.data[0],
                                back.event.data[1]};
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        assert_true(views[i].p >= b.p && views[i].p + views[i].n <= b.p + b.n);
    }
    buf_release(&b);
}

static void data_bytes_are_the_sum_of_the_parts(void **state)
{
    struct event e = sample_event();

    (void)state;
    assert_int_equal(event_data_bytes(&e), e.data[0].n + e.data[1].n);
    e.n_data = 0;
    assert_int_equal(event_data_bytes(&e), 0);
}

static void header_is_these_bytes(void **state)
{
    static const struct {
        uint64_t offset;
        const char *bytes;
    } rows[] = {
        {0, "\0\0\0\0\0\0\0\0"},
        {1, "\0\0\0\0\0\0\0\x01"},
        {0x0102030405060708, "\x01\x02\x03\x04\x05\x06\x07\x08"},
        {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct position p = {SAMPLE_EPOCH, rows[i].offset};
        struct position back;
        struct buf b = {0};
        published_header(&p, &b);
        assert_int_equal(b.n, HEADER_LEN);
        assert_memory_equal(b.p, "\x93\xb0" SAMPLE_EPOCH "\xcf", 19);
        assert_memory_equal(b.p + 19, rows[i].bytes, 8);
        assert_int_equal(published_position(buf_str(&b), &back), EVENT_OK);
        assert_string_equal(back.epoch, SAMPLE_EPOCH);
        assert_true(back.offset == rows[i].offset);
        buf_release(&b);
    }
}

/* --- msgpack-c reads what we write --- */

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

static void assert_msgpack_str(const msgpack_object *o, struct str expected)
{
    assert_int_equal(o->type, MSGPACK_OBJECT_STR);
    assert_same((struct str){o->via.str.ptr, o->via.str.size}, expected);
}

static void assert_msgpack_int(const msgpack_object *o, uint64_t expected)
{
    assert_int_equal(o->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
    assert_true(o->via.u64 == expected);
}

static void assert_msgpack_envelope(const msgpack_object *o, const struct event *e)
{
    assert_int_equal(o->type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(o->via.array.size, ITEMS);
    const msgpack_object *item = o->via.array.ptr;
    assert_msgpack_int(&item[VERSION], EVENT_VERSION);
    assert_msgpack_str(&item[ITEM_ID], e->id);
    assert_msgpack_str(&item[TYPE], e->type_name);
    assert_msgpack_int(&item[TIMESTAMP], (uint64_t)e->timestamp_s);
    assert_msgpack_int(&item[ACCEPTED], (uint64_t)e->accepted_ms);
    assert_msgpack_str(&item[CONTEST], e->contest);
    assert_msgpack_int(&item[PROBLEMSET], (uint64_t)e->problemset);
    assert_msgpack_str(&item[PROBLEM], e->problem);
    assert_msgpack_str(&item[USER], e->user);
    assert_int_equal(item[PUBLIC].type, MSGPACK_OBJECT_BOOLEAN);
    assert_int_equal(item[PUBLIC].via.boolean, e->is_public);
    assert_int_equal(item[MARKER].type, MSGPACK_OBJECT_BOOLEAN);
    assert_int_equal(item[MARKER].via.boolean, e->is_marker);
    assert_msgpack_int(&item[TOPICS], e->topics);
    assert_int_equal(item[ITEM_TEXT].type, MSGPACK_OBJECT_BIN);
    assert_same((struct str){item[ITEM_TEXT].via.bin.ptr, item[ITEM_TEXT].via.bin.size}, e->text);
    assert_int_equal(item[DATA].type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(item[DATA].via.array.size, 2);
    const msgpack_object *part = item[DATA].via.array.ptr;
    assert_int_equal(part[0].type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(part[0].via.array.size, 2);
    assert_msgpack_int(&part[0].via.array.ptr[0], (uint64_t)(e->data[0].p - e->text.p));
    assert_msgpack_int(&part[0].via.array.ptr[1], e->data[0].n);
    assert_int_equal(part[1].type, MSGPACK_OBJECT_BIN);
    assert_same((struct str){part[1].via.bin.ptr, part[1].via.bin.size}, e->data[1]);
}

static void msgpack_c_reads_the_same_values(void **state)
{
    struct event e = sample_event();
    struct buf b = sample_message(&sample_place, &e);
    msgpack_unpacked unpacked;
    size_t offset = 0;

    (void)state;
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, b.p, b.n, &offset), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, b.n);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(unpacked.data.via.array.size, 3);
    const msgpack_object *outer = unpacked.data.via.array.ptr;
    assert_msgpack_str(&outer[0], STR(SAMPLE_EPOCH));
    assert_msgpack_int(&outer[1], 513);
    assert_msgpack_envelope(&outer[2], &e);
    msgpack_unpacked_destroy(&unpacked);
    buf_release(&b);
}

/* --- types --- */

static void types_are_known_by_their_exact_names(void **state)
{
    static const struct {
        const char *name;
        enum event_type type;
    } rows[] = {
        {"run_update", EVENT_RUN_UPDATE},
        {"scoreboard_update", EVENT_SCOREBOARD_UPDATE},
        {"clarification", EVENT_CLARIFICATION},
        {"contest_update", EVENT_CONTEST_UPDATE},
        {"message", EVENT_OTHER},
        {"Run_update", EVENT_OTHER},
        {"run_update ", EVENT_OTHER},
        {"run_updat", EVENT_OTHER},
        {"", EVENT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(event_type_of(str_of(rows[i].name)), rows[i].type);
    }
}

static void type_names_have_bounds(void **state)
{
    char long_name[LIMIT_TYPE_BYTES + 1];

    (void)state;
    memset(long_name, 'a', sizeof(long_name));
    assert_true(event_type_name_valid((struct str){long_name, LIMIT_TYPE_BYTES}));
    assert_false(event_type_name_valid((struct str){long_name, LIMIT_TYPE_BYTES + 1}));
    assert_true(event_type_name_valid(STR("ma\xc3\xb1"
                                          "ana \"x\"")));
    assert_false(event_type_name_valid(STR("")));
    assert_false(event_type_name_valid(STR("a\rb")));
    assert_false(event_type_name_valid(STR("a\0")));
    assert_false(event_type_name_valid(STR("\xc3")));
}

static void named_topics_are_bits(void **state)
{
    struct event e = {.topics = 1u << TOPIC_ALL | 1u << TOPIC_USER};

    (void)state;
    assert_true(event_names_topic(&e, TOPIC_ALL));
    assert_true(event_names_topic(&e, TOPIC_USER));
    assert_false(event_names_topic(&e, TOPIC_CONTEST));
}

static void results_have_words(void **state)
{
    (void)state;
    assert_string_equal(event_result_str(EVENT_OK), "ok");
    assert_string_equal(event_result_str(EVENT_TRUNCATED), "truncated");
    assert_string_equal(event_result_str(EVENT_MALFORMED), "malformed");
    assert_string_equal(event_result_str(EVENT_NEW_VERSION), "version not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_event_comes_back_equal),
        cmocka_unit_test(numbers_of_every_width_come_back_equal),
        cmocka_unit_test(texts_and_names_of_every_width_come_back_equal),
        cmocka_unit_test(most_parts_of_data_come_back_in_order),
        cmocka_unit_test(slices_of_text_are_written_as_references),
        cmocka_unit_test(part_that_only_overlaps_text_is_written_out),
        cmocka_unit_test(marker_is_written_without_text_and_data),
        cmocka_unit_test(decoded_strings_lie_in_the_message),
        cmocka_unit_test(data_bytes_are_the_sum_of_the_parts),
        cmocka_unit_test(header_is_these_bytes),
        cmocka_unit_test(msgpack_c_reads_the_same_values),
        cmocka_unit_test(types_are_known_by_their_exact_names),
        cmocka_unit_test(type_names_have_bounds),
        cmocka_unit_test(named_topics_are_bits),
        cmocka_unit_test(results_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
