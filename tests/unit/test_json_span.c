/* SPDX-License-Identifier: MIT */
/* json_span and json_fields: where things stand in a text, and what they are. */
#include "proto/json_span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/compiler.h"
#include "proto/json_fields.h"

static void assert_str(struct str got, const char *expected)
{
    if (!str_eq(got, str_of(expected))) {
        fail_msg("got <%.*s>, expected <%s>", STR_ARG(got), expected);
    }
}

static void white_space_around_a_text_is_trimmed(void **state)
{
    (void)state;
    assert_str(json_trim(STR(" \t\r\n{ } \t\r\n")), "{ }");
    assert_str(json_trim(STR("1")), "1");
    assert_str(json_trim(STR(" ")), "");
    assert_str(json_trim(STR_NONE), "");
    assert_str(json_trim(STR("\v1")), "\v1"); /* no white space of JSON */
}

static void depth_counts_brackets_outside_of_strings(void **state)
{
    static const struct {
        const char *text;
        size_t depth;
    } rows[] = {
        {"1", 0},
        {"\"[[[\"", 0},
        {"{}", 1},
        {" [] ", 1},
        {"[[],[[]]]", 3},
        {"{\"a\":[{\"b\":1}],\"c\":{}}", 3},
        {"[\"[{\\\"[\",\"\\\\\",[]]", 2},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(json_depth(str_of(rows[i].text)), rows[i].depth);
    }
}

static void members_are_walked_with_their_spans(void **state)
{
    static const struct {
        const char *object;
        const char *wholes[4], *values[4];
    } rows[] = {
        {"{}", {NULL}, {NULL}},
        {" { } ", {NULL}, {NULL}},
        {"{\"a\":1}", {"\"a\":1"}, {"1"}},
        {"{\"a\":1,\"b\":\"x\"}", {"\"a\":1", "\"b\":\"x\""}, {"1", "\"x\""}},
        {"{ \"a\" : -1.5e+3 , \"b\"\n:\ttrue }",
         {"\"a\" : -1.5e+3", "\"b\"\n:\ttrue"},
         {"-1.5e+3", "true"}},
        {"{\"a\":{\"b\":[1,{}]},\"c\":[],\"d\":null}",
         {"\"a\":{\"b\":[1,{}]}", "\"c\":[]", "\"d\":null"},
         {"{\"b\":[1,{}]}", "[]", "null"}},
        {"{\"}\":\"{\\\"}\",\"\\\\\":\"\\\\\"}",
         {"\"}\":\"{\\\"}\"", "\"\\\\\":\"\\\\\""},
         {"\"{\\\"}\"", "\"\\\\\""}},
        {"{\"a\":[\"]\",\"\\\"]\"],\"\":0}",
         {"\"a\":[\"]\",\"\\\"]\"]", "\"\":0"},
         {"[\"]\",\"\\\"]\"]", "0"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_members it;
        struct json_member m;
        size_t n = 0;
        json_members_begin(&it, str_of(rows[i].object));
        while (json_members_next(&it, &m)) {
            assert_in_range(n, 0, 3);
            assert_non_null(rows[i].wholes[n]);
            assert_str(m.whole, rows[i].wholes[n]);
            assert_str(m.value, rows[i].values[n]);
            n++;
        }
        assert_true(n == 4 || rows[i].wholes[n] == NULL);
    }
}

/* Garbage in, nonsense out: but never a read behind the text (the sanitizer looks). */
static void cut_texts_are_never_left(void **state)
{
    struct str whole = STR("{\"a\" : {\"b\":[1,\"\\\"x\"]} , \"c\":\"\\\\\", \"d\":12}");

    (void)state;
    for (size_t n = 0; n <= whole.n; n++) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy + 1, whole.p, n);
        struct str text = {copy + 1, n};
        struct json_members it;
        struct json_member m;
        json_members_begin(&it, text);
        while (json_members_next(&it, &m)) {
            assert_true(m.value.p + m.value.n <= text.p + text.n);
            assert_true(m.whole.p + m.whole.n <= text.p + text.n);
        }
        assert_in_range(json_depth(text), 0, 3);
        free(copy);
    }
}

