/* SPDX-License-Identifier: MIT */
#include "common/http/admin_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/loop.h"

enum { WATCHDOG_MS = 10000 };

struct fixture {
    struct loop *loop;
    struct admin_http *admin;
    struct timer watchdog;
    bool too_long;
    int asked; /* how often a route was asked */
    char answer[4096];
    bool ended;
};

static void on_health(struct admin_answer *a, void *arg)
{
    struct fixture *f = arg;
    f->asked++;
    assert_int_equal(200, a->status);
    a->content_type = "application/json";
    buf_add(&a->body, STR("{\"status\":\"ok\"}"));
}

static void on_ready(struct admin_answer *a, void *arg)
{
    struct fixture *f = arg;
    f->asked++;
    a->status = 503;
}

static void on_debug(struct admin_answer *a, void *arg)
{
    struct fixture *f = arg;
    f->asked++;
    buf_add(&a->body, STR("inside"));
}

static void on_failing(struct admin_answer *a, void *arg)
{
    struct fixture *f = arg;
    f->asked++;
    a->body.failed = true;
}

static const struct admin_route routes[] = {
    {.path = "/health", .fn = on_health},
    {.path = "/ready", .fn = on_ready},
    {.path = "/debug", .fn = on_debug, .loopback_only = true},
    {.path = "/failing", .fn = on_failing},
};

static void on_watchdog(void *arg)
{
    struct fixture *f = arg;
    f->too_long = true;
    loop_stop(f->loop);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->loop = loop_create();
    assert_non_null(f->loop);
    assert_true(timer_init(&f->watchdog, f->loop, on_watchdog, f));
    assert_int_equal(
        0, admin_http_create(f->loop, "127.0.0.1", 0, routes, ARRAY_LEN(routes), f, &f->admin));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    admin_http_free(f->admin);
    timer_release(&f->watchdog);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct fixture *f = arg;
    size_t n = strlen(f->answer);
    n += bufferevent_read(bev, f->answer + n, sizeof(f->answer) - 1 - n);
    f->answer[n] = '\0';
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct fixture *f = arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        on_read(bev, f);
        f->ended = true;
        loop_stop(f->loop);
    }
}

/* Sends the text and returns all that comes until the server closes. */
static const char *exchange_with(struct fixture *f, uint16_t port, const char *text)
{
    const struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    f->answer[0] = '\0';
    f->ended = false;
    struct bufferevent *bev = bufferevent_socket_new(loop_base(f->loop), -1, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(bev);
    bufferevent_setcb(bev, on_read, NULL, on_event, f);
    assert_int_equal(0, bufferevent_enable(bev, EV_READ | EV_WRITE));
    assert_int_equal(0, bufferevent_write(bev, text, strlen(text)));
    assert_int_equal(
        0, bufferevent_socket_connect(bev, (const struct sockaddr *)&sin, (int)sizeof(sin)));
    timer_start_ms(&f->watchdog, WATCHDOG_MS);
    while (!f->ended && !f->too_long) {
        assert_int_equal(0, loop_run(f->loop));
    }
    timer_stop(&f->watchdog);
    bufferevent_free(bev);
    assert_false(f->too_long);
    return f->answer;
}

static const char *exchange(struct fixture *f, const char *text)
{
    return exchange_with(f, admin_http_port(f->admin), text);
}

#define HOST " HTTP/1.1\r\nHost: x\r\n\r\n"

static bool has(const char *answer, const char *part)
{
    return strstr(answer, part) != NULL;
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void get_is_answered_and_the_connection_closed(void **state)
{
    const char *a = exchange(*state, "GET /health" HOST);
    assert_true(has(a, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(a, "Content-Type: application/json\r\n"));
    assert_true(has(a, "Content-Length: 15\r\n"));
    assert_true(has(a, "Cache-Control: no-store\r\n"));
    assert_true(has(a, "Connection: close\r\n"));
    assert_string_equal("{\"status\":\"ok\"}", body_of(a));
}

static void query_is_not_part_of_the_path(void **state)
{
    assert_true(has(exchange(*state, "GET /health?x=/y" HOST), " 200 OK\r\n"));
}

static void head_is_answered_with_the_length_but_no_body(void **state)
{
    struct fixture *f = *state;
    const char *a = exchange(f, "HEAD /health" HOST);
    assert_true(has(a, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(a, "Content-Length: 15\r\n"));
    assert_string_equal("", body_of(a));
    assert_int_equal(1, f->asked);
}

static void status_of_the_route_is_sent(void **state)
{
    const char *a = exchange(*state, "GET /ready" HOST);
    assert_true(has(a, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(has(a, "Content-Length: 0\r\n"));
    assert_true(has(a, "Content-Type: text/plain; charset=utf-8\r\n"));
}

static void other_methods_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text),
                       "%s /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", methods[i]);
        const char *a = exchange(f, text);
        if (!has(a, "HTTP/1.1 405 Method Not Allowed\r\n") || !has(a, "Allow: GET, HEAD\r\n")) {
            fail_msg("%s: %s", methods[i], a);
        }
    }
    assert_int_equal(0, f->asked);
}

static void other_paths_are_not_found(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"/", "/healthy", "/health/", "//health", "/HEALTH"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "GET %s" HOST, paths[i]);
        if (!has(exchange(f, text), "HTTP/1.1 404 Not Found\r\n")) {
            fail_msg("%s: %s", paths[i], f->answer);
        }
    }
    assert_int_equal(0, f->asked);
}

