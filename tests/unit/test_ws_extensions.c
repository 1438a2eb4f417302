/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/http/http_reader.h"
#include "gateway/transport/ws_extensions.h"

#define PLAIN_ANSWER "; server_no_context_takeover; client_no_context_takeover"

static struct http_values values(const char *one)
{
    return (struct http_values){.v = {str_of(one)}, .n = 1};
}

static void offers_are_taken_or_passed_over(void **state)
{
    static const struct {
        const char *offers;
        bool agreed;
    } rows[] = {
        {"", false},
        {" \t", false},
        {",, ,", false},
        {"permessage-deflate", true},
        {" ,permessage-deflate\t, ", true},
        {"x-webkit-deflate-frame", false},
        {"permessage-deflates", false},
        {"permessage-bzip2; a=b; c, permessage-deflate", true},
        {"foo; a=\"b\", bar;c", false},
        {"permessage-deflate; client_max_window_bits", true},
        {"permessage-deflate;client_max_window_bits=8", true},
        {"permessage-deflate ; client_max_window_bits = \"15\"", true},
        {"permessage-deflate; client_max_window_bits=\"1\\0\"", true},
        {"permessage-deflate; client_max_window_bits=7", false},
        {"permessage-deflate; client_max_window_bits=16", false},
        {"permessage-deflate; client_max_window_bits=08", false},
        {"permessage-deflate; client_max_window_bits=100", false},
        {"permessage-deflate; client_max_window_bits=1000000000000", false},
        {"permessage-deflate; client_max_window_bits=ten", false},
        {"permessage-deflate; client_max_window_bits; client_max_window_bits", false},
        {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", true},
        {"permessage-deflate; server_no_context_takeover=true", false},
        {"permessage-deflate; client_no_context_takeover=1", false},
        {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", false},
        {"permessage-deflate; server_max_window_bits", false},
        {"permessage-deflate; server_max_window_bits=14", false},
        {"permessage-deflate; server_max_window_bits=150", false},
        {"permessage-deflate; server_max_window_bits=8", false},
        {"permessage-deflate; surprise", false},
        {"permessage-deflate; Client_max_window_bits", false},
        {"permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
        {"permessage-deflate, permessage-deflate; surprise, x, permessage-deflate", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_values v = values(rows[i].offers);
        struct ws_deflate d;
        if (!ws_extensions_read(&v, &d)) {
            fail_msg("malformed: %s", rows[i].offers);
        }
        if (d.is_agreed != rows[i].agreed) {
            fail_msg("%s: agreed %d", rows[i].offers, d.is_agreed);
        }
    }
}

static void what_is_no_list_of_extensions_is_malformed(void **state)
{
    static const char *const rows[] = {
        ";",
        "=",
        "permessage-deflate;",
        "permessage-deflate; ,",
        "permessage-deflate; =1",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=\"10",
        "permessage-deflate; client_max_window_bits=\"1 0\"",
        "permessage-deflate; client_max_window_bits=\"10\\",
        "permessage-deflate; client_max_window_bits=\"10\"x",
        "permessage-deflate; client_max_window_bits=10 11",
        "permessage-deflate; a=b=c",
        "permessage-deflate; a=\"b, permessage-deflate\"",
        "permessage deflate",
        "permessage-deflate, @",
        "permessage-deflate \"x\"",
        "\"permessage-deflate\"",
        "perm\xc3\xa9ssage",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_values v = values(rows[i]);
        struct ws_deflate d;
        if (ws_extensions_read(&v, &d)) {
            fail_msg("not malformed: %s", rows[i]);
        }
    }
}

static void several_fields_are_one_list(void **state)
{
    (void)state;
    const struct http_values v = {.v = {STR("foo"),
                                        STR("permessage-deflate; server_max_window_bits=9"),
                                        STR("permessage-deflate; server_max_window_bits=15")},
                                  .n = 3};
    struct ws_deflate d;
    assert_true(ws_extensions_read(&v, &d));
    assert_true(d.is_agreed);
    assert_true(d.names_window);
    const struct http_values none = {.n = 0};
    assert_true(ws_extensions_read(&none, &d));
    assert_false(d.is_agreed);
}

static void answer_names_the_window_to_those_who_ask(void **state)
{
    static const struct {
        const char *offers;
        const char *answer;
    } rows[] = {
        {"permessage-deflate", PLAIN_ANSWER},
        {"permessage-deflate; client_max_window_bits", PLAIN_ANSWER},
        {"permessage-deflate; server_max_window_bits=15",
         PLAIN_ANSWER "; server_max_window_bits=15"},
        {"permessage-deflate, permessage-deflate; server_max_window_bits=15", PLAIN_ANSWER},
        {"permessage-deflate; x, permessage-deflate; server_max_window_bits=\"15\"",
         PLAIN_ANSWER "; server_max_window_bits=15"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_values v = values(rows[i].offers);
        struct ws_deflate d;
        assert_true(ws_extensions_read(&v, &d));
        assert_true(d.is_agreed);
        struct str answer = ws_deflate_answer(&d);
        assert_int_equal(answer.n, strlen(rows[i].answer));
        assert_memory_equal(answer.p, rows[i].answer, answer.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_taken_or_passed_over),
        cmocka_unit_test(what_is_no_list_of_extensions_is_malformed),
        cmocka_unit_test(several_fields_are_one_list),
        cmocka_unit_test(answer_names_the_window_to_those_who_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