static void cutting_a_member_takes_one_comma_along(void **state)
{
    static const struct {
        const char *object;
        size_t member; /* which one is cut */
        const char *expected;
    } rows[] = {
        {"{\"m\":1}", 0, "{}"},
        {"{ \"m\" : 1 }", 0, "{  }"},
        {"{\"m\":1,\"a\":2}", 0, "{\"a\":2}"},
        {"{\"a\":2,\"m\":1}", 1, "{\"a\":2}"},
        {"{\"a\":2,\"m\":1,\"b\":3}", 1, "{\"a\":2,\"b\":3}"},
        {"{ \"m\" : 1 , \"a\" : 2 }", 0, "{ \"a\" : 2 }"},
        {"{ \"a\" : 2 , \"m\" : 1 }", 1, "{ \"a\" : 2  }"},
        {"{\n \"a\":\",\",\n \"m\":\",\",\n \"b\":\",\"\n}", 1,
         "{\n \"a\":\",\",\n \"b\":\",\"\n}"},
        {"{\"a\":{},\"m\":{\"x\":[1,2]}}", 1, "{\"a\":{}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str object = str_of(rows[i].object);
        struct json_members it;
        struct json_member m;
        struct str out[2];
        char joined[100];
        json_members_begin(&it, object);
        for (size_t k = 0; k <= rows[i].member; k++) {
            assert_true(json_members_next(&it, &m));
        }
        json_cut_member(object, m.whole, out);
        memcpy(joined, out[0].p, out[0].n);
        memcpy(joined + out[0].n, out[1].p, out[1].n);
        assert_str((struct str){joined, out[0].n + out[1].n}, rows[i].expected);
    }
}

/* --- json_fields --- */

enum { A, B, FIELDS };

static yyjson_doc *find(const char *text, struct json_field *fields, const char **out_twice)
{
    yyjson_doc *doc = yyjson_read(text, strlen(text), JSON_READ_FLAGS);

    assert_non_null(doc);
    fields[A] = (struct json_field){.path = "data.a"};
    fields[B] = (struct json_field){.path = "b"};
    const struct json_field *twice =
        json_fields_find(yyjson_doc_get_root(doc), str_of(text), fields, FIELDS);
    *out_twice = twice ? twice->path : NULL;
    return doc;
}

static void fields_are_found_by_their_decoded_keys(void **state)
{
    static const struct {
        const char *text, *a, *b;
    } rows[] = {
        {"{}", NULL, NULL},
        {"{\"a\":1}", "1", NULL},
        {"{\"b\":[2],\"x\":{\"a\":3},\"a\":\"4\"}", "\"4\"", "[2]"},
        {"{\"\\u0061\":5}", "5", NULL},
        {"{\"A\":1,\"a \":2,\"a\\u0000\":3,\"data.a\":4,\"\":5}", NULL, NULL},
        {"{\"x\":1,\"x\":2,\"a\":null}", "null", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_field f[FIELDS];
        const char *twice;
        yyjson_doc *doc = find(rows[i].text, f, &twice);
        assert_null(twice);
        assert_int_equal(f[A].value != NULL, rows[i].a != NULL);
        assert_int_equal(f[B].value != NULL, rows[i].b != NULL);
        if (rows[i].a) {
            assert_str(f[A].at.value, rows[i].a);
        }
        if (rows[i].b) {
            assert_str(f[B].at.value, rows[i].b);
        }
        yyjson_doc_free(doc);
    }
}

static void field_that_stands_twice_is_named(void **state)
{
    static const struct {
        const char *text, *twice;
    } rows[] = {
        {"{\"a\":1,\"a\":1}", "data.a"},
        {"{\"a\":1,\"b\":1,\"\\u0062\":2}", "b"},
        {"{\"a\":null,\"a\":1}", "data.a"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_field f[FIELDS];
        const char *twice;
        yyjson_doc *doc = find(rows[i].text, f, &twice);
        assert_non_null(twice);
        assert_string_equal(twice, rows[i].twice);
        yyjson_doc_free(doc);
    }
}

static void null_and_empty_become_absent_only_when_asked(void **state)
{
    struct json_field f[FIELDS];
    const char *twice;
    yyjson_doc *doc = find("{\"a\":null,\"b\":\"\"}", f, &twice);

    (void)state;
    assert_non_null(f[A].value);
    json_fields_drop_null(f, FIELDS);
    assert_null(f[A].value);
    assert_non_null(f[B].value);
    json_fields_drop_empty(f, FIELDS);
    assert_null(f[B].value);
    json_fields_drop_null(f, FIELDS); /* of absent ones, too */
    json_fields_drop_empty(f, FIELDS);
    yyjson_doc_free(doc);
}

static void values_are_read_by_their_type(void **state)
{
    static const struct {
        const char *text;
        bool is_str, is_bool, is_int;
        int64_t number;
    } rows[] = {
        {"{\"a\":\"x\"}", true, false, false, 0},
        {"{\"a\":\"\"}", true, false, false, 0},
        {"{\"a\":\"1\"}", true, false, false, 0},
        {"{\"a\":true}", false, true, false, 0},
        {"{\"a\":false}", false, true, false, 0},
        {"{\"a\":0}", false, false, true, 0},
        {"{\"a\":-0}", false, false, true, 0},
        {"{\"a\":17}", false, false, true, 17},
        {"{\"a\":-17}", false, false, true, -17},
        {"{\"a\":9223372036854775807}", false, false, true, INT64_MAX},
        {"{\"a\":-9223372036854775808}", false, false, true, INT64_MIN},
        {"{\"a\":9223372036854775808}", false, false, false, 0},
        {"{\"a\":-9223372036854775809}", false, false, false, 0},
        {"{\"a\":92233720368547758070}", false, false, false, 0},
        {"{\"a\":1.0}", false, false, false, 0},
        {"{\"a\":1e3}", false, false, false, 0},
        {"{\"a\":1E400}", false, false, false, 0},
        {"{\"a\":null}", false, false, false, 0},
        {"{\"a\":{}}", false, false, false, 0},
        {"{\"a\":[]}", false, false, false, 0},
        {"{}", true, true, true, 77}, /* absent: everything stays as it was */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_field f[FIELDS];
        const char *twice;
        struct str s = STR("before");
        bool b = true;
        int64_t n = 77;
        yyjson_doc *doc = find(rows[i].text, f, &twice);
        assert_int_equal(json_field_str(&f[A], &s), rows[i].is_str);
        assert_int_equal(json_field_bool(&f[A], &b), rows[i].is_bool);
        assert_int_equal(json_field_int(&f[A], &n), rows[i].is_int);
        if (rows[i].is_int) {
            assert_true(n == rows[i].number);
        }
        yyjson_doc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_around_a_text_is_trimmed),
        cmocka_unit_test(depth_counts_brackets_outside_of_strings),
        cmocka_unit_test(members_are_walked_with_their_spans),
        cmocka_unit_test(cut_texts_are_never_left),
        cmocka_unit_test(cutting_a_member_takes_one_comma_along),
        cmocka_unit_test(fields_are_found_by_their_decoded_keys),
        cmocka_unit_test(field_that_stands_twice_is_named),
        cmocka_unit_test(null_and_empty_become_absent_only_when_asked),
        cmocka_unit_test(values_are_read_by_their_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
