/* SPDX-License-Identifier: MIT */
/* Requests, refusals and pages, through real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs four of these. */
#include <cmocka.h>

#include "common/config/settings.h"
#include "common/wheel.h"
#include "tests/unit/ws_world.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define HOST "Host: judge.example\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

static int set_up(void **state)
{
    *state = ws_world_create(NULL);
    return 0;
}

static int tear_down(void **state)
{
    ws_world_free(*state);
    return 0;
}

/* The whole answer to these bytes; the connection must have ended in order. */
static struct buf ask_bytes(struct ws_world *w, const char *bytes, size_t n)
{
    struct ws_client c = ws_client_connect(w);
    ws_client_send(&c, bytes, n);
    ws_client_await_end(&c);
    struct buf answer = {0};
    buf_add(&answer, buf_str(&c.in));
    buf_addc(&answer, '\0');
    assert_false(c.was_reset);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
    return answer;
}

static void expect_answer(struct ws_world *w, const char *request, const char *status_line,
                          const char *in_it)
{
    struct buf answer = ask_bytes(w, request, strlen(request));
    if (strncmp(answer.p, status_line, strlen(status_line)) != 0 || !strstr(answer.p, in_it)) {
        fail_msg("%s\n was answered\n%s", request, answer.p);
    }
    buf_release(&answer);
}

static void documented_upgrade_becomes_a_session(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/events/", "Cookie: a=b; ouat=secret-1\r\n");
    struct session *s = ws_world_newest(w);
    assert_int_equal(SESSION_DOCUMENTED, s->kind);
    assert_string_equal("secret-1", s->token);
    assert_string_equal("", s->filters);
    assert_string_equal("127.0.0.1", s->peer);
    assert_string_equal("websocket", s->ops->name);
    assert_int_equal(1, w->metrics.accepted);
    assert_int_equal(1, w->metrics.handshakes);
    assert_int_equal(1, ws_server_connections(w->server));
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
    assert_int_equal(1, s->closed);
}

