/* SPDX-License-Identifier: MIT */
/* The same server with TLS of its own (Proxied: false). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs four of these. */
#include <cmocka.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "common/config/settings.h"
#include "common/wheel.h"
#include "tests/support/certs.h"
#include "tests/unit/ws_world.h"

#define HOST "Host: judge.example\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define X16 "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16

static char dir[] = "/tmp/test_ws_tls.XXXXXX";
static char cert_file[64];
static char key_file[64];

static void write_identity(const char *name)
{
    const struct cert_spec spec = {.name = name};
    struct cert c = cert_make(&spec);
    cert_write(cert_file, (const struct cert *[]){&c}, 1);
    cert_write_key(key_file, &c);
    cert_release(&c);
}

static void replace(char **text, const char *with)
{
    free(*text);
    *text = strdup(with);
    assert_non_null(*text);
}

static void use_tls(struct settings *s)
{
    s->broadcaster.proxied = false;
    replace(&s->broadcaster.tls.cert_file, cert_file);
    replace(&s->broadcaster.tls.key_file, key_file);
}

static int set_up(void **state)
{
    write_identity("first.example");
    *state = ws_world_create(use_tls);
    return 0;
}

static int tear_down(void **state)
{
    ws_world_free(*state);
    return 0;
}

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) {
        return -1;
    }
    (void)snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", dir);
    (void)snprintf(key_file, sizeof(key_file), "%s/key.pem", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(cert_file);
    (void)unlink(key_file);
    return rmdir(dir);
}

static struct ws_client connect_tls(struct ws_world *w)
{
    struct ws_client c = ws_client_connect(w);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    c.ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_non_null(c.ssl);
    assert_int_equal(1, SSL_set_fd(c.ssl, c.fd));
    ws_client_set_nonblocking(&c);
    for (int i = 0; i < 10000; i++) {
        if (SSL_connect(c.ssl) == 1) {
            return c;
        }
        ws_world_turn(w);
    }
    fail_msg("no TLS");
    return c;
}

static void expect_name(struct ws_client *c, const char *name)
{
    char got[64];
    const X509_NAME *subject = X509_get_subject_name(SSL_get0_peer_certificate(c->ssl));
    (void)X509_NAME_get_text_by_NID(subject, NID_commonName, got, sizeof(got));
    assert_string_equal(name, got);
}

