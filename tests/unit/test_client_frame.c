/* SPDX-License-Identifier: MIT */
/* client_frame: commands in all their spellings, and everything that is none. */
#include "proto/client_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/compiler.h"

struct row {
    const char *text;
    enum client_command command;
    const char *id, *token, *channel, *position; /* NULL is "" ; position NULL: it has none */
};

static void assert_str(size_t row, const char *what, struct str got, const char *expected)
{
    if (!str_eq(got, str_of(expected ? expected : ""))) {
        fail_msg("row %zu: %s is <%.*s>", row, what, STR_ARG(got));
    }
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct client_frame f;
        /* The text is gone before the frame is read: its strings must not point there. */
        size_t len = strlen(rows[i].text);
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, rows[i].text, len);
        client_frame_parse((struct str){copy, len}, &f);
        free(copy);
        if (f.command != rows[i].command) {
            fail_msg("row %zu: command %d, why: %s", i, (int)f.command, f.why ? f.why : "-");
        }
        assert_str(i, "id", f.id, rows[i].id);
        assert_str(i, "token", f.token, rows[i].token);
        assert_str(i, "channel", f.channel, rows[i].channel);
        assert_str(i, "position", f.position, rows[i].position);
        assert_int_equal(f.has_position, rows[i].position != NULL);
        assert_int_equal(f.why != NULL, f.command == CLIENT_BAD);
        client_frame_release(&f);
        client_frame_release(&f);
    }
}

static void commands_are_read(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"auth\",\"token\":\"T\"}", CLIENT_AUTH, .token = "T"},
        {"{\"type\":\"auth\",\"token\":\"\"}", .command = CLIENT_AUTH},
        {"{\"token\":\"a.b:c\",\"type\":\"auth\"}", CLIENT_AUTH, .token = "a.b:c"},
        {"{\"type\":\"subscribe\",\"channel\":\"/contest/a\"}", CLIENT_SUBSCRIBE,
         .channel = "/contest/a"},
        {"{\"type\":\"subscribe\",\"channel\":\"\\/contest\\/a\"}", CLIENT_SUBSCRIBE,
         .channel = "/contest/a"},
        {"{\"type\":\"subscribe\",\"channel\":\"no channel\"}", CLIENT_SUBSCRIBE,
         .channel = "no channel"},
        {"{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"position\":\"E:7\"}",
         CLIENT_SUBSCRIBE, .channel = "/contest/a", .position = "E:7"},
        {"{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"position\":\"\"}", CLIENT_SUBSCRIBE,
         .channel = "/contest/a", .position = ""},
        {"{\"type\":\"subscribe\",\"channel\":\"/contest/a\",\"position\":null}", CLIENT_SUBSCRIBE,
         .channel = "/contest/a"},
        {"{\"type\":\"unsubscribe\",\"channel\":\"/contest/a\"}", CLIENT_UNSUBSCRIBE,
         .channel = "/contest/a"},
        {"{\"type\":\"ping\"}", .command = CLIENT_PING},
        {" \r\n\t{ \"type\" : \"ping\" } \n", .command = CLIENT_PING},
        {"{\"\\u0074ype\":\"p\\u0069ng\"}", .command = CLIENT_PING},
        {"\"ping\"", .command = CLIENT_ALIVE},
        {" \"ping\" ", .command = CLIENT_ALIVE},
        {"{\"type\":\"ping\",\"x\":{\"type\":1},\"x\":[]}",
         .command = CLIENT_PING}, /* unknown fields */
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

#define X8 "xxxxxxxx"
#define X56 X8 X8 X8 X8 X8 X8 X8
#define DIGITS_60 "100000000020000000003000000000400000000050000000006000000000"