static void legacy_upgrade_carries_its_filters(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/?filter=%2Fproblem%2Fsums,/user/a+b&filter=/problemset/17/T",
                      "Authorization: token abc\r\n");
    struct session *s = ws_world_newest(w);
    assert_int_equal(SESSION_LEGACY, s->kind);
    assert_string_equal("/problem/sums,/user/a+b,/problemset/17/T", s->filters);
    assert_string_equal("abc", s->token);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void subprotocol_is_echoed_only_when_offered(void **state)
{
    struct ws_world *w = *state;
    static const struct {
        const char *line;
        bool echoed;
    } rows[] = {{"", false}, {"Sec-WebSocket-Protocol: chat, com.omegaup.events\r\n", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ws_client c = ws_client_connect(w);
        struct buf request = {0};
        ws_client_request(&request, "/", rows[i].line);
        ws_client_send(&c, request.p, request.n);
        ws_client_await_bytes(&c, 1);
        buf_addc(&c.in, '\0');
        assert_non_null(strstr(c.in.p, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert_true(rows[i].echoed ==
                    (strstr(c.in.p, "Sec-WebSocket-Protocol: com.omegaup.events\r\n") != NULL));
        buf_release(&request);
        ws_client_release(&c);
    }
    ws_world_await_connections(w, 0);
}

static void frames_that_come_with_the_request_are_not_lost(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = ws_client_connect(w);
    struct buf bytes = {0};
    ws_client_request(&bytes, "/", "");
    ws_client_frame(&bytes, 0x81, STR("first"));
    ws_client_frame(&bytes, 0x81, STR("second"));
    ws_client_send(&c, bytes.p, bytes.n);
    ws_world_await_texts(w, ws_world_newest(w), "first\nsecond\n");
    buf_release(&bytes);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void request_that_comes_byte_by_byte_is_understood(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = ws_client_connect(w);
    struct buf bytes = {0};
    ws_client_request(&bytes, "/", "Cookie: ouat=slow\r\n");
    for (size_t i = 0; i < bytes.n; i++) {
        ws_client_send(&c, bytes.p + i, 1);
    }
    assert_string_equal("slow", ws_world_newest(w)->token);
    buf_release(&bytes);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void refusals_come_whole_and_say_why(void **state)
{
    struct ws_world *w = *state;
    static const struct {
        const char *request, *status, *in_it;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" UPGRADE V13 KEY "\r\n", "HTTP/1.1 400 ", "Host"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE V13 "\r\n", "HTTP/1.1 400 ", "Sec-WebSocket-Key"},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" V13 KEY "\r\n", "HTTP/1.1 400 ",
         "Connection"},
        {"GET / HTTP/1.0\r\n" HOST UPGRADE V13 KEY "\r\n", "HTTP/1.1 400 ", "HTTP/1.1\n"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE V13 KEY "Sec-WebSocket-Protocol: chat\r\n\r\n",
         "HTTP/1.1 400 ", "com.omegaup.events\n"},
        {"GET /?filter=/nothing HTTP/1.1\r\n" HOST UPGRADE V13 KEY "\r\n", "HTTP/1.1 400 ",
         "no filter of a known kind\n"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY "\r\n",
         "HTTP/1.1 426 ", "\r\nSec-WebSocket-Version: 13\r\n"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE V13 KEY "Origin: https://evil.example\r\n\r\n",
         "HTTP/1.1 403 ", "origin"},
        {"GET /nowhere HTTP/1.1\r\n" HOST UPGRADE V13 KEY "\r\n", "HTTP/1.1 404 ", "WebSocket"},
        {"GET /events/ HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 ", "WebSocket"},
        {"GET /events/ HTTP/1.1\r\n" HOST "Accept: text/event-stream\r\n\r\n", "HTTP/1.1 400 ",
         "Server-Sent Events"},
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ", "no such page"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", "HTTP/1.1 405 ",
         "Allow: GET, HEAD\r\n"},
        {"GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 ", "CR LF"}, /* and not waited for */
        {"\x16\x03\x01\x02", "HTTP/1.1 400 ", "not HTTP"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_answer(w, rows[i].request, rows[i].status, rows[i].in_it);
    }
    assert_int_equal(1, w->metrics.refused_version);
    assert_int_equal(1, w->metrics.refused_origin);
    assert_int_equal(11, w->metrics.refused_bad_request);
    assert_null(w->sessions);
}

static void too_large_heads_are_answered_431(void **state)
{
    struct ws_world *w = *state;
    struct buf request = {0};
    buf_addf(&request, "GET /?filter=%0*d HTTP/1.1\r\n" HOST "\r\n", 17000, 0);
    buf_addc(&request, '\0');
    expect_answer(w, request.p, "HTTP/1.1 431 ", "request line");
    buf_clear(&request);
    buf_addf(&request, "GET / HTTP/1.1\r\n" HOST "Cookie: %0*d\r\n\r\n", 300000, 0);
    buf_addc(&request, '\0');
    expect_answer(w, request.p, "HTTP/1.1 431 ", "header fields");
    buf_release(&request);
    assert_int_equal(2, w->metrics.refused_too_large);
}

static void cookies_of_sixty_kilobytes_are_taken(void **state)
{
    struct ws_world *w = *state;
    struct buf lines = {0};
    buf_addf(&lines, "Cookie: a=%0*d; ouat=behind-it-all\r\n", 60000, 0);
    buf_addc(&lines, '\0');
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/", lines.p);
    assert_string_equal("behind-it-all", ws_world_newest(w)->token);
    buf_release(&lines);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void refusal_reaches_a_client_that_is_still_sending(void **state)
{
    struct ws_world *w = *state;
    struct buf request = {0};
    buf_addf(&request, "POST / HTTP/1.1\r\n" HOST "Content-Length: 500000\r\n\r\n%0*d", 500000, 0);
    struct buf answer = ask_bytes(w, request.p, request.n);
    assert_non_null(strstr(answer.p, "HTTP/1.1 405 "));
    buf_release(&answer);
    buf_release(&request);
}

static void pages_tell_status_and_connections(void **state)
{
    struct ws_world *w = *state;
    w->metrics.connections_active = 42;
    expect_answer(w, "GET /health HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ",
                  "\r\n\r\n{\"status\":\"ok\",\"connections\":42}\n");
    expect_answer(w, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "\"connections\":42}\n");
    /* Connection: upgrade without Upgrade is a plain request. */
    expect_answer(w, "GET /health HTTP/1.1\r\n" HOST "Connection: upgrade\r\n\r\n", "HTTP/1.1 200 ",
                  "application/json");
    struct buf head = ask_bytes(w, "HEAD / HTTP/1.1\r\n" HOST "\r\n", 41);
    assert_string_equal("\r\n\r\n", strstr(head.p, "\r\n\r\n"));
    buf_release(&head);
}

static void silent_client_is_let_go_at_the_deadline(void **state)
{
    struct ws_world *w = *state;
    struct ws_client silent = ws_client_connect(w);
    struct ws_client slow = ws_client_connect(w);
    ws_client_send_text(&slow, "GET / HTTP/1.1\r\n");
    ws_world_await_connections(w, 2);
    for (int i = 0; i < 5; i++) {
        wheel_tick(w->wheel);
    }
    assert_int_equal(2, ws_server_connections(w->server));
    wheel_tick(w->wheel);
    ws_client_await_end(&silent);
    assert_int_equal(0, silent.in.n);
    ws_client_await_bytes(&slow, 13);
    assert_memory_equal("HTTP/1.1 408 ", slow.in.p, 13);
    assert_int_equal(2, w->metrics.refused_timeout);
    ws_client_release(&silent);
    ws_client_release(&slow);
    ws_world_await_connections(w, 0);
}

static void refused_client_that_does_not_close_is_let_go(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = ws_client_connect(w);
    ws_client_send_text(&c, "POST / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n");
    ws_client_await_bytes(&c, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(1, ws_server_connections(w->server));
        wheel_tick(w->wheel);
    }
    ws_world_await_connections(w, 0);
    ws_client_release(&c);
}

static void session_without_memory_is_answered_503(void **state)
{
    struct ws_world *w = *state;
    w->no_memory_for_sessions = true;
    expect_answer(w, "GET / HTTP/1.1\r\n" HOST UPGRADE V13 KEY "\r\n", "HTTP/1.1 503 ", "memory");
}

static void leaving_server_takes_legacy_clients_only(void **state)
{
    struct ws_world *w = *state;
    w->is_leaving = true;
    expect_answer(w, "GET / HTTP/1.1\r\n" HOST UPGRADE V13 KEY "\r\n", "HTTP/1.1 503 ", "leaving");
    expect_answer(w, "GET /health HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 503 ", "Retry-After");
    assert_int_equal(2, w->metrics.refused_leaving);
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/?filter=/all-events", "");
    assert_int_equal(SESSION_LEGACY, ws_world_newest(w)->kind);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(documented_upgrade_becomes_a_session),
        T(legacy_upgrade_carries_its_filters),
        T(subprotocol_is_echoed_only_when_offered),
        T(frames_that_come_with_the_request_are_not_lost),
        T(request_that_comes_byte_by_byte_is_understood),
        T(refusals_come_whole_and_say_why),
        T(too_large_heads_are_answered_431),
        T(cookies_of_sixty_kilobytes_are_taken),
        T(refusal_reaches_a_client_that_is_still_sending),
        T(pages_tell_status_and_connections),
        T(silent_client_is_let_go_at_the_deadline),
        T(refused_client_that_does_not_close_is_let_go),
        T(session_without_memory_is_answered_503),
        T(leaving_server_takes_legacy_clients_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
