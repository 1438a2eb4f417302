/* SPDX-License-Identifier: MIT */
/* Compression through real sockets and libwebsockets: what is negotiated, and which frames pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/config/settings.h"
#include "common/msg.h"
#include "gateway/hub/deflate.h"
#include "proto/limits.h"
#include "proto/ws_frame.h"
#include "tests/support/squeeze.h"
#include "tests/unit/ws_world.h"

#define OFFER(text) "Sec-WebSocket-Extensions: " text "\r\n"
#define ANSWER                                                                                     \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "                   \
    "client_no_context_takeover"
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

static void without_compression(struct settings *s)
{
    s->broadcaster.compression = false;
}

static int set_up(void **state)
{
    *state = ws_world_create(NULL);
    return 0;
}

static int set_up_without(void **state)
{
    *state = ws_world_create(without_compression);
    return 0;
}

static int tear_down(void **state)
{
    ws_world_await_connections(*state, 0);
    ws_world_free(*state);
    return 0;
}

/* The response's header fields. */
static struct buf headers_for(struct ws_world *w, const char *lines)
{
    struct ws_client c = ws_client_connect(w);
    struct buf request = {0};
    ws_client_request(&request, "/", lines);
    ws_client_send(&c, request.p, request.n);
    ws_client_await_bytes(&c, 1);
    struct buf headers = {0};
    buf_add(&headers, buf_str(&c.in));
    buf_addc(&headers, '\0');
    buf_release(&request);
    ws_client_release(&c);
    ws_world_await_connections(w, 0);
    return headers;
}

static void expect_headers(struct ws_world *w, const char *lines, const char *wanted,
                           enum rendering_format format)
{
    struct buf h = headers_for(w, lines);
    if (strncmp(h.p, "HTTP/1.1 101 ", 13) != 0 || !strstr(h.p, "\r\n\r\n") ||
        (wanted ? !strstr(h.p, wanted) : strstr(h.p, "Extensions") != NULL)) {
        fail_msg("%s\n was answered\n%s", lines, h.p);
    }
    assert_int_equal(ws_world_newest(w)->format, format);
    buf_release(&h);
}

static void offers_are_answered_without_context_takeover(void **state)
{
    static const struct {
        const char *lines;
        const char *wanted; /* NULL: no extension */
    } rows[] = {
        {"", NULL},
        {OFFER("permessage-deflate"), ANSWER "\r\n"},
        {OFFER("permessage-deflate; client_max_window_bits"), ANSWER "\r\n"},
        {OFFER("permessage-deflate; server_max_window_bits=15"),
         ANSWER "; server_max_window_bits=15\r\n"},
        {OFFER("permessage-deflate; server_max_window_bits=10"), NULL},
        {OFFER("permessage-deflate; server_max_window_bits=10, permessage-deflate"), ANSWER "\r\n"},
        {OFFER("permessage-deflate, permessage-deflate; server_max_window_bits=15"), ANSWER "\r\n"},
        {OFFER("foo; bar=1") OFFER("permessage-deflate"), ANSWER "\r\n"},
        {OFFER("permessage-deflate") "Sec-WebSocket-Protocol: com.omegaup.events\r\n",
         "Sec-WebSocket-Protocol: com.omegaup.events\r\n" ANSWER "\r\n"},
    };
    struct ws_world *w = *state;
    unsigned agreed = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_headers(w, rows[i].lines, rows[i].wanted,
                       rows[i].wanted ? RENDERING_WS_DEFLATE : RENDERING_WS);
        agreed += rows[i].wanted != NULL;
        assert_int_equal(w->metrics.handshakes_deflate, agreed);
    }
}

/* Longer than libwebsockets would read it. */
static void offer_of_any_length_is_answered(void **state)
{
    struct buf lines = {0};
    buf_add(&lines, STR("Sec-WebSocket-Extensions: x"));
    for (int i = 0; i < 2000; i++) {
        buf_add(&lines, STR("; parameter=1"));
    }
    buf_add(&lines, STR(", permessage-deflate\r\n"));
    buf_addc(&lines, '\0');
    expect_headers(*state, lines.p, ANSWER "\r\n", RENDERING_WS_DEFLATE);
    buf_release(&lines);
}

static void malformed_offer_is_refused(void **state)
{
    struct ws_world *w = *state;
    struct buf h = headers_for(w, OFFER("permessage-deflate; a=\"b, c\""));
    assert_non_null(strstr(h.p, "HTTP/1.1 400 "));
    assert_non_null(strstr(h.p, "Sec-WebSocket-Extensions"));
    buf_release(&h);
    assert_int_equal(w->metrics.refused_bad_request, 1);
}

static void legacy_client_negotiates_too(void **state)
{
    struct ws_world *w = *state;
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/?filter=/all-events", OFFER("permessage-deflate"));
    struct session *s = ws_world_newest(w);
    assert_int_equal(s->kind, SESSION_LEGACY);
    assert_int_equal(s->format, RENDERING_WS_DEFLATE);
    ws_client_send_frame(&c, 0xc1, STR("anything")); /* it may say what it likes */
    ws_client_send_frame(&c, 0x89, STR("?"));
    ws_client_expect_frame(&c, 0x8a, STR("?"));
    assert_int_equal(s->texts.n, 0);
    ws_client_release(&c);
}

static void nothing_is_negotiated_when_it_is_off(void **state)
{
    struct ws_world *w = *state;
    expect_headers(w, OFFER("permessage-deflate"), NULL, RENDERING_WS);
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/", OFFER("permessage-deflate"));
    ws_client_send_frame(&c, 0xc1, STR(HELLO));
    ws_client_expect_close(&c, 1002);
    ws_client_release(&c);
}

