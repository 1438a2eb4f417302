/* SPDX-License-Identifier: MIT */
/* Server-Sent Events connections through real sockets; sessions only take notes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <sys/socket.h>

#include "common/config/settings.h"
#include "common/wheel.h"
#include "gateway/session/sse_channels.h"
#include "tests/unit/ws_world.h"

#define LEGACY "/?filter=/all-events"
#define DOCUMENTED "/events/?channel=/user/ana&channel=/contest/a"

struct fixture {
    struct ws_world *w;
    struct ws_client c;
    struct session *s;
};

static void allow_page(struct settings *s)
{
    ws_world_set_list(&s->broadcaster.allowed_origins, "https://page.example");
}

static void request(struct fixture *f, const char *target, const char *lines)
{
    struct buf b = {0};
    f->c = ws_client_connect(f->w);
    buf_addf(&b, "GET %s HTTP/1.1\r\nHost: judge.example\r\nAccept: text/event-stream\r\n%s\r\n",
             target, lines);
    ws_client_send(&f->c, b.p, b.n);
    buf_release(&b);
    f->s = ws_world_newest(f->w);
}

static void hang_up(struct fixture *f)
{
    ws_client_release(&f->c);
    f->c = (struct ws_client){.fd = -1};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->w = ws_world_create(allow_page);
    f->c.fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ws_client_release(&f->c);
    ws_world_await_connections(f->w, 0);
    ws_world_free(f->w);
    free(f);
    return 0;
}

static bool holds(const struct ws_client *c, const char *text)
{
    return c->in.n > 0 && memmem(c->in.p, c->in.n, text, strlen(text)) != NULL;
}

/* Awaits all of it and then that text at its end. */
static void expect_end(struct ws_client *c, const char *text)
{
    size_t n = strlen(text);
    ws_client_await_end(c);
    if (c->in.n < n || memcmp(c->in.p + c->in.n - n, text, n) != 0) {
        fail_msg("%.*s", STR_ARG(buf_str(&c->in)));
    }
}

/* Awaits the head of the stream and removes it. */
static void take_head(struct ws_client *c)
{
    while (!holds(c, "\r\n\r\n")) {
        ws_client_await_bytes(c, c->in.n + 1);
        assert_false(c->ended);
    }
    const char *end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
    size_t n = (size_t)(end - c->in.p) + 4;
    memmove(c->in.p, c->in.p + n, c->in.n - n);
    c->in.n -= n;
}

static bool write_text(struct fixture *f, const char *text)
{
    return f->s->ops->write(f->s->conn, (const uint8_t *)text, strlen(text));
}

static void documented_stream_begins_at_once(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "Authorization: token T\r\n");
    assert_int_equal(SESSION_DOCUMENTED, f->s->kind);
    assert_string_equal("T", f->s->token);
    assert_int_equal(2, f->s->channels->n);
    ws_client_await_bytes(&f->c, 15);
    assert_true(holds(&f->c, "HTTP/1.1 200 OK\r\n"));
    assert_true(holds(&f->c, "\r\nContent-Type: text/event-stream\r\n"));
    assert_true(holds(&f->c, "\r\nX-Accel-Buffering: no\r\n"));
    assert_false(holds(&f->c, "Access-Control"));
    take_head(&f->c);
    assert_true(write_text(f, "data: 1\n\n"));
    ws_client_await_bytes(&f->c, 9);
    assert_memory_equal("data: 1\n\n", f->c.in.p, 9);
}

static void legacy_answer_waits_for_admission(void **state)
{
    struct fixture *f = *state;
    request(f, LEGACY, "");
    assert_int_equal(SESSION_LEGACY, f->s->kind);
    assert_string_equal("/all-events", f->s->filters);
    assert_true(f->s->ops->ping(f->s->conn)); /* says nothing yet */
    ws_world_turn(f->w);
    ws_client_read(&f->c);
    assert_int_equal(0, f->c.in.n);
    assert_int_equal(0, f->w->metrics.handshakes);
    f->s->ops->admit(f->s->conn);
    f->s->ops->admit(f->s->conn); /* once is enough */
    assert_int_equal(1, f->w->metrics.handshakes);
    take_head(&f->c);
    assert_true(f->s->ops->ping(f->s->conn));
    ws_client_await_bytes(&f->c, 2);
    assert_memory_equal(":\n", f->c.in.p, 2);
}

