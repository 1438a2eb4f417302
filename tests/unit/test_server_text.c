/* SPDX-License-Identifier: MIT */
/* server_text: each text as protocol.md prints it, byte for byte. */
#include "proto/server_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define EPOCH "0123456789abcdef"

static const struct position place = {EPOCH, 12};

/* Checks what was written, and empties the buffer for the next text. */
static void assert_text(struct buf *b, const char *expected)
{
    assert_false(b->failed);
    if (!str_eq(buf_str(b), str_of(expected))) {
        fail_msg("got <%.*s>, expected <%s>", STR_ARG(buf_str(b)), expected);
    }
    buf_clear(b);
}

static void answers_are_these_texts_with_the_id_last(void **state)
{
    struct buf b = {0};
    struct str channel = STR("/contest/a");

    (void)state;
    server_text_auth_success(&b, STR_NONE, STR("ana"));
    assert_text(&b, "{\"type\":\"auth_success\",\"username\":\"ana\"}");
    server_text_auth_success(&b, STR("\"x\""), STR("a\"b"));
    assert_text(&b, "{\"type\":\"auth_success\",\"username\":\"a\\\"b\",\"id\":\"x\"}");
    server_text_unsubscribed(&b, STR_NONE, channel);
    assert_text(&b, "{\"type\":\"unsubscribed\",\"channel\":\"/contest/a\"}");
    server_text_unsubscribed(&b, STR("7"), channel);
    assert_text(&b, "{\"type\":\"unsubscribed\",\"channel\":\"/contest/a\",\"id\":7}");
    server_text_pong(&b, STR_NONE);
    assert_text(&b, "{\"type\":\"pong\"}");
    server_text_pong(&b, STR("-1.50"));
    assert_text(&b, "{\"type\":\"pong\",\"id\":-1.50}");
    buf_release(&b);
}

static void subscribed_tells_recovery_only_when_asked(void **state)
{
    struct buf b = {0};
    struct str channel = STR("/contest/a");

    (void)state;
    server_text_subscribed(&b, STR_NONE, channel, &place, RECOVERED_UNASKED);
    assert_text(&b, "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" EPOCH
                    ":12\"}");
    server_text_subscribed(&b, STR("1"), channel, &place, RECOVERED_YES);
    assert_text(&b, "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" EPOCH
                    ":12\",\"recovered\":true,\"id\":1}");
    server_text_subscribed(&b, STR("1"), channel, &place, RECOVERED_NO);
    assert_text(&b, "{\"type\":\"subscribed\",\"channel\":\"/contest/a\",\"position\":\"" EPOCH
                    ":12\",\"recovered\":false,\"id\":1}");
    buf_release(&b);
}

static void errors_name_code_channel_and_sentence(void **state)
{
    struct buf b = {0};

    (void)state;
    server_text_error(&b, STR_NONE, ERROR_NOT_FOUND, STR("/contest/a"), "No such contest.");
    assert_text(&b, "{\"type\":\"error\",\"error\":\"not_found\",\"channel\":\"/contest/a\","
                    "\"message\":\"No such contest.\"}");
    server_text_error(&b, STR("1"), ERROR_BAD_REQUEST, STR_NONE, "not JSON");
    assert_text(&b, "{\"type\":\"error\",\"error\":\"bad_request\",\"message\":\"not JSON\","
                    "\"id\":1}");
    server_text_error(&b, STR_NONE, ERROR_BAD_REQUEST, STR("\"\\\n<\x01>"), "x");
    assert_text(&b, "{\"type\":\"error\",\"error\":\"bad_request\",\"channel\":"
                    "\"\\\"\\\\\\n<\\u0001>\",\"message\":\"x\"}");
    buf_release(&b);
}

static void error_without_message_says_its_own_sentence(void **state)
{
    (void)state;
    for (enum error_code c = 0; c < ERROR_CODES; c++) {
        struct buf got = {0};
        struct buf expected = {0};
        server_text_error(&got, STR_NONE, c, STR_NONE, NULL);
        buf_addf(&expected, "{\"type\":\"error\",\"error\":\"%s\",\"message\":\"%s\"}",
                 error_code_str(c), error_code_message(c));
        assert_true(str_eq(buf_str(&got), buf_str(&expected)));
        buf_release(&got);
        buf_release(&expected);
    }
}

