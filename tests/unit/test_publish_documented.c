/* SPDX-License-Identifier: MIT */
/* publish_documented: each sentence of protocol.md, section 4, about the documented form. */
#include "proto/publish_documented.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/server_text.h"
#include "tests/unit/publish_check.h"

#define RUN "{\"type\":\"run_update\","

static void data_routes_to_every_topic_that_it_names(void **state)
{
    static const struct publish_row rows[] = {
        {RUN "\"data\":{\"contest_alias\":\"a\"}}", .topics = "all contest/a", .contest = "a"},
        {RUN "\"data\":{\"problemset\":17}}", .topics = "all problemset/17", .problemset = 17},
        {RUN "\"data\":{\"problem_alias\":\"p\"}}", .topics = "all problem/p", .problem = "p"},
        {RUN "\"data\":{\"username\":\"u\"}}", .topics = "all user/u", .user = "u"},
        {RUN "\"data\":{\"username\":\"omi:u\",\"problem_alias\":\"g:p\",\"problemset\":3,"
             "\"contest_alias\":\"g:a\"}}",
         .topics = "all problemset/3 contest/g:a problem/g:p user/omi:u", .contest = "g:a",
         .problem = "g:p", .user = "omi:u", .problemset = 3},
        {RUN "\"data\":{\"contest_alias\":\"a\",\"problem_alias\":null,\"username\":null,"
             "\"problemset\":null}}",
         .topics = "all contest/a", .contest = "a"},
        {RUN "\"data\":{\"contest_\\u0061lias\":\"\\u0061\"}}", .topics = "all contest/a",
         .contest = "a"},
        /* What stands outside of data does not route, but `user`. */
        {RUN "\"contest\":\"x\",\"problem\":\"y\",\"problemset\":5,\"data\":{\"username\":\"u\"}}",
         .topics = "all user/u", .user = "u"},
        {RUN "\"contest_alias\":\"x\",\"data\":{\"username\":\"u\"}}", .topics = "all user/u",
         .user = "u"},
        {RUN "\"data\":{\"problemset\":9223372036854775807}}",
         .topics = "all problemset/9223372036854775807", .problemset = INT64_MAX},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void outer_user_goes_before_the_ones_in_data(void **state)
{
    static const struct publish_row rows[] = {
        {RUN "\"user\":\"o\",\"data\":{\"username\":\"u\"}}", .topics = "all user/o", .user = "o"},
        {RUN "\"user\":\"o\",\"data\":{}}", .topics = "all user/o", .user = "o"},
        {RUN "\"user\":null,\"data\":{\"username\":\"u\"}}", .topics = "all user/u", .user = "u"},
        {RUN "\"data\":{\"username\":\"u\",\"author\":\"w\"}}", .topics = "all user/u",
         .user = "u"},
        {"{\"type\":\"clarification\",\"data\":{\"author\":\"w\",\"username\":\"u\"}}",
         .topics = "all user/w", .user = "w"},
        {"{\"type\":\"clarification\",\"data\":{\"author\":null,\"username\":\"u\"}}",
         .topics = "all user/u", .user = "u"},
        {"{\"type\":\"clarification\",\"data\":{\"username\":\"u\"}}", .topics = "all user/u",
         .user = "u"},
        {"{\"type\":\"clarification\",\"user\":\"o\",\"data\":{\"author\":\"w\"}}",
         .topics = "all user/o", .user = "o"},
        /* An empty name is nobody's, and the next one counts. */
        {RUN "\"user\":\"\",\"data\":{\"username\":\"u\"}}", .topics = "all user/u", .user = "u"},
        {RUN "\"data\":{\"username\":\"\",\"contest_alias\":\"a\"}}", .topics = "all contest/a",
         .contest = "a"},
        /* Of another type, an author is only a member of data. */
        {"{\"type\":\"other\",\"data\":{\"author\":\"no name!\",\"contest_alias\":\"a\"}}",
         .topics = "all contest/a", .contest = "a"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

#define A "\"data\":{\"contest_alias\":\"a\"}}"
#define A_PUBLIC "\"data\":{\"contest_alias\":\"a\",\"public\":true}}"

static void visibility_depends_on_public_and_then_on_the_type(void **state)
{
    static const struct publish_row rows[] = {
        {"{\"type\":\"run_update\"," A, .contest = "a", .is_public = false},
        {"{\"type\":\"run_update\"," A_PUBLIC, .contest = "a", .is_public = false},
        {"{\"type\":\"run_update\",\"public\":true," A, .contest = "a", .is_public = true},
        {"{\"type\":\"scoreboard_update\"," A, .contest = "a", .is_public = true},
        {"{\"type\":\"scoreboard_update\",\"public\":false," A, .contest = "a", .is_public = false},
        {"{\"type\":\"contest_update\"," A, .contest = "a", .is_public = true},
        {"{\"type\":\"contest_update\",\"public\":null," A, .contest = "a", .is_public = true},
        {"{\"type\":\"contest_update\",\"public\":false," A, .contest = "a", .is_public = false},
        {"{\"type\":\"clarification\"," A, .contest = "a", .is_public = false},
        {"{\"type\":\"clarification\"," A_PUBLIC, .contest = "a", .is_public = true},
        {"{\"type\":\"clarification\",\"public\":false," A_PUBLIC, .contest = "a",
         .is_public = false},
        {"{\"type\":\"clarification\",\"public\":true," A, .contest = "a", .is_public = true},
        {"{\"type\":\"other\"," A, .contest = "a", .is_public = false},
        {"{\"type\":\"other\"," A_PUBLIC, .contest = "a", .is_public = false},
        {"{\"type\":\"other\",\"public\":true," A, .contest = "a", .is_public = true},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void timestamp_is_the_backends_or_the_clock(void **state)
{
    static const struct publish_row rows[] = {
        {RUN "\"timestamp\":1234567890," A, .contest = "a", .timestamp_s = 1234567890},
        {RUN A, .contest = "a", .timestamp_s = CHECK_NOW_S},
        {RUN "\"timestamp\":null," A, .contest = "a", .timestamp_s = CHECK_NOW_S},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void text_and_data_are_the_backends_own_bytes(void **state)
{
    static const struct publish_row rows[] = {
        {" \n{ \"type\" : \"run_update\" , \"data\" : { \"contest_alias\":\"a\", \"runtime\":0.045,"
         " \"n\":12345678901234567890123, \"e\":1E400, \"s\":\"\\/\\u00e9\xc3\xa9\" } }\r\n\t ",
         .text = "{ \"type\" : \"run_update\" , \"data\" : { \"contest_alias\":\"a\", "
                 "\"runtime\":0.045, \"n\":12345678901234567890123, \"e\":1E400, "
                 "\"s\":\"\\/\\u00e9\xc3\xa9\" } }",
         .data = "{ \"contest_alias\":\"a\", \"runtime\":0.045, \"n\":12345678901234567890123, "
                 "\"e\":1E400, \"s\":\"\\/\\u00e9\xc3\xa9\" }",
         .type = "run_update", .contest = "a"},
        {"{\"data\":{\"contest_alias\":\"a\",\"x\":{\"data\":{}}},\"type\":\"t\",\"z\":[]}",
         .text = "{\"data\":{\"contest_alias\":\"a\",\"x\":{\"data\":{}}},\"type\":\"t\",\"z\":[]}",
         .data = "{\"contest_alias\":\"a\",\"x\":{\"data\":{}}}", .type = "t", .contest = "a"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void nothing_is_added_to_documented_data(void **state)
{
    static const struct publish_row rows[] = {
        {RUN "\"user\":\"u\",\"data\":{\"alias\":\"p\"}}", .data = "{\"alias\":\"p\"}",
         .user = "u"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void event_without_any_topic_is_refused(void **state)
{
    static const struct publish_refusal rows[] = {
        {RUN "\"data\":{}}", "data: no contest_alias, problemset, problem_alias or username"},
        {RUN "\"data\":{\"x\":1}}", "data: no contest_alias"},
        {RUN "\"data\":{\"contest_alias\":null}}", "data: no contest_alias"},
        {RUN "\"contest\":\"a\",\"data\":{}}", "data: no contest_alias"},
        {RUN "\"data\":{\"author\":\"u\"}}", "data: no contest_alias"},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
}

static void missing_or_wrong_fields_are_named(void **state)
{
    static const struct publish_refusal rows[] = {
        {"{\"type\":\"\"," A, "type: "},
        {"{\"type\":5," A, "type: not a string"},
        {"{\"type\":\"a\\n\"," A, "type: "},
        {"{\"type\":\"a\\u0000\"," A, "type: "},
        {"{\"type\":\"12345678901234567890123456789012345678901234567890123456789012345\"," A,
         "type: "},
        {"{\"type\":\"run_update\"}", "data: missing or not an object"},
        {RUN "\"data\":null}", "data: missing or not an object"},
        {RUN "\"data\":[]}", "data: missing or not an object"},
        {RUN "\"data\":\"{}\"}", "data: missing or not an object"},
        {RUN "\"timestamp\":\"1\"," A, "timestamp: not a 64-bit integer"},
        {RUN "\"timestamp\":1.5," A, "timestamp: not a 64-bit integer"},
        {RUN "\"timestamp\":1.0," A, "timestamp: not a 64-bit integer"},
        {RUN "\"timestamp\":1e9," A, "timestamp: not a 64-bit integer"},
        {RUN "\"timestamp\":9223372036854775808," A, "timestamp: not a 64-bit integer"},
        {RUN "\"timestamp\":true," A, "timestamp: not a 64-bit integer"},
        {RUN "\"public\":1," A, "public: not a boolean"},
        {RUN "\"public\":\"\"," A, "public: not a boolean"},
        {RUN "\"user\":5," A, "user: not a string"},
        {RUN "\"data\":{\"contest_alias\":5}}", "data.contest_alias: not a string"},
        {RUN "\"data\":{\"problem_alias\":[]}}", "data.problem_alias: not a string"},
        {RUN "\"data\":{\"username\":{}}}", "data.username: not a string"},
        {RUN "\"data\":{\"problemset\":\"17\"}}", "data.problemset: not a 64-bit integer"},
        {RUN "\"data\":{\"problemset\":17.0}}", "data.problemset: not a 64-bit integer"},
        {"{\"type\":\"clarification\",\"data\":{\"contest_alias\":\"a\",\"public\":1}}",
         "data.public: not a boolean"},
        {"{\"type\":\"clarification\",\"data\":{\"contest_alias\":\"a\",\"author\":1}}",
         "data.author: not a string"},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
}

static void words_of_the_gateway_are_refused(void **state)
{
    (void)state;
    for (enum server_word w = 0; w < SERVER_WORDS; w++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"type\":\"%.*s\"," A, STR_ARG(server_word_str(w)));
        const struct publish_refusal row = {body, "type: a word of the gateway's own messages"};
        check_refusals(&row, 1);
    }
    /* An escaped one is the same word, others are not. */
    const struct publish_refusal escaped = {"{\"type\":\"re\\u0073et\"," A, "type: a word of"};
    const struct publish_row other = {.body = "{\"type\":\"Reset\"," A,
                                      .type = "Reset",
                                      .contest = "a",
                                      .topics = "all contest/a"};
    check_refusals(&escaped, 1);
    check_row(&other);
}

static void names_outside_the_grammar_are_refused_by_field(void **state)
{
    static const struct publish_refusal rows[] = {
        {RUN "\"data\":{\"contest_alias\":\"\"}}", "data.contest_alias: not a valid contest alias"},
        {RUN "\"data\":{\"contest_alias\":\"a b\"}}",
         "data.contest_alias: not a valid contest alias"},
        {RUN "\"data\":{\"contest_alias\":\"a\\u0000\"}}",
         "data.contest_alias: not a valid contest alias"},
        {RUN "\"data\":{\"contest_alias\":\"a:b:c\"}}",
         "data.contest_alias: not a valid contest alias"},
        {RUN "\"data\":{\"problem_alias\":\"a/b\"}}",
         "data.problem_alias: not a valid problem alias"},
        {RUN "\"data\":{\"username\":\"a b\"}}", "data.username: not a valid user name"},
        {RUN "\"data\":{\"username\":\":\"}}", "data.username: not a valid user name"},
        {RUN "\"user\":\"a/b\"," A, "user: not a valid user name"},
        {RUN "\"user\":\"o\",\"data\":{\"username\":\"a/b\"}}",
         "data.username: not a valid user name"},
        {"{\"type\":\"clarification\",\"data\":{\"author\":\"a b\",\"contest_alias\":\"a\"}}",
         "data.author: not a valid user name"},
        {RUN "\"data\":{\"problemset\":0}}", "data.problemset: not positive"},
        {RUN "\"data\":{\"problemset\":-1}}", "data.problemset: not positive"},
        {RUN "\"data\":{\"problemset\":9223372036854775808}}",
         "data.problemset: not a 64-bit integer"},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
}

static void known_key_of_data_that_stands_twice_is_refused(void **state)
{
    static const struct publish_refusal rows[] = {
        {RUN "\"data\":{\"contest_alias\":\"a\",\"contest_alias\":\"b\"}}",
         "data.contest_alias: stands twice"},
        {RUN "\"data\":{\"username\":\"a\",\"us\\u0065rname\":\"b\"}}",
         "data.username: stands twice"},
        {RUN "\"data\":{\"problemset\":1,\"problemset\":1}}", "data.problemset: stands twice"},
        {RUN "\"data\":{\"problem_alias\":\"a\",\"problem_alias\":\"a\"}}",
         "data.problem_alias: stands twice"},
        {RUN "\"data\":{\"public\":true,\"public\":false}}", "data.public: stands twice"},
    };

    (void)state;
    check_refusals(rows, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_routes_to_every_topic_that_it_names),
        cmocka_unit_test(outer_user_goes_before_the_ones_in_data),
        cmocka_unit_test(visibility_depends_on_public_and_then_on_the_type),
        cmocka_unit_test(timestamp_is_the_backends_or_the_clock),
        cmocka_unit_test(text_and_data_are_the_backends_own_bytes),
        cmocka_unit_test(nothing_is_added_to_documented_data),
        cmocka_unit_test(event_without_any_topic_is_refused),
        cmocka_unit_test(missing_or_wrong_fields_are_named),
        cmocka_unit_test(words_of_the_gateway_are_refused),
        cmocka_unit_test(names_outside_the_grammar_are_refused_by_field),
        cmocka_unit_test(known_key_of_data_that_stands_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
