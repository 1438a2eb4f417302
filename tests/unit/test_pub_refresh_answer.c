/* SPDX-License-Identifier: MIT */
/* What is sent to the frontend for a refresh, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs these. */
#include <cmocka.h>

#include "common/http/http_client.h"
#include "publisher/refresh_answer.h"

static void secret_and_alias_are_form_encoded(void **state)
{
    static const struct {
        const char *secret, *alias, *body;
    } rows[] = {
        {"secret", "annual-2024", "token=secret&alias=annual-2024"},
        {"s3&cr=t+ %", "omi:final_1", "token=s3%26cr%3Dt%2B%20%25&alias=omi%3Afinal_1"},
        {"", "a&token=x", "token=&alias=a%26token%3Dx"},
        {"ñ", "a/b", "token=%C3%B1&alias=a%2Fb"},
        {"s", "a\nb", "token=s&alias=a%0Ab"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {0};
        refresh_body_write(&b, str_of(rows[i].secret), str_of(rows[i].alias));
        buf_addc(&b, '\0');
        assert_false(b.failed);
        assert_string_equal(b.p, rows[i].body);
        buf_release(&b);
    }
}

static void each_answer_has_its_result(void **state)
{
    static const struct {
        int status;
        enum refresh_result result;
    } rows[] = {
        {200, REFRESH_OK},      {204, REFRESH_OK},      {301, REFRESH_FAILED},
        {302, REFRESH_FAILED},  {400, REFRESH_REFUSED}, {401, REFRESH_REFUSED},
        {403, REFRESH_DENIED},  {404, REFRESH_REFUSED}, {408, REFRESH_FAILED},
        {412, REFRESH_REFUSED}, {425, REFRESH_FAILED},  {429, REFRESH_FAILED},
        {500, REFRESH_FAILED},  {502, REFRESH_FAILED},  {503, REFRESH_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_answer a = {.outcome = HTTP_ANSWERED, .status = rows[i].status};
        assert_int_equal(refresh_result_of(&a), rows[i].result);
    }
}

static void no_whole_answer_is_a_failure(void **state)
{
    static const enum http_outcome outcomes[] = {HTTP_TIMEOUT, HTTP_FAILED, HTTP_TOO_LARGE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        struct http_answer a = {.outcome = outcomes[i]};
        assert_int_equal(refresh_result_of(&a), REFRESH_FAILED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_and_alias_are_form_encoded),
        cmocka_unit_test(each_answer_has_its_result),
        cmocka_unit_test(no_whole_answer_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