static void refusal_is_an_answer_of_its_own(void **state)
{
    struct fixture *f = *state;
    request(f, LEGACY, "Origin: https://page.example\r\n");
    f->s->ops->refuse(f->s->conn, 403, STR("{\"status\":\"error\"}"));
    f->s->ops->close(f->s->conn, CLOSE_NOT_ALLOWED, STR("refused"), false);
    expect_end(&f->c, "{\"status\":\"error\"}");
    assert_true(holds(&f->c, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain"));
    assert_true(holds(&f->c, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_true(holds(&f->c, "\r\nAccess-Control-Allow-Origin: https://page.example\r\n"));
}

static void long_refusal_is_cut_at_4_kib(void **state)
{
    struct fixture *f = *state;
    static char text[5000];
    memset(text, 'x', sizeof(text));
    request(f, LEGACY, "");
    f->s->ops->refuse(f->s->conn, 502, (struct str){text, sizeof(text)});
    ws_client_await_end(&f->c);
    assert_true(holds(&f->c, "HTTP/1.1 502 Bad Gateway\r\n"));
    assert_true(holds(&f->c, "\r\nContent-Length: 4096\r\n"));
    take_head(&f->c);
    assert_int_equal(4096, f->c.in.n);
}

static void close_before_the_stream_is_503(void **state)
{
    struct fixture *f = *state;
    request(f, LEGACY, "");
    session_close(f->s, CLOSE_OVERLOAD, "busy");
    expect_end(&f->c, "\r\n\r\nbusy");
    assert_true(holds(&f->c, "HTTP/1.1 503 "));
    assert_true(holds(&f->c, "\r\nRetry-After: "));
}

static void refusal_after_the_beginning_only_ends(void **state)
{
    struct fixture *f = *state;
    request(f, LEGACY, "");
    f->s->ops->admit(f->s->conn);
    take_head(&f->c);
    f->s->ops->refuse(f->s->conn, 403, STR("no"));
    session_close(f->s, CLOSE_NOT_ALLOWED, "no");
    ws_client_await_end(&f->c);
    assert_int_equal(0, f->c.in.n);
}

static void leaving_tells_when_to_come_again(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "");
    take_head(&f->c);
    assert_true(write_text(f, "data: 1\n"));
    assert_true(write_text(f, "\n"));
    session_close(f->s, CLOSE_LEAVING, "bye");
    assert_false(write_text(f, "data: 2\n\n"));
    ws_client_await_end(&f->c);
    buf_addc(&f->c.in, '\0');
    unsigned ms = 0;
    assert_int_equal(1, sscanf(f->c.in.p, "data: 1\n\nretry: %u\n\n", &ms));
    assert_in_range(ms, 1000, 2000);
}

static void who_is_refused_everything_is_told_so_and_stays_away(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "");
    take_head(&f->c);
    session_close(f->s, CLOSE_IDLE_STRANGER, "idle_stranger");
    ws_client_await_end(&f->c);
    buf_addc(&f->c.in, '\0');
    unsigned ms = 0;
    const char *end = strstr(f->c.in.p, "\n\nretry: ");
    assert_int_equal(0, strncmp(f->c.in.p, "event: error\ndata: {", 20));
    assert_non_null(strstr(f->c.in.p, "every channel of this stream was refused"));
    assert_non_null(end);
    assert_int_equal(1, sscanf(end, "\n\nretry: %u\n\n", &ms));
    assert_in_range(ms, 300000, 600000);
}

static void nothing_is_said_within_an_event(void **state)
{
    static const char *const parts[] = {"data: 1", "data: 1\n", "data: 1\n\ndata: 2\n"};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        hang_up(f);
        request(f, DOCUMENTED, "");
        take_head(&f->c);
        assert_true(write_text(f, parts[i]));
        session_close(f->s, CLOSE_LEAVING, "bye");
        ws_client_await_end(&f->c);
        assert_int_equal(strlen(parts[i]), f->c.in.n);
    }
}

static void other_ends_say_nothing(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "");
    take_head(&f->c);
    session_close(f->s, CLOSE_DEAUTHENTICATED, "out");
    ws_client_await_end(&f->c);
    assert_int_equal(0, f->c.in.n);
}

