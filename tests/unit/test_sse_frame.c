/* SPDX-License-Identifier: MIT */
#include "proto/sse_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/compiler.h"

static void events_are_these_lines(void **state)
{
    static const struct {
        struct str event, data;
        const char *expected;
    } rows[] = {
        {STR("run_update"), STR("{}"), "event: run_update\ndata: {}\n"},
        {{NULL, 0}, STR("{\"a\":1}"), "data: {\"a\":1}\n"},
        {{NULL, 0}, STR("a\nb"), "data: a\ndata: b\n"},
        {{NULL, 0}, STR("a\n"), "data: a\ndata: \n"},
        {{NULL, 0}, STR("\na"), "data: \ndata: a\n"},
        {{NULL, 0}, STR("a\n\nb"), "data: a\ndata: \ndata: b\n"},
        {{NULL, 0}, STR("a\r\nb"), "data: a\ndata: b\n"},
        {{NULL, 0}, STR("a\rb"), "data: a\ndata: b\n"},
        {{NULL, 0}, STR("a\n\rb"), "data: a\ndata: \ndata: b\n"},
        {{NULL, 0}, STR("a\r"), "data: a\ndata: \n"},
        {{NULL, 0}, STR(" a"), "data:  a\n"},
        {STR("e"), {NULL, 0}, "event: e\n"},
        {{NULL, 0}, {NULL, 0}, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msg *m = sse_frame(rows[i].event, rows[i].data);
        assert_non_null(m);
        if (!str_eq(msg_str(m), str_of(rows[i].expected))) {
            fail_msg("row %zu: %.*s", i, STR_ARG(msg_str(m)));
        }
        (void)msg_unref(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_these_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
