/* SPDX-License-Identifier: MIT */
/* http_reply: answers, byte for byte. */
#include "common/http/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_reply(const struct http_reply *r, const struct http_reply_options *o,
                         const char *want)
{
    struct buf out = {0};
    http_reply_write_head(&out, r, o);
    buf_addc(&out, '\0');
    assert_string_equal(out.p, want);
    buf_release(&out);
}

static void the_head_of_an_answer_with_a_body(void **state)
{
    (void)state;
    assert_reply(&(struct http_reply){.status = 200, .body = STR("{}")},
                 &(struct http_reply_options){.date = "D"},
                 "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: application/json\r\n"
                 "Content-Length: 2\r\n\r\n");
}

static void a_body_that_is_not_wanted_is_left_out(void **state)
{
    (void)state;
    assert_reply(&(struct http_reply){.status = 400, .body = STR("{}")},
                 &(struct http_reply_options){.date = "D", .without_body = true, .close = true},
                 "HTTP/1.1 400 Bad Request\r\nDate: D\r\nConnection: close\r\n"
                 "Content-Length: 0\r\n\r\n");
}

static void other_types_and_fields(void **state)
{
    (void)state;
    assert_reply(
        &(struct http_reply){
            .status = 200, .type = "text/plain", .body = STR("abc"), .fields = "A: b\r\nC: d\r\n"},
        &(struct http_reply_options){.date = "D", .is_http_1_0 = true},
        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nA: b\r\nC: d\r\n"
        "Connection: keep-alive\r\nContent-Length: 3\r\n\r\n");
}

static void statuses_bring_their_fields(void **state)
{
    (void)state;
    const struct http_reply_options o = {.date = "D"};
    assert_reply(&(struct http_reply){.status = 401}, &o,
                 "HTTP/1.1 401 Unauthorized\r\nDate: D\r\nWWW-Authenticate: Bearer\r\n"
                 "Content-Length: 0\r\n\r\n");
    assert_reply(&(struct http_reply){.status = 503}, &o,
                 "HTTP/1.1 503 Service Unavailable\r\nDate: D\r\nRetry-After: 1\r\n"
                 "Content-Length: 0\r\n\r\n");
    assert_reply(&(struct http_reply){.status = 405, .allow = "PUT, DELETE"}, &o,
                 "HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\nAllow: PUT, DELETE\r\n"
                 "Content-Length: 0\r\n\r\n");
    assert_reply(&(struct http_reply){.status = 599}, &o,
                 "HTTP/1.1 599 Internal Server Error\r\nDate: D\r\nContent-Length: 0\r\n\r\n");
}

static void error_bodies_are_json(void **state)
{
    (void)state;
    struct buf out = {0};
    http_reply_error_body(&out, 400, STR("at \"x\"\n"));
    buf_addc(&out, '\0');
    assert_string_equal(out.p, "{\"status\":\"error\",\"error\":\"bad_request\","
                               "\"message\":\"at \\\"x\\\"\\n\"}\n");
    buf_release(&out);
}

static void dates_are_those_of_http(void **state)
{
    (void)state;
    char date[32];
    http_date(784111777, date);
    assert_string_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_of_an_answer_with_a_body),
        cmocka_unit_test(a_body_that_is_not_wanted_is_left_out),
        cmocka_unit_test(other_types_and_fields),
        cmocka_unit_test(statuses_bring_their_fields),
        cmocka_unit_test(error_bodies_are_json),
        cmocka_unit_test(dates_are_those_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
