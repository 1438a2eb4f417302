/* SPDX-License-Identifier: MIT */
/* Requests, refusals, pages, limits and listening, through real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs four of these. */
#include <cmocka.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/settings.h"
#include "gateway/wheel.h"
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

static void limit_to_two(struct settings *s)
{
    s->broadcaster.max_connections_per_address = 2;
}

static int set_up_limited(void **state)
{
    *state = ws_world_create(limit_to_two);
    return 0;
}

static void limit_behind_proxy(struct settings *s)
{
    s->broadcaster.max_connections_per_address = 2;
    ws_world_set_list(&s->broadcaster.trusted_proxies, "127.0.0.0/8");
}

static int set_up_behind_proxy(void **state)
{
    *state = ws_world_create(limit_behind_proxy);
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
        {"GET /events/ HTTP/1.1\r\n" HOST "Accept: text/event-stream\r\n\r\n", "HTTP/1.1 406 ",
         "Server-Sent Events"},
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ", "no such page"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", "HTTP/1.1 405 ",
         "Allow: GET, HEAD\r\n"},
        {"GET / HTTP/1.1\nHost: x\n\n\r\n\r\n", "HTTP/1.1 400 ", "only HTTP/1.1"},
        {"\x16\x03\x01\x02", "HTTP/1.1 400 ", "not HTTP"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_answer(w, rows[i].request, rows[i].status, rows[i].in_it);
    }
    assert_int_equal(1, w->metrics.refused_version);
    assert_int_equal(1, w->metrics.refused_origin);
    assert_int_equal(10, w->metrics.refused_bad_request);
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
    assert_int_equal(0, ws_server_connections(w->server));
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

static void third_connection_of_an_address_is_refused_until_one_leaves(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c[3];
    for (size_t i = 0; i < 2; i++) {
        c[i] = ws_client_connect(w);
        ws_client_upgrade(&c[i], "/", "");
    }
    c[2] = ws_client_connect(w);
    ws_client_send_text(&c[2], "GET / HTTP/1.1\r\n" HOST UPGRADE V13 KEY "\r\n");
    ws_client_await_end(&c[2]);
    assert_memory_equal("HTTP/1.1 429 ", c[2].in.p, 13);
    assert_int_equal(1, w->metrics.refused_address);
    ws_client_release(&c[2]);

    ws_client_release(&c[0]);
    ws_world_await_connections(w, 1);
    c[0] = ws_client_connect(w);
    ws_client_upgrade(&c[0], "/", "");
    ws_client_release(&c[0]);
    ws_client_release(&c[1]);
    ws_world_await_connections(w, 0);
}

static void legacy_client_over_the_limit_is_upgraded_and_closed(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c[3];
    for (size_t i = 0; i < 3; i++) {
        c[i] = ws_client_connect(w);
        ws_client_upgrade(&c[i], "/?filter=/all-events", "");
    }
    ws_client_expect_close(&c[2], 1013);
    assert_int_equal(1, w->metrics.refused_address);
    for (size_t i = 0; i < 3; i++) {
        ws_client_release(&c[i]);
    }
    ws_world_await_connections(w, 0);
}

static void address_that_floods_is_not_even_read(void **state)
{
    struct ws_world *w = *state;
    enum { TAKEN = 2 * 2 + 16 };
    struct ws_client c[TAKEN + 1];
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = ws_client_connect(w);
    }
    ws_client_await_end(&c[TAKEN]);
    assert_int_equal(TAKEN, ws_server_connections(w->server));
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        ws_client_release(&c[i]);
    }
    ws_world_await_connections(w, 0);
}

static void clients_behind_a_proxy_are_counted_by_their_own_address(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c[5];
    static const char *const lines[] = {
        "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n",
        "X-Forwarded-For: 198.51.100.1, 127.0.0.7\r\n", "X-Forwarded-For: 198.51.100.2\r\n",
        "", /* the proxy does not say: not counted */
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        c[i] = ws_client_connect(w);
        ws_client_upgrade(&c[i], "/", lines[i]);
    }
    assert_string_equal("127.0.0.1", w->sessions->peer);
    assert_string_equal("198.51.100.2", w->sessions->next->peer);
    c[4] = ws_client_connect(w);
    ws_client_send_text(&c[4], "GET / HTTP/1.1\r\n" HOST UPGRADE V13 KEY
                               "X-Real-IP: 198.51.100.1\r\n\r\n");
    ws_client_await_end(&c[4]);
    assert_memory_equal("HTTP/1.1 429 ", c[4].in.p, 13);
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        ws_client_release(&c[i]);
    }
    ws_world_await_connections(w, 0);
}