static void loopback_may_see_what_is_for_loopback(void **state)
{
    struct fixture *f = *state;
    const char *local = "GET /debug HTTP/1.1\r\nHost: localhost:9090\r\n\r\n";
    assert_string_equal("inside", body_of(exchange(f, local)));
    /* A name that was made to lead here, and a proxy on this machine. */
    assert_true(has(exchange(f, "GET /debug" HOST), "HTTP/1.1 403 "));
    assert_true(has(exchange(f, "GET /debug HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 p\r\n\r\n"),
                    "HTTP/1.1 403 "));
}

static void garbage_is_refused_without_asking_a_route(void **state)
{
    struct fixture *f = *state;
    assert_true(has(exchange(f, "nonsense\r\n\r\n"), " 400 "));
    assert_int_equal(0, f->asked);
}

static void oversized_headers_and_bodies_are_refused(void **state)
{
    struct fixture *f = *state;
    static char text[20000];
    int n = snprintf(text, sizeof(text), "GET /health HTTP/1.1\r\nHost: x\r\nA: ");
    memset(text + n, 'a', 17000);
    memcpy(text + n + 17000, "\r\n\r\n", 5);
    assert_true(has(exchange(f, text), " 431 "));
    assert_true(has(exchange(f, "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"),
                    " 413 "));
    assert_int_equal(0, f->asked);
}

/* They would keep others of the process from having a descriptor, and scrapers from being answered. */
static void slow_connections_are_few_and_give_way(void **state)
{
    enum { SLOW = 300, AT_ONCE = 64 };
    struct fixture *f = *state;
    static int fds[SLOW];
    const struct sockaddr_in sin = {.sin_family = AF_INET,
                                    .sin_port = htons(admin_http_port(f->admin)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < SLOW; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(0, connect(fds[i], (const struct sockaddr *)&sin, sizeof(sin)));
        assert_int_equal(1, send(fds[i], "G", 1, 0));
        assert_int_not_equal(-1, event_base_loop(loop_base(f->loop), EVLOOP_NONBLOCK));
    }
    assert_true(has(exchange(f, "GET /health" HOST), "HTTP/1.1 200 OK\r\n"));
    size_t open = 0;
    for (size_t i = 0; i < SLOW; i++) {
        char byte;
        open += recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
        (void)close(fds[i]);
    }
    assert_int_equal(AT_ONCE - 1, open); /* one more gave way to the scraper */
}

static void answer_without_memory_is_an_error(void **state)
{
    assert_true(has(exchange(*state, "GET /failing" HOST), "HTTP/1.1 500 "));
}

static void port_in_use_is_reported(void **state)
{
    struct fixture *f = *state;
    struct admin_http *other = NULL;
    assert_int_equal(-EADDRINUSE, admin_http_create(f->loop, "127.0.0.1", admin_http_port(f->admin),
                                                    routes, 1, f, &other));
    assert_int_equal(-EINVAL, admin_http_create(f->loop, "nowhere", 0, routes, 1, f, &other));
    assert_null(other);
}

static void port_on_loopback_of_ipv6_works_where_there_is_one(void **state)
{
    struct fixture *f = *state;
    struct admin_http *other = NULL;
    int rc = admin_http_create(f->loop, "::1", 0, routes, 1, f, &other);
    if (rc == 0) {
        assert_true(admin_http_port(other) > 0);
        admin_http_free(other);
    } else {
        assert_true(rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(get_is_answered_and_the_connection_closed),
        TEST(query_is_not_part_of_the_path),
        TEST(head_is_answered_with_the_length_but_no_body),
        TEST(status_of_the_route_is_sent),
        TEST(other_methods_are_refused),
        TEST(other_paths_are_not_found),
        TEST(loopback_may_see_what_is_for_loopback),
        TEST(garbage_is_refused_without_asking_a_route),
        TEST(oversized_headers_and_bodies_are_refused),
        TEST(slow_connections_are_few_and_give_way),
        TEST(answer_without_memory_is_an_error),
        TEST(port_in_use_is_reported),
        TEST(port_on_loopback_of_ipv6_works_where_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
