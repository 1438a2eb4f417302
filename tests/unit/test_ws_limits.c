/* SPDX-License-Identifier: MIT */
/* Limits, listening and the end of listening, through real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <sys/resource.h>

#include "common/config/settings.h"
#include "tests/unit/ws_world.h"

#define REQUEST                                                                                    \
    "GET / HTTP/1.1\r\nHost: judge.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"       \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

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

static void third_connection_of_an_address_is_refused_until_one_leaves(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c[3];
    for (size_t i = 0; i < 2; i++) {
        c[i] = ws_client_connect(w);
        ws_client_upgrade(&c[i], "/", "");
    }
    c[2] = ws_client_connect(w);
    ws_client_send_text(&c[2], REQUEST "\r\n");
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
    ws_client_send_text(&c[4], REQUEST "X-Real-IP: 198.51.100.1\r\n\r\n");
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
    ws_client_release(&open); /* of which the server does not hear any more */
    ws_client_release(&half);
    ws_world_free(w);
    (void)state;
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define T_LIMITED(name) cmocka_unit_test_setup_teardown(name, set_up_limited, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_LIMITED(third_connection_of_an_address_is_refused_until_one_leaves),
        T_LIMITED(legacy_client_over_the_limit_is_upgraded_and_closed),
        T_LIMITED(address_that_floods_is_not_even_read),
        cmocka_unit_test_setup_teardown(clients_behind_a_proxy_are_counted_by_their_own_address,
                                        set_up_behind_proxy, tear_down),
        T(stopped_server_serves_who_is_queued_and_keeps_its_sessions),
        T(two_ports_are_listened_on),
        cmocka_unit_test(connections_over_the_descriptors_are_refused_and_old_ones_work),
        cmocka_unit_test(server_ends_with_connections_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
