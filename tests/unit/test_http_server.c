/* SPDX-License-Identifier: MIT */
/* http_server: conversations over socket pairs. Seconds pass by wheel_tick(). */
#include "common/http/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/loop.h"
#include "common/net/stream.h"
#include "common/wheel.h"

enum { TURNS = 1000, IDLE_S = 6, REQUEST_S = 4, WRITE_S = 3, FIRST_S = 2, STRANGERS = 3 };

#define HOST "Host: a\r\n"
#define KNOWN "Authorization: x\r\n"

struct world {
    struct loop *loop;
    struct wheel *wheel;
    struct http_server *server;
    int peer; /* the other end of the only connection */
    char heard[8192];
    struct http_exchange *later; /* to be answered by the test */
    struct buf bodies;           /* of all requests, each with a '|' */
    struct stream *taken;
    struct buf rest;
    uint64_t refused, timeouts;
    int statuses, ends, asked;
};

/* --- the handler: paths say what to do --- */

static void reply(struct http_exchange *x)
{
    http_exchange_reply(x, &(struct http_reply){.status = 200, .body = STR("done")});
}

static bool on_head(struct http_exchange *x, uint64_t *out_max_body, void *arg)
{
    struct world *w = arg;
    struct str rest;
    w->asked++;
    x->is_identified |= x->head->authorization.p != NULL;
    if (str_eq(x->head->path, STR("/take"))) {
        w->taken = http_exchange_take(x, &rest);
        buf_add(&w->rest, rest);
        return false;
    }
    if (str_eq(x->head->path, STR("/denied"))) {
        http_exchange_fail(x, 401, "who are you?");
        return false;
    }
    if (str_eq(x->head->path, STR("/raw"))) {
        http_exchange_send(x, 200, STR("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nraw"));
        return false;
    }
    if (str_eq(x->head->path, STR("/head-later"))) {
        w->later = x;
        return false;
    }
    *out_max_body = 100000;
    return true;
}

static void on_request(struct http_exchange *x, void *arg)
{
    struct world *w = arg;
    buf_add(&w->bodies, x->body);
    buf_addc(&w->bodies, '|');
    if (str_eq(x->head->path, STR("/later"))) {
        w->later = x;
    } else {
        reply(x);
    }
}

static void on_fault(struct http_exchange *x, struct http_fault fault, void *arg UNUSED)
{
    http_exchange_fail_and_close(x, fault.status, fault.reason);
}

static void on_status(int status UNUSED, void *arg)
{
    ((struct world *)arg)->statuses++;
}

static void on_end(void *context UNUSED, void *arg)
{
    ((struct world *)arg)->ends++;
}

static const struct http_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_fault = on_fault,
    .on_status = on_status,
    .on_end = on_end,
};
static const struct http_rules rules = {
    .interest = HTTP_PUBLISHING,
    .max_line_bytes = 1000,
    .max_fields_bytes = 20000,
    .line_too_long_status = 414,
    .line_too_long = "line",
    .fields_too_large = "fields",
};

/* --- the world --- */

static int take_from(struct world *w, const struct sockaddr *address)
{
    int fds[2];
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    assert_true(http_server_take(w->server, fds[0], address, NULL, NULL));
    return fds[1];
}

static int set_up_with(void **state, uint32_t first_s)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->loop = loop_create();
    w->wheel = wheel_create(w->loop);
    w->server = http_server_create(&(struct http_server_options){
        .loop = w->loop,
        .wheel = w->wheel,
        .rules = &rules,
        .handler = &handler,
        .arg = w,
        .times = {.first = first_s, .request = REQUEST_S, .idle = IDLE_S, .write = WRITE_S},
        .max_strangers = STRANGERS,
        .bodiless_type = STR("text/json"),
        .counts = {.refused = &w->refused, .timeouts = &w->timeouts},
    });
    assert_non_null(w->server);
    w->peer = take_from(w, NULL);
    *state = w;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0);
}

static int set_up_first(void **state)
{
    return set_up_with(state, FIRST_S);
}

static int tear_down(void **state)
{
    struct world *w = *state;
    stream_free(w->taken);
    http_server_free(w->server);
    wheel_free(w->wheel);
    loop_free(w->loop);
    buf_release(&w->bodies);
    buf_release(&w->rest);
    if (w->peer >= 0) {
        (void)close(w->peer);
    }
    free(w);
    return 0;
}

static void turn(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK), -1);
    }
}

static void say(struct world *w, struct str text)
{
    assert_int_equal(text.n, send(w->peer, text.p, text.n, 0));
    turn(w);
}

