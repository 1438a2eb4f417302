/* SPDX-License-Identifier: MIT */
/* publish_grader: each sentence of protocol.md, section 4, about the form of today's grader. */
#include "proto/publish_grader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/server_text.h"
#include "tests/unit/publish_check.h"

/* Most tests give the message as it is; the body around it is made here, PHP's escapes included. */
static struct buf body_of(const char *outer, struct str message)
{
    struct buf escaped = {0};
    struct buf b = {0};

    buf_add_json(&escaped, message);
    buf_addf(&b, "{%s%s\"message\":", outer, outer[0] ? "," : "");
    for (size_t i = 0; i < escaped.n; i++) {
        buf_add(&b, escaped.p[i] == '/' ? STR("\\/") : (struct str){escaped.p + i, 1});
    }
    buf_addc(&b, '}');
    buf_addc(&b, '\0'); /* for tables of C strings */
    assert_false(b.failed || escaped.failed);
    buf_release(&escaped);
    return b;
}

struct message_row {
    const char *outer;   /* members of the body, for example "\"contest\":\"a\"" */
    const char *message; /* also the expected text */
    const char *type, *data;
};

static void check_messages(const struct message_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf b = body_of(rows[i].outer, str_of(rows[i].message));
        char error[PUBLISH_ERROR_MAX];
        struct publish_request *r = check_parse((struct str){b.p, b.n - 1}, error);
        if (!r) {
            fail_msg("%s\nrefused: %s", b.p, error);
            return;
        }
        struct publish_row expected = {b.p, .type = rows[i].type, .data = rows[i].data,
                                       .text = rows[i].message};
        check_str(b.p, "type", r->event.type_name, expected.type);
        check_str(b.p, "text", r->event.text, expected.text);
        check_joined(&expected, r);
        assert_int_equal(r->event.type, event_type_of(str_of(rows[i].type)));
        assert_int_equal(r->event.timestamp_s, CHECK_NOW_S);
        (void)publish_request_free(r);
        buf_release(&b);
    }
}