static void ids_are_echoed_as_they_were_written(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"ping\",\"id\":1}", CLIENT_PING, .id = "1"},
        {"{\"type\":\"ping\",\"id\":-1.50e+3}", CLIENT_PING, .id = "-1.50e+3"},
        {"{\"type\":\"ping\",\"id\":\"a\"}", CLIENT_PING, .id = "\"a\""},
        {"{\"type\":\"ping\",\"id\":\"\"}", CLIENT_PING, .id = "\"\""},
        {"{\"type\":\"ping\",\"id\":\"a\\\"\\u00e9\\/\"}", CLIENT_PING,
         .id = "\"a\\\"\\u00e9\\/\""},
        {"{\"id\" : 7 , \"type\":\"auth\",\"token\":\"T\"}", CLIENT_AUTH, .id = "7", .token = "T"},
        {"{\"type\":\"ping\",\"id\":" DIGITS_60 "1234}", CLIENT_PING, .id = DIGITS_60 "1234"},
        {"{\"type\":\"ping\",\"id\":\"" X56 "12345678\"}", CLIENT_PING,
         .id = "\"" X56 "12345678\""},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void wrong_ids_are_refused_and_not_echoed(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"ping\",\"id\":" DIGITS_60 "12345}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":\"" X56 "123456789\"}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":null}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":true}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":[1]}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":{}}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":\"a\\u0000\"}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":1,\"id\":1}", .command = CLIENT_BAD},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void texts_that_are_no_json_object_are_refused(void **state)
{
    static const struct row rows[] = {
        {"", .command = CLIENT_BAD},
        {" ", .command = CLIENT_BAD},
        {"ping", .command = CLIENT_BAD},
        {"\"pong\"", .command = CLIENT_BAD},
        {"\"ping", .command = CLIENT_BAD},
        {"\"ping\" \"ping\"", .command = CLIENT_BAD},
        {"null", .command = CLIENT_BAD},
        {"1", .command = CLIENT_BAD},
        {"[]", .command = CLIENT_BAD},
        {"[{\"type\":\"ping\"}]", .command = CLIENT_BAD},
        {"{\"type\":\"ping\"", .command = CLIENT_BAD},
        {"{\"type\":\"ping\"}x", .command = CLIENT_BAD},
        {"{\"type\":\"ping\"}{}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",}", .command = CLIENT_BAD},
        {"{'type':'ping'}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\"/**/}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":NaN}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"id\":01}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"x\":\"\xff\"}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"x\":\"\\ud800\"}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"x\":\"\n\"}", .command = CLIENT_BAD},
        {"\xef\xbb\xbf{\"type\":\"ping\"}", .command = CLIENT_BAD},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void commands_with_wrong_fields_are_refused_but_keep_id_and_channel(void **state)
{
    static const struct row rows[] = {
        {"{}", .command = CLIENT_BAD},
        {"{\"id\":1}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":null}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":5}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"PING\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"ping\\u0000\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"publish\",\"channel\":\"/c\"}", CLIENT_BAD, .id = "1",
         .channel = "/c"},
        {"{\"id\":1,\"type\":\"auth\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"auth\",\"token\":null}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"auth\",\"token\":5}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"auth\",\"token\":[\"T\"]}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"auth\",\"token\":\"T\\u0000\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"subscribe\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":null}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":\"\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":{}}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":\"/c\\u0000\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":\"/c\",\"position\":7}", CLIENT_BAD,
         .id = "1", .channel = "/c"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":\"/c\",\"position\":false}", CLIENT_BAD,
         .id = "1", .channel = "/c"},
        {"{\"id\":1,\"type\":\"subscribe\",\"channel\":\"/c\",\"position\":\"E:7\\u0000\"}",
         CLIENT_BAD, .id = "1", .channel = "/c"},
        {"{\"id\":1,\"type\":\"unsubscribe\"}", CLIENT_BAD, .id = "1"},
        {"{\"id\":1,\"type\":\"unsubscribe\",\"channel\":5}", CLIENT_BAD, .id = "1"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void known_field_that_stands_twice_is_refused(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"ping\",\"type\":\"ping\"}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"t\\u0079pe\":\"auth\"}", .command = CLIENT_BAD},
        {"{\"type\":\"auth\",\"token\":\"a\",\"token\":\"b\"}", .command = CLIENT_BAD},
        {"{\"type\":\"subscribe\",\"channel\":\"a\",\"channel\":\"b\"}", .command = CLIENT_BAD},
        {"{\"type\":\"ping\",\"position\":null,\"position\":null}", .command = CLIENT_BAD},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

/* {"type":"ping","x":"…"} of n bytes. */
static char *ping_of(size_t n)
{
    static const char begin[] = "{\"type\":\"ping\",\"x\":\"";
    char *text = malloc(n);

    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, begin, sizeof(begin) - 1);
    memcpy(text + n - 2, "\"}", 2);
    return text;
}

static void message_may_have_4_kib_and_no_byte_more(void **state)
{
    struct client_frame f;
    char *text = ping_of(LIMIT_CLIENT_MESSAGE_BYTES);

    (void)state;
    client_frame_parse((struct str){text, LIMIT_CLIENT_MESSAGE_BYTES}, &f);
    assert_int_equal(f.command, CLIENT_PING);
    client_frame_release(&f);
    free(text);
    text = ping_of(LIMIT_CLIENT_MESSAGE_BYTES + 1);
    client_frame_parse((struct str){text, LIMIT_CLIENT_MESSAGE_BYTES + 1}, &f);
    assert_int_equal(f.command, CLIENT_BAD);
    assert_string_equal(f.why, "message too long");
    client_frame_release(&f);
    free(text);
}

/* The densest texts: as many values as bytes allow, and as deep as they allow. */
static void dense_and_deep_messages_fit_into_the_memory(void **state)
{
    char text[LIMIT_CLIENT_MESSAGE_BYTES];
    struct client_frame f;

    (void)state;
    memset(text, '[', sizeof(text) / 2);
    memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
    client_frame_parse((struct str){text, sizeof(text)}, &f);
    assert_int_equal(f.command, CLIENT_BAD);
    assert_string_equal(f.why, "not a JSON object");
    client_frame_release(&f);

    for (size_t i = 1; i < sizeof(text); i++) {
        text[i] = i % 2 ? '1' : ',';
    }
    text[sizeof(text) - 1] = ']';
    text[sizeof(text) - 2] = '1';
    text[sizeof(text) - 3] = '1';
    client_frame_parse((struct str){text, sizeof(text)}, &f);
    assert_int_equal(f.command, CLIENT_BAD);
    assert_string_equal(f.why, "not a JSON object");
    client_frame_release(&f);
}

static void nesting_over_the_limit_is_refused(void **state)
{
    (void)state;
    for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        static const char begin[] = "{\"type\":\"ping\",\"x\":";
        char text[256];
        size_t n = sizeof(begin) - 1;
        struct client_frame f;
        memcpy(text, begin, n);
        memset(text + n, '[', depth - 1);
        memset(text + n + depth - 1, ']', depth - 1);
        n += 2 * (depth - 1);
        text[n++] = '}';
        client_frame_parse((struct str){text, n}, &f);
        assert_int_equal(f.command, depth <= LIMIT_JSON_DEPTH ? CLIENT_PING : CLIENT_BAD);
        client_frame_release(&f);
    }
}

static void every_cut_of_a_command_is_bad(void **state)
{
    struct str whole =
        STR("{\"type\":\"subscribe\",\"channel\":\"/c\",\"position\":\"E:1\",\"id\":1}");

    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        struct client_frame f;
        client_frame_parse((struct str){whole.p, n}, &f);
        assert_int_equal(f.command, CLIENT_BAD);
        client_frame_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_read),
        cmocka_unit_test(ids_are_echoed_as_they_were_written),
        cmocka_unit_test(wrong_ids_are_refused_and_not_echoed),
        cmocka_unit_test(texts_that_are_no_json_object_are_refused),
        cmocka_unit_test(commands_with_wrong_fields_are_refused_but_keep_id_and_channel),
        cmocka_unit_test(known_field_that_stands_twice_is_refused),
        cmocka_unit_test(message_may_have_4_kib_and_no_byte_more),
        cmocka_unit_test(dense_and_deep_messages_fit_into_the_memory),
        cmocka_unit_test(nesting_over_the_limit_is_refused),
        cmocka_unit_test(every_cut_of_a_command_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