/* All that has come; "" when nothing. */
static const char *hear(struct world *w)
{
    turn(w);
    ssize_t n = recv(w->peer, w->heard, sizeof(w->heard) - 1, 0);
    w->heard[n > 0 ? n : 0] = '\0';
    return w->heard;
}

static void expect(struct world *w, int status)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "HTTP/1.1 %d ", status);
    const char *heard = hear(w);
    if (strncmp(heard, text, strlen(text)) != 0) {
        fail_msg("not %d: %s", status, heard);
    }
}

static int answers(struct world *w)
{
    int n = 0;
    for (const char *at = hear(w); (at = strstr(at, "HTTP/1.1 ")) != NULL; at++) {
        n++;
    }
    return n;
}

static bool hears_end(struct world *w)
{
    char byte;
    turn(w);
    return recv(w->peer, &byte, 1, 0) == 0;
}

static void pass(struct world *w, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        wheel_tick(w->wheel);
        turn(w);
    }
}

static void expect_bodies(struct world *w, const char *bodies)
{
    assert_int_equal(strlen(bodies), w->bodies.n);
    assert_memory_equal(bodies, w->bodies.n ? w->bodies.p : "", w->bodies.n);
}

/* --- deadlines --- */

static void silent_stranger_is_ended_after_its_time(void **state)
{
    struct world *w = *state;
    say(w, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    expect(w, 200);
    pass(w, IDLE_S);
    assert_int_equal(1, http_server_connections(w->server));
    pass(w, 1);
    assert_int_equal(0, http_server_connections(w->server));
    assert_int_equal(1, w->timeouts);
    assert_int_equal(1, w->ends);
}

/* Its client would not repeat a POST that meets the end of the connection. */
static void silent_publisher_is_kept(void **state)
{
    struct world *w = *state;
    say(w, STR("GET / HTTP/1.1\r\n" HOST KNOWN "\r\n"));
    expect(w, 200);
    pass(w, 100 * IDLE_S);
    say(w, STR("GET / HTTP/1.1\r\n" HOST "\r\n")); /* a probe on the same connection */
    expect(w, 200);
    pass(w, 100 * IDLE_S);
    assert_int_equal(1, http_server_connections(w->server));
}

static void slow_request_ends_at_an_absolute_time(void **state)
{
    struct world *w = *state;
    say(w, STR("GET / HTTP/1.1\r\n" HOST KNOWN "\r\n"));
    expect(w, 200);
    for (int i = 0; i < REQUEST_S; i++) {
        say(w, STR("G"));
        pass(w, 1);
        assert_string_equal("", hear(w));
    }
    pass(w, 1);
    expect(w, 408);
    assert_true(hears_end(w));
}

static void slow_body_ends_at_the_same_time(void **state)
{
    struct world *w = *state;
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab"));
    pass(w, REQUEST_S + 1);
    expect(w, 408);
    assert_int_equal(1, w->timeouts);
}

/* From accept, whatever comes. */
static void stranger_has_its_first_request_in_time(void **state)
{
    struct world *w = *state;
    pass(w, FIRST_S - 1);
    say(w, STR("GET / HTTP"));
    pass(w, 2);
    expect(w, 408);
}

static void known_peer_has_the_time_of_a_request(void **state)
{
    struct world *w = *state;
    say(w, STR("POST / HTTP/1.1\r\n" HOST KNOWN "Content-Length: 3\r\n\r\n"));
    pass(w, FIRST_S + 1);
    say(w, STR("abc"));
    expect(w, 200);
}

static void unread_answer_ends_at_its_time(void **state)
{
    struct world *w = *state;
    const struct str large = {w->heard, sizeof(w->heard)};
    for (bool is_queued = false; !is_queued;) {
        say(w, STR("GET /later HTTP/1.1\r\n" HOST "\r\n"));
        struct stream *s = w->later->stream;
        http_exchange_reply(w->later, &(struct http_reply){.status = 200, .body = large});
        is_queued = stream_queued(s) > 0;
    }
    pass(w, WRITE_S + 1);
    assert_int_equal(0, http_server_connections(w->server));
}

/* --- bodies --- */

static void body_comes_along_or_in_pieces(void **state)
{
    struct world *w = *state;
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nwhole"));
    expect(w, 200);
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\npi"));
    say(w, STR("ec"));
    assert_string_equal("", hear(w));
    say(w, STR("esGET / HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(2, answers(w));
    expect_bodies(w, "whole|pieces||");
}

static void chunked_body_is_read(void **state)
{
    struct world *w = *state;
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
    assert_int_equal(2, answers(w));
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r"));
    say(w, STR("\nx\r\n0\r\n\r"));
    assert_string_equal("", hear(w));
    say(w, STR("\n"));
    expect(w, 200);
    expect_bodies(w, "abcde||x|");
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n"));
    expect(w, 400);
    assert_true(hears_end(w));
}

static void denied_peer_is_answered_before_its_body(void **state)
{
    struct world *w = *state;
    say(w,
        STR("POST /denied HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    expect(w, 401);
    assert_true(hears_end(w)); /* nobody knows whether the body comes */
    expect_bodies(w, "");
}

static void body_that_came_with_a_denied_request_is_skipped(void **state)
{
    struct world *w = *state;
    say(w, STR("POST /denied HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
               "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
    assert_int_equal(2, answers(w));
    expect_bodies(w, "x|");
}

static void body_is_asked_for_once_the_head_has_passed(void **state)
{
    struct world *w = *state;
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    assert_string_equal("HTTP/1.1 100 Continue\r\n\r\n", hear(w));
    say(w, STR("hello"));
    expect(w, 200);
}

static void large_body_is_refused_from_its_length(void **state)
{
    struct world *w = *state;
    say(w, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n"));
    expect(w, 413);
    assert_true(hears_end(w));
}

/* --- answers --- */

static void requests_in_one_piece_are_answered_in_order(void **state)
{
    struct world *w = *state;
    say(w, STR("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n\r\nGET /later HTTP/1.1\r\n" HOST
               "\r\nHEAD / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    assert_int_equal(1, answers(w));
    assert_int_equal(2, w->asked);
    reply(w->later);
    assert_int_equal(2, answers(w));
    assert_null(strstr(strstr(w->heard + 1, "HTTP/1.1"), "done")); /* HEAD */
    assert_true(hears_end(w));
    assert_int_equal(0, http_server_connections(w->server));
}

static void empty_line_alone_is_no_request(void **state)
{
    struct world *w = *state;
    say(w, STR("\r"));
    say(w, STR("\n"));
    say(w, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    expect(w, 200);
}

static void answers_to_text_json_have_no_body_even_when_the_head_is_bad(void **state)
{
    static const struct str bad[] = {
        STR("POST / HTTP/1.1\r\nContent-Length: x\r\nContent-Type: text/json\r\n\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Content-Type: text/json\r\nContent-Length: 999999\r\n\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Content-Type: text/json\r\nTransfer-Encoding: chunked\r\n"
            "\r\nx"),
        STR("POST / HTTP/1.1\r\nContent-Type: text/json\r\nX: not whole"),
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)close(w->peer);
        w->peer = take_from(w, NULL);
        say(w, bad[i]);
        pass(w, REQUEST_S + 1);
        assert_true(strncmp(hear(w), "HTTP/1.1 4", 10) == 0);
        assert_non_null(strstr(w->heard, "Content-Length: 0\r\n\r\n"));
    }
}

static void half_closed_peer_gets_its_answer(void **state)
{
    struct world *w = *state;
    say(w, STR("POST /later HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"));
    assert_int_equal(0, shutdown(w->peer, SHUT_WR));
    turn(w);
    reply(w->later);
    expect(w, 200);
    assert_true(hears_end(w));
}

static void answer_after_the_peer_has_gone_is_dropped(void **state)
{
    struct world *w = *state;
    say(w, STR("GET /later HTTP/1.1\r\n" HOST "\r\n"));
    (void)close(w->peer);
    w->peer = -1;
    turn(w);
    pass(w, 100);
    reply(w->later);
    turn(w);
    assert_int_equal(0, http_server_connections(w->server));
    assert_int_equal(1, w->statuses);
}

static void head_may_be_answered_later(void **state)
{
    struct world *w = *state;
    say(w, STR("GET /head-later HTTP/1.1\r\n" HOST "\r\n"));
    pass(w, 100); /* somebody here is to act */
    reply(w->later);
    expect(w, 200);
    say(w, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    expect(w, 200);
}

static void written_answer_ends_its_connection(void **state)
{
    struct world *w = *state;
    say(w, STR("GET /raw HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
    assert_string_equal("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nraw", hear(w));
    assert_true(hears_end(w));
    assert_int_equal(1, w->asked);
}

static void stream_is_taken_with_what_came_behind(void **state)
{
    struct world *w = *state;
    say(w, STR("GET /take HTTP/1.1\r\n" HOST "\r\nbehind"));
    assert_non_null(w->taken);
    assert_int_equal(6, w->rest.n);
    assert_memory_equal("behind", w->rest.p, 6);
    assert_int_equal(0, http_server_connections(w->server));
    assert_int_equal(0, w->ends);
    assert_true(stream_write(w->taken, "hi", 2));
    assert_string_equal("hi", hear(w));
}

static void stopping_ends_the_idle_and_lets_the_others_have_their_answer(void **state)
{
    struct world *w = *state;
    int idle = take_from(w, NULL);
    say(w, STR("GET /later HTTP/1.1\r\n" HOST "\r\n"));
    http_server_stop(w->server);
    assert_int_equal(1, http_server_connections(w->server));
    reply(w->later);
    expect(w, 200);
    assert_true(hears_end(w));
    (void)close(w->peer); /* until then its next request may be on its way: no reset */
    w->peer = -1;
    turn(w);
    assert_int_equal(0, http_server_connections(w->server));
    (void)close(idle);
}

/* --- strangers --- */

static struct sockaddr_in6 address(unsigned char network, unsigned char host)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6};
    a.sin6_addr.s6_addr[0] = 0x20;
    a.sin6_addr.s6_addr[7] = network;
    a.sin6_addr.s6_addr[15] = host;
    return a;
}

static bool is_open(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK) != 0;
}

static void stranger_of_the_address_that_holds_most_gives_way(void **state)
{
    struct world *w = *state;
    struct sockaddr_in6 flood = address(1, 1);
    struct sockaddr_in6 flood_too = address(1, 2); /* of the same network */
    struct sockaddr_in6 other = address(2, 1);
    int victim = w->peer; /* of no known address: one of its own */
    int first = take_from(w, (struct sockaddr *)&flood);
    int second = take_from(w, (struct sockaddr *)&flood_too);
    int third = take_from(w, (struct sockaddr *)&other);
    turn(w);
    assert_true(is_open(victim));
    assert_false(is_open(first));
    assert_true(is_open(second));
    assert_true(is_open(third));
    assert_int_equal(STRANGERS, http_server_connections(w->server));
    assert_int_equal(1, w->refused);
    (void)close(first);
    (void)close(second);
    (void)close(third);
}

static void known_peers_give_way_to_nobody(void **state)
{
    struct world *w = *state;
    int strangers[2 * STRANGERS];
    say(w, STR("GET / HTTP/1.1\r\n" HOST KNOWN "\r\n"));
    expect(w, 200);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        strangers[i] = take_from(w, NULL);
    }
    turn(w);
    assert_int_equal(STRANGERS + 1, http_server_connections(w->server));
    say(w, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    expect(w, 200);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        (void)close(strangers[i]);
    }
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(silent_stranger_is_ended_after_its_time),
        SERVER_TEST(silent_publisher_is_kept),
        SERVER_TEST(slow_request_ends_at_an_absolute_time),
        SERVER_TEST(slow_body_ends_at_the_same_time),
        cmocka_unit_test_setup_teardown(stranger_has_its_first_request_in_time, set_up_first,
                                        tear_down),
        cmocka_unit_test_setup_teardown(known_peer_has_the_time_of_a_request, set_up_first,
                                        tear_down),
        SERVER_TEST(unread_answer_ends_at_its_time),
        SERVER_TEST(body_comes_along_or_in_pieces),
        SERVER_TEST(chunked_body_is_read),
        SERVER_TEST(denied_peer_is_answered_before_its_body),
        SERVER_TEST(body_that_came_with_a_denied_request_is_skipped),
        SERVER_TEST(body_is_asked_for_once_the_head_has_passed),
        SERVER_TEST(large_body_is_refused_from_its_length),
        SERVER_TEST(requests_in_one_piece_are_answered_in_order),
        SERVER_TEST(empty_line_alone_is_no_request),
        SERVER_TEST(answers_to_text_json_have_no_body_even_when_the_head_is_bad),
        SERVER_TEST(half_closed_peer_gets_its_answer),
        SERVER_TEST(answer_after_the_peer_has_gone_is_dropped),
        SERVER_TEST(head_may_be_answered_later),
        SERVER_TEST(written_answer_ends_its_connection),
        SERVER_TEST(stream_is_taken_with_what_came_behind),
        SERVER_TEST(stopping_ends_the_idle_and_lets_the_others_have_their_answer),
        SERVER_TEST(stranger_of_the_address_that_holds_most_gives_way),
        SERVER_TEST(known_peers_give_way_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