static void outer_fields_route(void **state)
{
    static const struct publish_row rows[] = {
        {"{\"message\":\"1\"}", .topics = "all"},
        {"{\"contest\":\"a\",\"message\":\"1\"}", .topics = "all contest/a", .contest = "a"},
        {"{\"problemset\":17,\"message\":\"1\"}", .topics = "all problemset/17", .problemset = 17},
        {"{\"problem\":\"p\",\"message\":\"1\"}", .topics = "all problem/p", .problem = "p"},
        {"{\"user\":\"u\",\"message\":\"1\"}", .topics = "all user/u", .user = "u"},
        {"{\"message\":\"1\",\"public\":true,\"user\":\"omi:u\",\"problem\":\"p\","
         "\"problemset\":17,\"contest\":\"g:a\"}",
         .topics = "all problemset/17 contest/g:a problem/p user/omi:u", .contest = "g:a",
         .problem = "p", .user = "omi:u", .problemset = 17, .is_public = true},
        /* The names inside the message do not. */
        {"{\"message\":\"{\\\"type\\\":\\\"clarification\\\",\\\"data\\\":{\\\"contest_alias\\\":"
         "\\\"a\\\",\\\"username\\\":\\\"u\\\",\\\"problemset\\\":3,\\\"public\\\":true}}\"}",
         .topics = "all", .type = "clarification"},
        {"{\"message\":\"{\\\"type\\\":\\\"scoreboard_update\\\",\\\"data\\\":{},"
         "\\\"public\\\":true,\\\"user\\\":\\\"u\\\"}\"}",
         .topics = "all", .type = "scoreboard_update"},
        /* data and timestamp of the other form are nobody's here. */
        {"{\"message\":\"1\",\"timestamp\":5,\"data\":{\"contest_alias\":\"a\"}}", .topics = "all"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void absent_null_and_empty_are_the_same(void **state)
{
    static const struct publish_row rows[] = {
        {"{\"contest\":null,\"problemset\":null,\"problem\":null,\"user\":null,\"public\":null,"
         "\"message\":\"1\"}",
         .topics = "all"},
        {"{\"contest\":\"\",\"problemset\":\"\",\"problem\":\"\",\"user\":\"\",\"public\":\"\","
         "\"message\":\"1\"}",
         .topics = "all"},
        {"{\"problemset\":0,\"public\":false,\"message\":\"1\"}", .topics = "all"},
        {"{\"problemset\":-1,\"message\":\"1\"}", .topics = "all"},
        {"{\"problemset\":-0,\"message\":\"1\"}", .topics = "all"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void other_fields_are_accepted_and_ignored(void **state)
{
    static const struct publish_row rows[] = {
        {"{\"broadcast\":true,\"targetUser\":5,\"userOnly\":\"x\",\"more\":{},\"message\":\"1\"}",
         .topics = "all"},
        {"{\"broadcast\":1,\"broadcast\":2,\"message\":\"1\"}", .topics = "all"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void wrong_fields_are_named(void **state)
{
    static const struct publish_refusal rows[] = {
        {"{\"message\":\"1\",\"contest\":5}", "contest: not a string"},
        {"{\"message\":\"1\",\"problem\":[]}", "problem: not a string"},
        {"{\"message\":\"1\",\"user\":{}}", "user: not a string"},
        {"{\"message\":\"1\",\"problemset\":\"17\"}", "problemset: not a 64-bit integer"},
        {"{\"message\":\"1\",\"problemset\":17.0}", "problemset: not a 64-bit integer"},
        {"{\"message\":\"1\",\"problemset\":1e3}", "problemset: not a 64-bit integer"},
        {"{\"message\":\"1\",\"problemset\":9223372036854775808}",
         "problemset: not a 64-bit integer"},
        {"{\"message\":\"1\",\"problemset\":true}", "problemset: not a 64-bit integer"},
        {"{\"message\":\"1\",\"public\":1}", "public: not a boolean"},
        {"{\"message\":\"1\",\"public\":\"true\"}", "public: not a boolean"},
        {"{\"message\":5}", "message: not a string"},
        {"{\"message\":{\"type\":\"a\",\"data\":1}}", "message: not a string"},
        {"{\"message\":\"\"}", "message: empty"},
        {"{\"message\":\" \\n\"}", "message: empty"},
        {"{\"message\":\"hello\"}", "message: not JSON: "},
        {"{\"message\":\"{\\\"a\\\":}\"}", "message: not JSON: "},
        {"{\"message\":\"{} {}\"}", "message: not JSON: "},
        {"{\"message\":\"1\\u0000\"}", "message: not JSON: "},
        {"{\"message\":\"\\\"\\\\ud800\\\"\"}", "message: not JSON: "},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
}

static void no_event_is_refused_for_the_characters_of_a_name(void **state)
{
    static const struct publish_row rows[] = {
        {"{\"contest\":\"a b\",\"message\":\"1\"}", .topics = "all contest/a%20b",
         .contest = "a b"},
        {"{\"user\":\"ni\xc3\xb1o\",\"message\":\"1\"}", .topics = "all user/ni%C3%B1o",
         .user = "ni\xc3\xb1o"},
        {"{\"problem\":\"..\\/x*\",\"message\":\"1\"}", .topics = "all problem/..%2Fx%2A",
         .problem = "../x*"},
        /* Worse ones lose their own topic only. */
        {"{\"contest\":\"a\\n\",\"user\":\"u\",\"message\":\"1\"}", .topics = "all user/u",
         .contest = "a\n", .user = "u", .names_refused = 1},
        {"{\"contest\":\"\\u0001\",\"problem\":\"\\u007f\",\"user\":\"\\u0085\",\"problemset\":3,"
         "\"message\":\"1\"}",
         .topics = "all problemset/3", .contest = "\x01", .problem = "\x7f", .user = "\xc2\x85",
         .problemset = 3, .names_refused = 3},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void name_with_a_zero_byte_loses_its_topic(void **state)
{
    char error[PUBLISH_ERROR_MAX];
    struct publish_request *r =
        check_parse(STR("{\"contest\":\"a\\u0000b\",\"message\":\"1\"}"), error);

    (void)state;
    assert_non_null(r);
    assert_int_equal(r->n_topics, 1);
    assert_int_equal(r->names_refused, 1);
    assert_int_equal(r->event.contest.n, 3);
    (void)publish_request_free(r);
}

static void long_name_loses_its_topic_and_a_longer_one_itself(void **state)
{
    static const struct {
        size_t length, topics, kept;
    } rows[] = {{200, 2, 200}, {201, 1, 201}, {600, 1, 600}, {601, 1, 0}, {5000, 1, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {0};
        char error[PUBLISH_ERROR_MAX];
        buf_add(&b, STR("{\"message\":\"1\",\"user\":\""));
        for (size_t k = 0; k < rows[i].length; k++) {
            buf_addc(&b, ' ');
        }
        buf_add(&b, STR("\"}"));
        struct publish_request *r = check_parse(buf_str(&b), error);
        assert_non_null(r);
        assert_int_equal(r->n_topics, rows[i].topics);
        assert_int_equal(r->names_refused, 2 - rows[i].topics);
        assert_int_equal(r->event.user.n, rows[i].kept);
        (void)publish_request_free(r);
        buf_release(&b);
    }
}

static void documented_messages_keep_type_and_data(void **state)
{
    static const struct message_row rows[] = {
        {"", "{\"type\":\"clarification\",\"data\":{\"a\":0.045}}", "clarification",
         "{\"a\":0.045}"},
        {"", " { \"data\" : [ 1E400 ] , \"type\" : \"x y\" } ", "x y", "[ 1E400 ]"},
        {"", "{\"type\":\"t\",\"data\":null}", "t", "null"},
        {"", "{\"type\":\"t\",\"data\":\"s\",\"timestamp\":5}", "t", "\"s\""},
        {"", "{\"t\\u0079pe\":\"run\\u005fupdate\",\"data\":{}}", "run_update", "{}"},
        {"", "{\"type\":\"t\",\"data\":1,\"message\":\"/run/update/\",\"run\":{}}", "t", "1"},
    };
    static const struct publish_refusal wrong[] = {
        {"{\"message\":\"{\\\"type\\\":\\\"\\\",\\\"data\\\":1}\"}", "message.type: "},
        {"{\"message\":\"{\\\"type\\\":\\\"a\\\\n\\\",\\\"data\\\":1}\"}", "message.type: "},
        {"{\"message\":\"{\\\"type\\\":\\\"a\\\",\\\"type\\\":\\\"b\\\"}\"}",
         "message.type: stands twice"},
        {"{\"message\":\"{\\\"message\\\":1,\\\"message\\\":1}\"}",
         "message.message: stands twice"},
    };

    (void)state;
    check_messages(rows, ARRAY_LEN(rows));
    check_refusals(wrong, ARRAY_LEN(wrong));
}

static void omegaups_own_messages_become_documented_types(void **state)
{
    static const struct message_row rows[] = {
        {"", "{\"message\":\"/run/update/\",\"run\":{\"guid\":\"x\",\"score\":0.045}}",
         "run_update", "{\"guid\":\"x\",\"score\":0.045}"},
        {"", "{\"message\":\"\\/run\\/update\\/\",\"run\":{}}", "run_update", "{}"},
        {"", "{\"message\":\"\\u002frun/update/\",\"run\":{}}", "run_update", "{}"},
        {"", "{\"run\":{\"message\":\"/clarification/update/\"},\"message\":\"/run/update/\"}",
         "run_update", "{\"message\":\"/clarification/update/\"}"},
        {"", "{\"message\":\"/clarification/update/\",\"clarification\":{\"id\":5}}",
         "clarification", "{\"id\":5}"},
        {"",
         "{\"message\":\"/scoreboard/update/\",\"scoreboard_type\":\"admin\","
         "\"scoreboard\":{\"ranking\":[]}}",
         "scoreboard_update", "{\"scoreboard_type\":\"admin\",\"scoreboard\":{\"ranking\":[]}}"},
        {"",
         "{\"scoreboard\":{},\"scoreboard_type\":\"contestant\","
         "\"message\":\"\\/scoreboard\\/update\\/\"}",
         "scoreboard_update", "{\"scoreboard\":{},\"scoreboard_type\":\"contestant\"}"},
        {"", "{\"scoreboard\":{},\"message\":\"/scoreboard/update/\",\"x\":1}", "scoreboard_update",
         "{\"scoreboard\":{},\"x\":1}"},
        {"",
         "{\"message\":\"/contest/problem/update/\",\"type\":\"added\","
         "\"contest_alias\":\"c\",\"problem_alias\":\"p\"}",
         "contest_update", "{\"type\":\"added\",\"contest_alias\":\"c\",\"problem_alias\":\"p\"}"},
        {"", "{\"message\":\"/contest/problem/update/\"}", "contest_update", "{}"},
        {"", "  { \"message\" : \"/contest/problem/update/\" , \"a\" : 1 }  ", "contest_update",
         "{ \"a\" : 1 }"},
    };

    (void)state;
    check_messages(rows, ARRAY_LEN(rows));
}

#define ALL_NAMES "\"contest\":\"c\",\"problem\":\"p\",\"problemset\":17,\"user\":\"u\""

static void data_gets_the_names_of_the_envelope_where_absent(void **state)
{
    static const struct message_row rows[] = {
        {ALL_NAMES, "{\"message\":\"/run/update/\",\"run\":{\"a\":1}}", "run_update",
         "{\"a\":1,\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17,"
         "\"username\":\"u\"}"},
        {ALL_NAMES, "{\"message\":\"/run/update/\",\"run\":{}}", "run_update",
         "{\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17,\"username\":\"u\"}"},
        {ALL_NAMES, "{\"message\":\"/run/update/\",\"run\":{ \n }}", "run_update",
         "{ \n \"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17,"
         "\"username\":\"u\"}"},
        {ALL_NAMES, "{\"message\":\"/run/update/\",\"run\":{ \"a\" : 1 }}", "run_update",
         "{ \"a\" : 1 ,\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17,"
         "\"username\":\"u\"}"},
        {ALL_NAMES, "{\"message\":\"/clarification/update/\",\"clarification\":{\"a\":1}}",
         "clarification",
         "{\"a\":1,\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17}"},
        {ALL_NAMES, "{\"message\":\"/scoreboard/update/\",\"scoreboard\":{}}", "scoreboard_update",
         "{\"scoreboard\":{},\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17}"},
        {ALL_NAMES, "{\"scoreboard\":{} , \"message\":\"/scoreboard/update/\" }",
         "scoreboard_update",
         "{\"scoreboard\":{}  ,\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17}"},
        {ALL_NAMES, "{\"message\":\"/contest/problem/update/\"}", "contest_update",
         "{\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17}"},
        {ALL_NAMES, "{\"type\":\"clarification\",\"data\":{\"a\":1}}", "clarification",
         "{\"a\":1,\"contest_alias\":\"c\",\"problem_alias\":\"p\",\"problemset\":17}"},
        {"\"contest\":\"c\"", "{\"message\":\"/run/update/\",\"run\":{\"a\":1}}", "run_update",
         "{\"a\":1,\"contest_alias\":\"c\"}"},
        {"\"contest\":\"q\\\"\\u00e9\"", "{\"message\":\"/run/update/\",\"run\":{\"a\":1}}",
         "run_update", "{\"a\":1,\"contest_alias\":\"q\\\"\xc3\xa9\"}"},
    };

    (void)state;
    check_messages(rows, ARRAY_LEN(rows));
}

static void names_that_data_has_stay_as_they_are(void **state)
{
    static const struct message_row rows[] = {
        {ALL_NAMES,
         "{\"message\":\"/run/update/\",\"run\":{\"contest_alias\":\"x\",\"problem_alias\":\"y\","
         "\"problemset\":3,\"username\":\"z\"}}",
         "run_update",
         "{\"contest_alias\":\"x\",\"problem_alias\":\"y\",\"problemset\":3,\"username\":\"z\"}"},
        {ALL_NAMES,
         "{\"message\":\"/run/update/\",\"run\":{\"contest_alias\":null,\"problem_alias\":null,"
         "\"problemset\":null,\"usern\\u0061me\":null}}",
         "run_update",
         "{\"contest_alias\":null,\"problem_alias\":null,\"problemset\":null,"
         "\"usern\\u0061me\":null}"},
        {ALL_NAMES, "{\"message\":\"/contest/problem/update/\",\"contest_alias\":\"x\"}",
         "contest_update", "{\"contest_alias\":\"x\",\"problem_alias\":\"p\",\"problemset\":17}"},
    };

    (void)state;
    check_messages(rows, ARRAY_LEN(rows));
}

static void problem_of_a_run_may_come_from_its_alias(void **state)
{
    static const struct message_row rows[] = {
        {"", "{\"message\":\"/run/update/\",\"run\":{\"alias\":\"q\"}}", "run_update",
         "{\"alias\":\"q\",\"problem_alias\":\"q\"}"},
        {"\"problem\":\"p\"", "{\"message\":\"/run/update/\",\"run\":{\"alias\":\"q\"}}",
         "run_update", "{\"alias\":\"q\",\"problem_alias\":\"p\"}"},
        {"", "{\"message\":\"/run/update/\",\"run\":{\"alias\":\"q\",\"problem_alias\":\"r\"}}",
         "run_update", "{\"alias\":\"q\",\"problem_alias\":\"r\"}"},
        {"", "{\"message\":\"/run/update/\",\"run\":{\"alias\":5}}", "run_update", "{\"alias\":5}"},
        {"", "{\"message\":\"/run/update/\",\"run\":{\"alias\":\"\"}}", "run_update",
         "{\"alias\":\"\"}"},
        /* An alias of anything else may be a contest's. */
        {"", "{\"type\":\"contest_update\",\"data\":{\"alias\":\"q\"}}", "contest_update",
         "{\"alias\":\"q\"}"},
    };

    (void)state;
    check_messages(rows, ARRAY_LEN(rows));
}

static void any_other_json_is_a_message_and_stays_as_it_is(void **state)
{
    static const struct message_row rows[] = {
        {ALL_NAMES, "{\"message\":\"/other/\",\"x\":1}", "message",
         "{\"message\":\"/other/\",\"x\":1}"},
        {ALL_NAMES, "{}", "message", "{}"},
        {ALL_NAMES, " [1, 0.10] ", "message", "[1, 0.10]"},
        {ALL_NAMES, "\"text\"", "message", "\"text\""},
        {ALL_NAMES, "null", "message", "null"},
        {ALL_NAMES, "12345678901234567890.50", "message", "12345678901234567890.50"},
        {ALL_NAMES, "{\"type\":\"t\"}", "message", "{\"type\":\"t\"}"},
        {ALL_NAMES, "{\"type\":5,\"data\":{}}", "message", "{\"type\":5,\"data\":{}}"},
        {ALL_NAMES, "{\"data\":{}}", "message", "{\"data\":{}}"},
        {ALL_NAMES, "{\"message\":\"/run/update/\"}", "message", "{\"message\":\"/run/update/\"}"},
        {ALL_NAMES, "{\"message\":\"/run/update/\",\"run\":[]}", "message",
         "{\"message\":\"/run/update/\",\"run\":[]}"},
        {ALL_NAMES, "{\"message\":\"/clarification/update/\",\"run\":{}}", "message",
         "{\"message\":\"/clarification/update/\",\"run\":{}}"},
        {ALL_NAMES, "{\"message\":\"/run/update\",\"run\":{}}", "message",
         "{\"message\":\"/run/update\",\"run\":{}}"},
        {ALL_NAMES, "{\"x\":\"/run/update/\",\"run\":{}}", "message",
         "{\"x\":\"/run/update/\",\"run\":{}}"},
        {ALL_NAMES, "{\"message\":[\"/run/update/\"],\"run\":{}}", "message",
         "{\"message\":[\"/run/update/\"],\"run\":{}}"},
    };

    (void)state;
    check_messages(rows, ARRAY_LEN(rows));
}

static void words_of_the_gateway_are_a_message(void **state)
{
    (void)state;
    for (enum server_word w = 0; w < SERVER_WORDS; w++) {
        char text[128], body[256];
        int n = snprintf(text, sizeof(text),
                         "{\"type\":\"%.*s\",\"data\":{\"channel\":\"/contest/a\"}}",
                         STR_ARG(server_word_str(w)));
        struct buf quoted = {0};
        buf_add_json(&quoted, (struct str){text, (size_t)n});
        snprintf(body, sizeof(body), "{\"contest\":\"a\",\"message\":%.*s}",
                 STR_ARG(buf_str(&quoted)));
        buf_release(&quoted);
        check_row(&(struct publish_row){.body = body,
                                        .type = "message",
                                        .data = text,
                                        .text = text,
                                        .contest = "a",
                                        .topics = "all contest/a"});
    }
}

static void message_nested_too_deep_is_refused(void **state)
{
    char message[2 * 65];
    char error[PUBLISH_ERROR_MAX];

    (void)state;
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(message, '[', depth);
        memset(message + depth, ']', depth);
        struct buf b = body_of("", (struct str){message, 2 * depth});
        struct publish_request *r = check_parse((struct str){b.p, b.n - 1}, error);
        assert_int_equal(r != NULL, depth == 64);
        assert_true(r != NULL || strcmp(error, "message: nested too deep") == 0);
        (void)publish_request_free(r);
        buf_release(&b);
    }
}

/* What is sliced, cut and completed must be JSON again, and survive the envelope. */
static void data_of_every_shape_is_one_json_value_after_the_envelope(void **state)
{
    static const char *const messages[] = {
        "{\"message\":\"/run/update/\",\"run\":{\"alias\":\"q\",\"x\":[1,{}]}}",
        "{ \"x\" : 1 , \"message\":\"/contest/problem/update/\" , \"y\" : 2 }",
        "{\"message\":\"/scoreboard/update/\",\"scoreboard\":{\"r\":[\"}\",\"{\"]}}",
        "{\"type\":\"t\",\"data\":{\"a\":{\"b\":{}}}}",
        "[1]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct buf body = body_of(ALL_NAMES, str_of(messages[i]));
        struct buf data = {0};
        struct buf wire = {0};
        char error[PUBLISH_ERROR_MAX];
        struct publish_request *r = check_parse((struct str){body.p, body.n - 1}, error);
        struct published back;
        assert_non_null(r);
        r->event.id = STR("AAAAAAAAAAAAAAAAAAAAAA");
        published_header(&(struct position){"0123456789abcdef", 1}, &wire);
        event_encode(&r->event, &wire);
        (void)publish_request_free(r);
        assert_int_equal(published_decode(buf_str(&wire), &back), EVENT_OK);
        check_str(messages[i], "text", back.event.text, messages[i]);
        for (size_t k = 0; k < back.event.n_data; k++) {
            buf_add(&data, back.event.data[k]);
        }
        yyjson_doc *doc = yyjson_read(data.p, data.n, 0);
        assert_non_null(doc);
        yyjson_doc_free(doc);
        buf_release(&body);
        buf_release(&data);
        buf_release(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outer_fields_route),
        cmocka_unit_test(absent_null_and_empty_are_the_same),
        cmocka_unit_test(other_fields_are_accepted_and_ignored),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(no_event_is_refused_for_the_characters_of_a_name),
        cmocka_unit_test(name_with_a_zero_byte_loses_its_topic),
        cmocka_unit_test(long_name_loses_its_topic_and_a_longer_one_itself),
        cmocka_unit_test(documented_messages_keep_type_and_data),
        cmocka_unit_test(omegaups_own_messages_become_documented_types),
        cmocka_unit_test(data_gets_the_names_of_the_envelope_where_absent),
        cmocka_unit_test(names_that_data_has_stay_as_they_are),
        cmocka_unit_test(problem_of_a_run_may_come_from_its_alias),
        cmocka_unit_test(any_other_json_is_a_message_and_stays_as_it_is),
        cmocka_unit_test(words_of_the_gateway_are_a_message),
        cmocka_unit_test(message_nested_too_deep_is_refused),
        cmocka_unit_test(data_of_every_shape_is_one_json_value_after_the_envelope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
