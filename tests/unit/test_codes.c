/* SPDX-License-Identifier: MIT */
/* codes: every row, word for word, as protocol.md prints it. */
#include "proto/codes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/compiler.h"
#include "proto/utf8.h"

static const struct {
    enum error_code code;
    const char *name;
    int http_status;
    enum close_code close;
} errors[] = {
    {ERROR_UNAUTHORIZED, "unauthorized", 401, CLOSE_NOT_ALLOWED},
    {ERROR_FORBIDDEN, "forbidden", 403, CLOSE_NOT_ALLOWED},
    {ERROR_NOT_FOUND, "not_found", 404, CLOSE_NO_SUCH_THING},
    {ERROR_BAD_REQUEST, "bad_request", 400, CLOSE_NO_SUCH_THING},
    {ERROR_TOO_MANY_SUBSCRIPTIONS, "too_many_subscriptions", 429, CLOSE_OVERLOAD},
    {ERROR_RATE_LIMITED, "rate_limited", 429, CLOSE_OVERLOAD},
    {ERROR_UNAVAILABLE, "unavailable", 503, CLOSE_OVERLOAD},
};

static void each_error_has_its_word_status_and_close_code(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(errors), ERROR_CODES);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        assert_string_equal(error_code_str(errors[i].code), errors[i].name);
        assert_int_equal(error_code_http_status(errors[i].code), errors[i].http_status);
        assert_int_equal(error_code_close(errors[i].code), errors[i].close);
        assert_true(strlen(error_code_message(errors[i].code)) > 0);
    }
}

static void each_close_code_has_a_reason_that_fits_into_a_frame(void **state)
{
    static const int numbers[] = {1000, 1002, 1003, 1007, 1008, 1009,
                                  1012, 1013, 4001, 4003, 4004, 4008};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const char *reason = close_code_reason((enum close_code)numbers[i]);
        assert_in_range(strlen(reason), 1, 123);
        assert_true(utf8_valid(str_of(reason)));
    }
}

static void close_code_of_somebody_else_has_no_reason(void **state)
{
    (void)state;
    assert_string_equal(close_code_reason((enum close_code)4999), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_word_status_and_close_code),
        cmocka_unit_test(each_close_code_has_a_reason_that_fits_into_a_frame),
        cmocka_unit_test(close_code_of_somebody_else_has_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