static void notices_are_these_texts(void **state)
{
    struct buf b = {0};
    struct str channel = STR("/contest/a");
    const struct position begin = {"fedcba9876543210", 0};

    (void)state;
    server_text_reset(&b, channel, &begin);
    assert_text(&b, "{\"type\":\"reset\",\"channel\":\"/contest/a\",\"position\":"
                    "\"fedcba9876543210:0\"}");
    server_text_position(&b, channel, &place);
    assert_text(&b,
                "{\"type\":\"position\",\"channel\":\"/contest/a\",\"position\":\"" EPOCH ":12\"}");
    server_text_revoked(&b, channel);
    assert_text(&b, "{\"type\":\"revoked\",\"channel\":\"/contest/a\"}");
    server_text_reconnect(&b, 1234, 20000);
    assert_text(&b, "{\"type\":\"reconnect\",\"after\":1234,\"deadline\":20000}");
    buf_release(&b);
}

static struct event sample(void)
{
    struct event e = {
        .id = STR("AAAAAAAAAAAAAAAAAAAAAA"),
        .type_name = STR("run_update"),
        .timestamp_s = 1704067200,
        .n_data = 2,
    };
    e.data[0] = STR("{\"score\":0.045");
    e.data[1] = STR(",\"contest_alias\":\"a\"}");
    return e;
}

/* Whatever a gateway can say by itself begins with a word of the table, and each word is said. */
static void every_text_but_an_events_begins_with_a_word_of_the_table(void **state)
{
    (void)state;
    struct buf texts[SERVER_WORDS] = {{0}};
    const struct str channel = STR("/contest/a");
    server_text_auth_success(&texts[SERVER_WORD_AUTH_SUCCESS], STR_NONE, STR("ana"));
    server_text_subscribed(&texts[SERVER_WORD_SUBSCRIBED], STR_NONE, channel, &place,
                           RECOVERED_YES);
    server_text_unsubscribed(&texts[SERVER_WORD_UNSUBSCRIBED], STR_NONE, channel);
    server_text_pong(&texts[SERVER_WORD_PONG], STR_NONE);
    server_text_error(&texts[SERVER_WORD_ERROR], STR_NONE, ERROR_FORBIDDEN, channel, NULL);
    server_text_revoked(&texts[SERVER_WORD_REVOKED], channel);
    server_text_reset(&texts[SERVER_WORD_RESET], channel, &place);
    server_text_reconnect(&texts[SERVER_WORD_RECONNECT], 1, 2);
    server_text_position(&texts[SERVER_WORD_POSITION], channel, &place);
    for (enum server_word w = 0; w < SERVER_WORDS; w++) {
        char begin[64];
        snprintf(begin, sizeof(begin), "{\"type\":\"%.*s\"", STR_ARG(server_word_str(w)));
        assert_true(str_starts(buf_str(&texts[w]), str_of(begin)));
        assert_true(server_word_is(server_word_str(w)));
        buf_release(&texts[w]);
    }
    assert_false(server_word_is(STR("message")));
    assert_false(server_word_is(STR("run_update")));
    assert_false(server_word_is(STR("")));
}

static void event_is_this_text(void **state)
{
    struct event e = sample();
    struct buf b = {0};

    (void)state;
    server_text_event(&b, &e, STR("/contest/a"), &place, 0);
    assert_text(&b, "{\"type\":\"run_update\",\"channel\":\"/contest/a\",\"timestamp\":1704067200,"
                    "\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"position\":\"" EPOCH ":12\","
                    "\"data\":{\"score\":0.045,\"contest_alias\":\"a\"}}");
    e.type_name = STR("a\"b");
    e.timestamp_s = -1;
    e.n_data = 1;
    e.data[0] = STR("[1E400, 30]");
    server_text_event(&b, &e, STR("/user/ana"), &place, 3);
    assert_text(&b, "{\"type\":\"a\\\"b\",\"channel\":\"/user/ana\",\"timestamp\":-1,"
                    "\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"position\":\"" EPOCH ":12\","
                    "\"skipped\":3,\"data\":[1E400, 30]}");
    buf_release(&b);
}

static void event_without_data_stays_json(void **state)
{
    struct event e = sample();
    struct buf b = {0};

    (void)state;
    e.n_data = 0;
    server_text_event(&b, &e, STR("/contest/a"), &place, 0);
    assert_text(&b, "{\"type\":\"run_update\",\"channel\":\"/contest/a\",\"timestamp\":1704067200,"
                    "\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"position\":\"" EPOCH ":12\","
                    "\"data\":null}");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_these_texts_with_the_id_last),
        cmocka_unit_test(subscribed_tells_recovery_only_when_asked),
        cmocka_unit_test(errors_name_code_channel_and_sentence),
        cmocka_unit_test(error_without_message_says_its_own_sentence),
        cmocka_unit_test(notices_are_these_texts),
        cmocka_unit_test(every_text_but_an_events_begins_with_a_word_of_the_table),
        cmocka_unit_test(event_is_this_text),
        cmocka_unit_test(event_without_data_stays_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