static void upgrade_carries_query_and_cookies(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = connect_tls(w);
    ws_client_upgrade(
        &c, "/events/?filter=%2Fcontest%2Fa%2C%2Fuser%2Fa%2Bb&filter=/problem/p",
        "X-Auth: a\r\nCookie: x=y; ouat=T\r\nSec-WebSocket-Protocol: com.omegaup.events\r\n"
        "Origin: https://judge.example\r\n");
    struct session *s = ws_world_newest(w);
    assert_int_equal(SESSION_LEGACY, s->kind);
    assert_string_equal("/contest/a,/user/a+b,/problem/p", s->filters);
    assert_string_equal("T", s->token);
    assert_string_equal("127.0.0.1", s->peer);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void cookies_of_sixty_kilobytes_are_taken(void **state)
{
    struct ws_world *w = *state;
    struct buf lines = {0};
    buf_addf(&lines, "Cookie: a=%0*d; ouat=behind\r\n", 60000, 0);
    buf_addc(&lines, '\0');
    struct ws_client c = connect_tls(w);
    ws_client_upgrade(&c, "/", lines.p);
    assert_string_equal("behind", ws_world_newest(w)->token);
    buf_release(&lines);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void messages_pass_in_both_directions(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = connect_tls(w);
    ws_client_upgrade(&c, "/", "");
    struct session *s = ws_world_newest(w);
    char text[4097];
    memset(text, 'x', 4096);
    ws_client_send_frame(&c, 0x81, (struct str){text, 4096});
    text[4096] = '\0';
    struct buf expected = {0};
    buf_addf(&expected, "%s\n", text);
    buf_addc(&expected, '\0');
    ws_world_await_texts(w, s, expected.p);
    buf_release(&expected);

    static uint8_t frame[4 + 32764];
    memset(frame, 'y', sizeof(frame));
    memcpy(frame, "\x81\x7e\x7f\xfc", 4);
    unsigned n = 0;
    while (!s->ops->is_blocked(s->conn)) {
        assert_true(s->ops->write(s->conn, frame, sizeof(frame)));
        n++;
    }
    for (unsigned i = 0; i < n; i++) {
        ws_client_expect_frame(&c, 0x81, (struct str){(const char *)frame + 4, 32764});
    }
    ws_world_await(w, &s->writable, 1);
    session_close(s, CLOSE_LEAVING, "leaving");
    ws_client_expect_close(&c, 1012);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void compression_is_negotiated_as_without_tls(void **state)
{
#define OFFER(text) "Sec-WebSocket-Extensions: " text "\r\n"
    static const struct {
        const char *lines;
        bool agreed;
    } rows[] = {
        {OFFER("permessage-deflate; client_max_window_bits"), true},
        {OFFER("permessage-deflate; server_max_window_bits=10"), false},
        {OFFER("foo;\tbar=1 ,permessage-deflate"), true},
        {OFFER("permessage-deflate, permessage-deflate; client_max_window_bits"), true},
        {OFFER("permessage-deflate; server_max_window_bits=10,permessage-deflate,"), true},
        {OFFER("permessage-deflate; surprise") OFFER("permessage-deflate"), true},
        {OFFER("permessage-deflate") OFFER("permessage-deflate; surprise"), true},
        {OFFER("x; " X256 ", permessage-deflate"), true},
        {"", false},
    };
    struct ws_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ws_client c = connect_tls(w);
        ws_client_upgrade(&c, "/", rows[i].lines);
        struct session *s = ws_world_newest(w);
        assert_int_equal(s->format, rows[i].agreed ? RENDERING_WS_DEFLATE : RENDERING_WS);
        ws_client_send_frame(&c, 0xc1, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"));
        if (rows[i].agreed) {
            ws_world_await_texts(w, s, "Hello\n");
        } else {
            ws_client_expect_close(&c, 1002);
        }
        ws_client_release(&c);
        ws_world_await_connections(w, 0);
    }
}

static void refusals_and_pages_are_answered(void **state)
{
    struct ws_world *w = *state;
    static const struct {
        const char *request, *status, *in_it;
    } rows[] = {
        {"GET /health HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", "\"connections\":0"},
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ", "no such page"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", "HTTP/1.1 426 ",
         "\r\nSec-WebSocket-Version: 13\r\n"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Origin: https://evil.example\r\n\r\n",
         "HTTP/1.1 403 ", "origin"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Sec-Fetch-Site: cross-site\r\n\r\n",
         "HTTP/1.1 403 ", "origin"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE V13 "\r\n", "HTTP/1.1 400 ", "Sec-WebSocket-Key"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Sec-WebSocket-Protocol: chat\r\n\r\n",
         "HTTP/1.1 400 ", "com.omegaup.events"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Sec-WebSocket-Extensions: a=\r\n\r\n",
         "HTTP/1.1 400 ", "Sec-WebSocket-Extensions header field is malformed"},
        {"GET /?filter=/user/a%0d%0ab HTTP/1.1\r\n" HOST UPGRADE KEY V13 "\r\n", "HTTP/1.1 400 ",
         "filter"},
        {"GET /health?%0aHost:b HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", "\"connections\":0"},
        /* Names that begin as one that is known hide nothing. */
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "X: a\r\nOrigin: https://evil.example\r\n\r\n",
         "HTTP/1.1 403 ", "origin"},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Set: a\r\nOrigin: https://evil.example\r\n\r\n",
         "HTTP/1.1 403 ", "origin"},
        {"GET / HTTP/1.0\r\n" HOST UPGRADE KEY V13 "\r\n", "HTTP/1.1 400 ", "HTTP/1.1"},
        {"GET /health HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "\"connections\":0"},
        {"GET /events/ HTTP/1.1\r\n" HOST "Accept: text/event-stream\r\n\r\n", "HTTP/1.1 400 ",
         "Server-Sent Events"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ws_client c = connect_tls(w);
        ws_client_send_text(&c, rows[i].request);
        ws_client_await_end(&c);
        buf_addc(&c.in, '\0');
        if (strncmp(c.in.p, rows[i].status, strlen(rows[i].status)) != 0 ||
            !strstr(c.in.p, rows[i].in_it)) {
            fail_msg("%s\n was answered\n%s", rows[i].request, c.in.p);
        }
        ws_client_release(&c);
        ws_world_await_connections(w, 0);
    }
    assert_null(w->sessions);
}

static void client_without_tls_or_words_is_let_go(void **state)
{
    struct ws_world *w = *state;
    struct ws_client plain = ws_client_connect(w);
    ws_client_send_text(&plain, "GET / HTTP/1.1\r\n" HOST "\r\n");
    ws_client_await_end(&plain);
    ws_client_release(&plain);
    ws_world_await_connections(w, 0);

    struct ws_client silent = ws_client_connect(w);
    struct ws_client shaken = connect_tls(w);
    ws_world_await_connections(w, 2);
    for (int i = 0; i < 6; i++) {
        wheel_tick(w->wheel);
    }
    ws_client_await_end(&silent);
    ws_client_await_end(&shaken);
    assert_int_equal(2, w->metrics.refused_timeout);
    ws_client_release(&silent);
    ws_client_release(&shaken);
    ws_world_await_connections(w, 0);
}

static void reload_serves_new_certificates_and_keeps_old_ones_on_error(void **state)
{
    struct ws_world *w = *state;
    const char *why = NULL;
    struct ws_client old = connect_tls(w);
    expect_name(&old, "first.example");
    ws_client_upgrade(&old, "/", "");

    write_identity("second.example");
    assert_true(ws_world_use(w, w->settings, &why));
    struct ws_client next = connect_tls(w);
    expect_name(&next, "second.example");

    assert_int_equal(0, truncate(key_file, 10));
    assert_false(ws_world_use(w, w->settings, &why));
    assert_non_null(strstr(why, key_file));
    struct ws_client third = connect_tls(w);
    expect_name(&third, "second.example");

    ws_client_send_frame(&old, 0x81, STR("still"));
    ws_world_await_texts(w, w->sessions, "still\n");
    ws_client_release(&old);
    ws_client_release(&next);
    ws_client_release(&third);
    ws_world_await_connections(w, 0);
}

/* --- the same, plain and in TLS --- */

static int set_up_plain(void **state)
{
    *state = ws_world_create(NULL);
    return 0;
}

static struct ws_client connect_any(struct ws_world *w)
{
    return w->settings->broadcaster.proxied ? ws_client_connect(w) : connect_tls(w);
}

static void what_comes_with_the_request_is_no_less_a_message(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = connect_any(w);
    struct buf bytes = {0};
    char space[4000];
    memset(space, 'x', sizeof(space));
    ws_client_request(&bytes, "/", "");
    ws_client_frame(&bytes, 0x81, STR("first"));
    ws_client_frame(&bytes, 0x81, (struct str){space, sizeof(space)});
    ws_client_frame(&bytes, 0x89, STR("?"));
    ws_client_frame(&bytes, 0x81, STR("last"));
    ws_client_send(&c, bytes.p, bytes.n);
    buf_release(&bytes);
    buf_addf(&bytes, "first\n%.*s\nlast\n", (int)sizeof(space), space);
    buf_addc(&bytes, '\0');
    ws_world_await_texts(w, ws_world_newest(w), bytes.p);
    buf_release(&bytes);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

/* A session that pauses at each message gets them one by one, whatever holds the rest meanwhile. */
static void paused_input_is_not_lost(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = connect_any(w);
    ws_client_upgrade(&c, "/", "");
    struct session *s = ws_world_newest(w);
    s->pause_after_text = true;
    struct buf frames = {0};
    struct buf expected = {0};
    for (int i = 0; i < 100; i++) {
        char text[16];
        int n = snprintf(text, sizeof(text), "message %d", i);
        ws_client_frame(&frames, 0x81, (struct str){text, (size_t)n});
        buf_addf(&expected, "%s\n", text);
    }
    ws_client_send(&c, frames.p, frames.n);
    size_t held = 0;
    for (int i = 0; i < 1000 && s->texts.n < expected.n; i++) {
        ws_world_turn(w);
        held += s->texts.n < expected.n;
        s->ops->pause_reading(s->conn, false);
    }
    assert_true(held > 10);
    assert_int_equal(expected.n, s->texts.n);
    assert_memory_equal(expected.p, s->texts.p, expected.n);
    buf_release(&frames);
    buf_release(&expected);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

/* Writes a large message until the client, which does not read, blocks it; returns the frames. */
static unsigned write_until_blocked(const struct session *s, uint8_t *frame, size_t n)
{
    unsigned written = 0;
    memset(frame, 'y', n);
    memcpy(frame, "\x81\x7e\x7f\xfc", 4);
    while (!s->ops->is_blocked(s->conn) || written < 32) { /* 1 MB at least */
        assert_true(s->ops->write(s->conn, frame, n));
        written++;
    }
    return written;
}

static void pong_and_close_stand_behind_a_blocked_message(void **state)
{
    static uint8_t frame[4 + 32764];
    struct ws_world *w = *state;
    struct ws_client c = connect_any(w);
    ws_client_upgrade(&c, "/", "");
    struct session *s = ws_world_newest(w);
    unsigned n = write_until_blocked(s, frame, sizeof(frame));
    ws_client_send_frame(&c, 0x89, STR("one"));
    ws_client_send_frame(&c, 0x89, STR("two"));
    ws_client_send_frame(&c, 0x88, STR("\x03\xf5"));
    for (unsigned i = 0; i < n; i++) {
        ws_client_expect_frame(&c, 0x81, (struct str){(const char *)frame + 4, 32764});
    }
    ws_client_expect_frame(&c, 0x8a, STR("one"));
    ws_client_expect_frame(&c, 0x8a, STR("two"));
    ws_client_expect_close(&c, 1013);
    ws_client_await_end(&c);
    assert_int_equal(0, c.in.n);
    assert_int_equal(1, s->closed);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

static void both_sides_may_close_at_once(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = connect_any(w);
    ws_client_upgrade(&c, "/", "");
    struct session *s = ws_world_newest(w);
    struct buf frame = {0};
    ws_client_frame(&frame, 0x88, STR("\x03\xe8"));
    session_close(s, CLOSE_LEAVING, "leaving");
    ws_client_send(&c, frame.p, frame.n); /* before it has read ours */
    ws_client_expect_close(&c, 1012);
    ws_client_await_end(&c);
    assert_int_equal(0, c.in.n); /* one close frame only */
    ws_world_await(w, &s->closed, 1);
    buf_release(&frame);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

/* Each piece is a record of its own in TLS: of every size up to two reads of ours, and the largest. */
static void pieces_of_every_size_make_the_same_messages(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = connect_any(w);
    ws_client_upgrade(&c, "/", "");
    struct session *s = ws_world_newest(w);
    struct buf frames = {0};
    struct buf expected = {0};
    for (int i = 0; i < 300; i++) {
        char text[128];
        int n = snprintf(text, sizeof(text), "%d %.*s", i, i % 100,
                         "................................"
                         "....................................................................");
        ws_client_frame(&frames, 0x81, (struct str){text, (size_t)n});
        buf_addf(&expected, "%s\n", text);
    }
    buf_addc(&expected, '\0');
    size_t at = 0;
    for (size_t size = 1; at < frames.n; size = size < 300 ? size + 7 : 16384) {
        size_t n = MIN(size, frames.n - at);
        ws_client_send(&c, frames.p + at, n);
        at += n;
    }
    ws_world_await_texts(w, s, expected.p);
    buf_release(&frames);
    buf_release(&expected);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define BOTH(name) T(name), cmocka_unit_test_setup_teardown(name, set_up_plain, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(upgrade_carries_query_and_cookies),
        T(cookies_of_sixty_kilobytes_are_taken),
        T(messages_pass_in_both_directions),
        T(compression_is_negotiated_as_without_tls),
        T(refusals_and_pages_are_answered),
        T(client_without_tls_or_words_is_let_go),
        T(reload_serves_new_certificates_and_keeps_old_ones_on_error),
        BOTH(what_comes_with_the_request_is_no_less_a_message),
        BOTH(paused_input_is_not_lost),
        BOTH(pong_and_close_stand_behind_a_blocked_message),
        BOTH(both_sides_may_close_at_once),
        BOTH(pieces_of_every_size_make_the_same_messages),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