static void client_that_does_not_read_blocks_and_goes_on_later(void **state)
{
    struct fixture *f = *state;
    static char text[65536];
    memset(text, 'x', sizeof(text));
    request(f, DOCUMENTED, "");
    take_head(&f->c);
    size_t written = 0;
    while (!f->s->ops->is_blocked(f->s->conn)) {
        assert_true(f->s->ops->write(f->s->conn, (const uint8_t *)text, sizeof(text)));
        written += sizeof(text);
        assert_true(written < 64 * 1024 * 1024);
    }
    assert_true(f->s->ops->ping(f->s->conn)); /* not into the middle */
    assert_true(f->s->ops->write(f->s->conn, (const uint8_t *)"end\n\n", 5)); /* behind it */
    assert_int_equal(0, f->s->writable);
    ws_client_await_bytes(&f->c, written + 5);
    ws_world_await(f->w, &f->s->writable, 1);
    assert_false(f->s->ops->is_blocked(f->s->conn));
    assert_int_equal(written + 5, f->c.in.n);
    assert_memory_equal("xend\n\n", f->c.in.p + written - 1, 6);
}

static void client_that_has_gone_ends_the_session(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {LEGACY, DOCUMENTED};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        request(f, targets[i], "");
        hang_up(f);
        ws_world_await(f->w, &f->s->closed, 1);
    }
}

static void what_the_client_sends_is_thrown_away(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "Content-Length: 3\r\n");
    ws_client_send_text(&f->c, "GET / HTTP/1.1\r\n\r\n");
    take_head(&f->c);
    for (int i = 0; i < 5; i++) {
        ws_world_turn(f->w);
    }
    assert_true(write_text(f, "data: 1\n\n"));
    ws_client_await_bytes(&f->c, 9);
    assert_int_equal(9, f->c.in.n);
    assert_int_equal(0, f->s->alive);
}

static void client_that_never_stops_sending_is_cut_off(void **state)
{
    struct fixture *f = *state;
    static char text[65536];
    request(f, DOCUMENTED, "");
    for (int i = 0; i < 1000 && f->s->closed == 0; i++) {
        (void)send(f->c.fd, text, sizeof(text), MSG_NOSIGNAL | MSG_DONTWAIT);
        ws_world_turn(f->w);
    }
    assert_int_equal(1, f->s->closed);
}

static void client_that_does_not_close_is_cut_after_two_seconds(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "");
    session_close(f->s, CLOSE_NORMAL, "bye");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(0, f->s->closed);
        wheel_tick(f->w->wheel);
    }
    wheel_tick(f->w->wheel);
    ws_world_await(f->w, &f->s->closed, 1);
}

static void close_at_once_waits_for_nobody(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "");
    f->s->ops->close(f->s->conn, CLOSE_TOO_SLOW, STR("slow"), true);
    ws_world_await(f->w, &f->s->closed, 1);
}

static void allowed_page_is_told_that_it_may_read(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "Origin: https://page.example\r\n");
    ws_client_await_bytes(&f->c, 15);
    assert_true(holds(&f->c, "\r\nAccess-Control-Allow-Origin: https://page.example\r\n"
                             "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n"));
}

static void other_page_is_told_nothing_and_its_cookies_do_not_count(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "Origin: https://evil.example\r\nCookie: ouat=T\r\n");
    assert_string_equal("", f->s->token ? f->s->token : "");
    take_head(&f->c);
    assert_false(holds(&f->c, "Access-Control"));
}

static void server_that_ends_takes_its_streams_along(void **state)
{
    struct fixture *f = *state;
    request(f, DOCUMENTED, "");
    f->w->server = ws_server_free(f->w->server);
    assert_int_equal(1, f->s->closed);
    ws_client_release(&f->c);
    ws_world_free(f->w);
    free(f);
    *state = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(documented_stream_begins_at_once),
        TEST(legacy_answer_waits_for_admission),
        TEST(refusal_is_an_answer_of_its_own),
        TEST(long_refusal_is_cut_at_4_kib),
        TEST(close_before_the_stream_is_503),
        TEST(refusal_after_the_beginning_only_ends),
        TEST(leaving_tells_when_to_come_again),
        TEST(who_is_refused_everything_is_told_so_and_stays_away),
        TEST(nothing_is_said_within_an_event),
        TEST(other_ends_say_nothing),
        TEST(client_that_does_not_read_blocks_and_goes_on_later),
        TEST(client_that_has_gone_ends_the_session),
        TEST(what_the_client_sends_is_thrown_away),
        TEST(client_that_never_stops_sending_is_cut_off),
        TEST(client_that_does_not_close_is_cut_after_two_seconds),
        TEST(close_at_once_waits_for_nobody),
        TEST(allowed_page_is_told_that_it_may_read),
        TEST(other_page_is_told_nothing_and_its_cookies_do_not_count),
        cmocka_unit_test_setup(server_that_ends_takes_its_streams_along, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
