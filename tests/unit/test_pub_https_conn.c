/* SPDX-License-Identifier: MIT */
/* https_conn: how long a connection may be silent, on made-up time and a socket pair. */
#include "publisher/https_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <event2/util.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/loop.h"
#include "publisher/pub_metrics.h"

static uint64_t now_ms;

uint64_t __wrap_loop_now_ms(struct loop *l);
uint64_t __wrap_loop_now_ms(struct loop *l UNUSED)
{
    return now_ms;
}

/* Knows who sends an Authorization header, whatever it holds. */
static bool on_head(struct http_exchange *x, uint64_t *out_max_body UNUSED, void *arg UNUSED)
{
    if (x->head->fields[HTTP_AUTHORIZATION].p) {
        x->is_publisher = true;
    }
    http_exchange_reply(x, &(struct http_reply){.status = 200});
    return false;
}

static void on_request(struct http_exchange *x UNUSED, void *arg UNUSED)
{
    fail_msg("no request gets so far");
}

static const struct http_handler handler = {.on_head = on_head, .on_request = on_request};

struct world {
    struct loop *loop;
    struct pub_metrics metrics;
    struct https_env env;
    int peer; /* the other end of the only connection */
};

static int set_up(void **state)
{
    static struct world w;
    int fds[2];
    w = (struct world){.loop = loop_create()};
    now_ms = 1000;
    if (!w.loop || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 ||
        evutil_make_socket_nonblocking(fds[0]) != 0 ||
        evutil_make_socket_nonblocking(fds[1]) != 0) {
        return -1;
    }
    w.env = (struct https_env){.loop = w.loop, .handler = &handler, .metrics = &w.metrics};
    list_init(&w.env.conns);
    w.peer = fds[1];
    *state = &w;
    return https_conn_accept(&w.env, fds[0], NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    https_conns_end_all(&w->env);
    buf_release(&w->env.scratch);
    loop_free(w->loop);
    return close(w->peer);
}

/* Sends a request and takes its answer. */
static void request(struct world *w, struct str text)
{
    char answer[512];
    ssize_t n = -1;
    assert_int_equal(send(w->peer, text.p, text.n, 0), text.n);
    for (int turns = 0; n < 0 && turns < 100; turns++) {
        assert_int_not_equal(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK), -1);
        n = recv(w->peer, answer, sizeof(answer), 0);
    }
    assert_true(n > 12);
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
}

static void pass(struct world *w, uint64_t ms)
{
    now_ms += ms;
    https_conns_sweep(&w->env);
}

static void silent_stranger_is_ended_after_its_time(void **state)
{
    struct world *w = *state;
    request(w, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    pass(w, LIMIT_PUBLISHER_IDLE_MS - 1);
    assert_int_equal(w->env.n_conns, 1);
    pass(w, 1);
    assert_int_equal(w->env.n_conns, 0);
}

/* Its client would not repeat a POST that meets the end of the connection. */
static void silent_publisher_is_kept(void **state)
{
    struct world *w = *state;
    request(w, STR("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n"));
    pass(w, 100 * (uint64_t)LIMIT_PUBLISHER_IDLE_MS);
    assert_int_equal(w->env.n_conns, 1);
    request(w, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); /* a probe on the same connection */
    pass(w, 100 * (uint64_t)LIMIT_PUBLISHER_IDLE_MS);
    assert_int_equal(w->env.n_conns, 1);
}

static void slow_request_ends_at_an_absolute_time(void **state)
{
    struct world *w = *state;
    request(w, STR("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n"));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(w->env.n_conns, 1);
        assert_int_equal(send(w->peer, "G", 1, 0), 1);
        assert_int_not_equal(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK), -1);
        pass(w, LIMIT_PUBLISHER_REQUEST_MS / 10);
    }
    char answer[512];
    assert_int_not_equal(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK), -1);
    assert_true(recv(w->peer, answer, sizeof(answer), 0) > 12);
    assert_memory_equal(answer, "HTTP/1.1 408", 12);
}

/* The grader never reads a body, whatever was wrong with its request. */
static void answers_to_text_json_have_no_body_even_when_the_head_is_bad(void **state)
{
    struct world *w = *state;
    static const struct str bad =
        STR("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: text/json\r\n\r\n");
    char answer[512];
    assert_int_equal(send(w->peer, bad.p, bad.n, 0), bad.n);
    ssize_t n = -1;
    for (int turns = 0; n < 0 && turns < 100; turns++) {
        assert_int_not_equal(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK), -1);
        n = recv(w->peer, answer, sizeof(answer) - 1, 0);
    }
    assert_true(n > 12);
    answer[n] = '\0';
    assert_memory_equal(answer, "HTTP/1.1 400", 12);
    assert_non_null(strstr(answer, "Content-Length: 0\r\n\r\n"));
}

#define CONN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONN_TEST(silent_stranger_is_ended_after_its_time),
        CONN_TEST(silent_publisher_is_kept),
        CONN_TEST(slow_request_ends_at_an_absolute_time),
        CONN_TEST(answers_to_text_json_have_no_body_even_when_the_head_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