static void stopped_server_serves_who_is_queued_and_keeps_its_sessions(void **state)
{
    struct ws_world *w = *state;
    struct ws_client old = ws_client_connect(w);
    ws_client_upgrade(&old, "/", "");
    struct session *s = ws_world_newest(w);
    struct ws_client queued = ws_client_connect(w);
    uint16_t port = ws_server_port(w->server);
    ws_server_stop_listening(w->server);
    ws_client_upgrade(&queued, "/", "");
    assert_int_equal(0, s->closed);
    ws_client_send_frame(&old, 0x81, STR("still"));
    ws_world_await_texts(w, s, "still\n");

    /* The port is free for the next process. */
    assert_int_equal(0, ws_server_listen(w->server, "127.0.0.1", port));
    ws_server_stop_listening(w->server);
    ws_client_release(&old);
    ws_client_release(&queued);
    ws_world_await_connections(w, 0);
}

static void two_ports_are_listened_on(void **state)
{
    struct ws_world *w = *state;
    assert_int_equal(0, ws_server_listen(w->server, "", 0)); /* all addresses */
    assert_true(ws_server_listen(w->server, "203.0.113.1", 0) < 0);
    assert_true(ws_server_port(w->server) > 0);
}

/* Client and server share this process, so each connection takes two of its descriptors. */
static void connections_over_the_descriptors_are_refused_and_old_ones_work(void **state)
{
    struct rlimit old;
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &old));
    const struct rlimit low = {.rlim_cur = 128, .rlim_max = old.rlim_max};
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &low));
    struct ws_world *w = ws_world_create(NULL);
    struct ws_client first = ws_client_connect(w);
    ws_client_upgrade(&first, "/", "");
    struct session *s = ws_world_newest(w);

    struct ws_client c[64];
    size_t n = 0;
    while (w->metrics.refused_descriptors < 3 && n < ARRAY_LEN(c)) {
        c[n++] = ws_client_connect(w);
        ws_world_turn(w);
    }
    assert_int_equal(3, w->metrics.refused_descriptors);
    assert_true(ws_server_connections(w->server) < 96 / 2);
    ws_client_await_end(&c[n - 1]);
    ws_client_send_frame(&first, 0x81, STR("alive"));
    ws_world_await_texts(w, s, "alive\n");

    while (n > 0) {
        ws_client_release(&c[--n]);
    }
    ws_world_await_connections(w, 1);
    struct ws_client next = ws_client_connect(w);
    ws_client_upgrade(&next, "/", "");
    ws_client_release(&next);
    ws_client_release(&first);
    ws_world_await_connections(w, 0);
    ws_world_free(w);
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &old));
    (void)state;
}

static void server_ends_with_connections_open(void **state)
{
    struct ws_world *w = ws_world_create(NULL);
    struct ws_client open = ws_client_connect(w);
    struct ws_client half = ws_client_connect(w);
    ws_client_upgrade(&open, "/", "");
    ws_client_send_text(&half, "GET /");
    ws_world_turn(w);
    ws_world_free(w);
    ws_client_release(&open);
    ws_client_release(&half);
    (void)state;
}

static void reload_with_a_bad_proxy_keeps_the_old(void **state)
{
    struct ws_world *w = *state;
    struct settings *next = settings_create();
    assert_non_null(next);
    const char *why = NULL;
    assert_true(ws_server_reload(w->server, next, &why));
    ws_world_set_list(&next->broadcaster.trusted_proxies, "10.0.0.0/33");
    assert_false(ws_server_reload(w->server, next, &why));
    assert_non_null(strstr(why, "TrustedProxies"));
    settings_free(next);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define T_LIMITED(name) cmocka_unit_test_setup_teardown(name, set_up_limited, tear_down)

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
        T_LIMITED(third_connection_of_an_address_is_refused_until_one_leaves),
        T_LIMITED(legacy_client_over_the_limit_is_upgraded_and_closed),
        T_LIMITED(address_that_floods_is_not_even_read),
        cmocka_unit_test_setup_teardown(clients_behind_a_proxy_are_counted_by_their_own_address,
                                        set_up_behind_proxy, tear_down),
        T(stopped_server_serves_who_is_queued_and_keeps_its_sessions),
        T(two_ports_are_listened_on),
        cmocka_unit_test(connections_over_the_descriptors_are_refused_and_old_ones_work),
        cmocka_unit_test(server_ends_with_connections_open),
        T(reload_with_a_bad_proxy_keeps_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