static struct ws_client connect_compressed(struct ws_world *w, struct session **out_session)
{
    struct ws_client c = ws_client_connect(w);
    ws_client_upgrade(&c, "/", OFFER("permessage-deflate"));
    *out_session = ws_world_newest(w);
    return c;
}

static void compressed_and_plain_messages_reach_the_session_as_text(void **state)
{
    char text[LIMIT_CLIENT_MESSAGE_BYTES];
    char payload[2 * LIMIT_CLIENT_MESSAGE_BYTES];
    struct session *s;
    struct ws_client c = connect_compressed(*state, &s);
    ws_client_send_frame(&c, 0xc1, STR(HELLO));
    ws_client_send_frame(&c, 0x81, STR("plain"));
    ws_client_send_frame(&c, 0x41, STR("\xf2\x48"));
    ws_client_send_frame(&c, 0x89, STR("between"));
    ws_client_send_frame(&c, 0x00, STR(""));
    ws_client_send_frame(&c, 0x80, STR("\xcd\xc9\xc9\x07\x00"));
    ws_client_send_frame(&c, 0xc1, STR("\x00"));
    ws_world_await_texts(*state, s, "Hello\nplain\nHello\n\n");
    ws_client_expect_frame(&c, 0x8a, STR("between"));

    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof(text); i++) { /* more than lws takes at once, also compressed */
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)(' ' + (seed >> 24) % 90);
    }
    buf_clear(&s->texts);
    size_t n = squeeze((struct str){text, sizeof(text)}, false, payload, sizeof(payload));
    assert_true(n > 300);
    ws_client_send_frame(&c, 0xc1, (struct str){payload, n});
    struct buf expected = {0};
    buf_add(&expected, (struct str){text, sizeof(text)});
    buf_add(&expected, STR("\n\0"));
    ws_world_await_texts(*state, s, expected.p);
    buf_release(&expected);
    ws_client_release(&c);
}

static void bad_compressed_messages_close(void **state)
{
    static char zeros[1 << 20];
    static char bomb[1 << 20];
    size_t n = squeeze((struct str){zeros, sizeof(zeros)}, false, bomb, sizeof(bomb));
    const struct {
        unsigned first_byte;
        struct str payload;
        unsigned code;
    } rows[] = {
        {0xc1, {bomb, n}, 1009},           {0xc1, STR("this was never compressed"), 1007},
        {0xc1, STR("\xf2\x48\xcd"), 1007}, {0xc1, STR(""), 1007},
        {0xc2, STR(HELLO), 1003},          {0xe1, STR(HELLO), 1002},
        {0xa1, STR(HELLO), 1002},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct session *s;
        struct ws_client c = connect_compressed(*state, &s);
        ws_client_send_frame(&c, rows[i].first_byte, rows[i].payload);
        ws_client_expect_close(&c, rows[i].code);
        assert_int_equal(s->texts.n, 0);
        ws_client_release(&c);
    }
}

static void compression_bit_where_it_must_not_be_closes_with_1002(void **state)
{
    struct session *s;
    struct ws_client c = connect_compressed(*state, &s);
    ws_client_send_frame(&c, 0x41, STR("\xf2\x48"));
    ws_client_send_frame(&c, 0xc0, STR("\xcd\xc9\xc9\x07\x00"));
    ws_client_expect_close(&c, 1002);
    ws_client_release(&c);

    c = ws_client_connect(*state);
    ws_client_upgrade(&c, "/", ""); /* not negotiated */
    ws_client_send_frame(&c, 0xc1, STR(HELLO));
    ws_client_expect_close(&c, 1002);
    ws_client_release(&c);
}

static void compressed_frames_of_ours_pass_as_they_are(void **state)
{
    struct gw_metrics metrics = {0};
    struct session *s;
    struct ws_client c = connect_compressed(*state, &s);
    struct deflater *d = deflater_create(&metrics);
    struct buf text = {0};
    for (unsigned i = 0; i < 5000; i++) {
        buf_addf(&text, "{\"place\":%u},", i * i);
    }
    struct msg *plain = ws_frame_text(buf_str(&text), false);
    struct msg *m = deflate_frame(d, plain);
    assert_true(m->len < plain->len);
    assert_true(s->ops->write(s->conn, m->bytes, m->len));
    assert_true(s->ops->write(s->conn, (const uint8_t *)"\x81\x01x", 3));
    size_t n = ws_frame_payload_bytes(m);
    ws_client_expect_frame(&c, 0xc1, (struct str){(const char *)m->bytes + m->len - n, n});
    ws_client_expect_frame(&c, 0x81, STR("x"));
    assert_true(s->ops->ping(s->conn));
    ws_client_expect_frame(&c, 0x89, STR_NONE);
    session_close(s, CLOSE_LEAVING, "leaving");
    ws_client_expect_close(&c, 1012);
    msg_unref(m);
    msg_unref(plain);
    deflater_free(d);
    buf_release(&text);
    ws_client_release(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(offers_are_answered_without_context_takeover),
        TEST(offer_of_any_length_is_answered),
        TEST(malformed_offer_is_refused),
        TEST(legacy_client_negotiates_too),
        cmocka_unit_test_setup_teardown(nothing_is_negotiated_when_it_is_off, set_up_without,
                                        tear_down),
        TEST(compressed_and_plain_messages_reach_the_session_as_text),
        TEST(bad_compressed_messages_close),
        TEST(compression_bit_where_it_must_not_be_closes_with_1002),
        TEST(compressed_frames_of_ours_pass_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
