/* SPDX-License-Identifier: MIT */
/* WebSocket connections through real sockets and libwebsockets; sessions only take notes. */
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

#include "common/wheel.h"
#include "proto/limits.h"
#include "tests/unit/ws_world.h"

struct fixture {
    struct ws_world *w;
    struct ws_client c;
    struct session *s;
};

static int set_up_with(void **state, const char *target)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->w = ws_world_create(NULL);
    f->c = ws_client_connect(f->w);
    ws_client_upgrade(&f->c, target, "");
    f->s = ws_world_newest(f->w);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, "/events/");
}

static int set_up_legacy(void **state)
{
    return set_up_with(state, "/?filter=/all-events");
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

static struct str filled(char *space, char c, size_t n)
{
    memset(space, c, n);
    return (struct str){space, n};
}

static void text_frame_reaches_the_session_as_text(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x81, STR("{\"type\":\"ping\"}"));
    ws_world_await_texts(f->w, f->s, "{\"type\":\"ping\"}\n");
    assert_int_equal(1, f->s->alive);
}

static void empty_text_is_a_message_too(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x81, STR(""));
    ws_world_await_texts(f->w, f->s, "\n");
}

static void fragments_become_one_message_with_control_frames_between(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x01, STR("a"));
    ws_client_send_frame(&f->c, 0x89, STR("between"));
    ws_client_send_frame(&f->c, 0x00, STR(""));
    ws_client_send_frame(&f->c, 0x00, STR("\xc3")); /* half a character */
    ws_client_send_frame(&f->c, 0x80, STR("\xa9"));
    ws_world_await_texts(f->w, f->s, "a\xc3\xa9\n");
    ws_client_expect_frame(&f->c, 0x8a, STR("between"));
}

static void largest_message_is_taken_in_one_frame_and_in_many(void **state)
{
    struct fixture *f = *state;
    char space[LIMIT_CLIENT_MESSAGE_BYTES + 1];
    struct str all = filled(space, 'x', LIMIT_CLIENT_MESSAGE_BYTES);
    ws_client_send_frame(&f->c, 0x81, all);
    ws_client_send_frame(&f->c, 0x01, (struct str){space, 1000});
    ws_client_send_frame(&f->c, 0x80, (struct str){space, all.n - 1000});
    char expected[2 * (LIMIT_CLIENT_MESSAGE_BYTES + 1) + 1];
    memset(expected, 'x', sizeof(expected));
    expected[all.n] = '\n';
    expected[2 * all.n + 1] = '\n';
    expected[2 * all.n + 2] = '\0';
    ws_world_await_texts(f->w, f->s, expected);
}

static void message_one_byte_too_long_closes_with_1009(void **state)
{
    struct fixture *f = *state;
    char space[LIMIT_CLIENT_MESSAGE_BYTES + 1];
    ws_client_send_frame(&f->c, 0x81, filled(space, 'x', sizeof(space)));
    ws_client_expect_close(&f->c, 1009);
    assert_int_equal(0, f->s->texts.n);
}

static void fragments_over_the_limit_close_with_1009(void **state)
{
    struct fixture *f = *state;
    char space[4000];
    ws_client_send_frame(&f->c, 0x01, filled(space, 'x', 4000));
    ws_client_send_frame(&f->c, 0x80, (struct str){space, 97});
    ws_client_expect_close(&f->c, 1009);
}

static void declared_length_closes_before_its_bytes_come(void **state)
{
    struct fixture *f = *state;
    static const char frame[] = "\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00mask{";
    ws_client_send(&f->c, frame, sizeof(frame) - 1);
    ws_client_expect_close(&f->c, 1009);
}

static void frame_without_a_mask_closes_with_1002(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x81, STR("with a mask"));
    ws_client_send_frame(&f->c, 0x8a, STR("the same"));
    ws_world_await_texts(f->w, f->s, "with a mask\n");
    ws_client_send(&f->c, "\x81\x04none", 6);
    ws_client_expect_close(&f->c, 1002);
    assert_int_equal(1002, f->s->close_code);
    assert_int_equal(strlen("with a mask\n"), f->s->texts.n);
}

static void pong_without_a_mask_closes_with_1002(void **state)
{
    struct fixture *f = *state;
    ws_client_send(&f->c, "\x8a\x01.", 3);
    ws_client_expect_close(&f->c, 1002);
}

static void legacy_frame_without_a_mask_closes_with_1002(void **state)
{
    struct fixture *f = *state;
    ws_client_send(&f->c, "\x81\x06\"ping\"", 8);
    ws_client_expect_close(&f->c, 1002);
}

static void frames_of_each_length_are_known_to_be_masked(void **state)
{
    struct fixture *f = *state;
    static const size_t lengths[] = {0, 1, 125, 126, 127, 4095, 4096};
    char space[LIMIT_CLIENT_MESSAGE_BYTES];
    struct buf expected = {0};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct str text = filled(space, 'x', lengths[i]);
        ws_client_send_frame(&f->c, 0x81, text);
        ws_client_send_frame(&f->c, 0x01, text); /* and in a fragment */
        ws_client_send_frame(&f->c, 0x80, STR(""));
        for (int k = 0; k < 2; k++) {
            buf_add(&expected, text);
            buf_addc(&expected, '\n');
        }
    }
    buf_addc(&expected, '\0');
    ws_world_await_texts(f->w, f->s, expected.p);
    assert_int_equal(0, f->s->close_code);
    buf_release(&expected);
}

static void binary_frame_closes_with_1003(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x82, STR("x"));
    ws_client_expect_close(&f->c, 1003);
    assert_int_equal(1003, f->s->close_code);
}

static void text_that_is_not_utf8_closes_with_1007(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x81, STR("\xc3("));
    ws_client_expect_close(&f->c, 1007);
    assert_int_equal(0, f->s->texts.n);
}

static void legacy_client_may_say_anything_and_it_proves_life(void **state)
{
    struct fixture *f = *state;
    char space[10000];
    ws_client_send_frame(&f->c, 0x81, STR("\"ping\""));
    ws_client_send_frame(&f->c, 0x82, filled(space, '\xff', sizeof(space)));
    ws_client_send_frame(&f->c, 0x81, STR("\xff"));
    ws_world_await(f->w, &f->s->alive, 3);
    assert_int_equal(0, f->s->close_code);
    assert_int_equal(0, f->s->texts.n);
}

static void ping_of_ours_is_answered_and_proves_life(void **state)
{
    struct fixture *f = *state;
    assert_true(f->s->ops->ping(f->s->conn));
    unsigned first = 0;
    struct buf payload = {0};
    assert_true(ws_client_take_frame(&f->c, &first, &payload));
    assert_int_equal(0x89, first);
    ws_client_send_frame(&f->c, 0x8a, buf_str(&payload));
    ws_world_await(f->w, &f->s->alive, 1);
    buf_release(&payload);
}

static void ping_of_the_client_is_answered_and_proves_life(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x89, STR("hello"));
    ws_client_expect_frame(&f->c, 0x8a, STR("hello"));
    ws_world_await(f->w, &f->s->alive, 1);
}

static void send_many(struct fixture *f, unsigned first_byte)
{
    struct buf frames = {0};
    for (int i = 0; i < 200; i++) {
        ws_client_frame(&frames, first_byte, STR(""));
    }
    ws_client_send(&f->c, frames.p, frames.n);
    ws_client_read(&f->c);
    buf_release(&frames);
}

static void flood(struct fixture *f, unsigned first_byte)
{
    for (int i = 0; i < 1000 && f->s->close_code == 0; i++) {
        send_many(f, first_byte);
    }
    assert_int_equal(1013, f->s->close_code);
    for (int i = 0; i < 3; i++) { /* nothing more is read of it; then it ends */
        wheel_tick(f->w->wheel);
    }
    ws_world_await(f->w, &f->s->closed, 1);
}

static void flood_of_messages_closes_with_1013(void **state)
{
    flood(*state, 0x81);
}

static void empty_fragments_are_counted_as_frames(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x01, STR(""));
    flood(f, 0x00);
}

/* One message without an end, in many pieces. */
static void endless_message_of_a_legacy_client_is_a_flood(void **state)
{
    struct fixture *f = *state;
    char piece[4096];
    static const char head[] = "\x01\xff\x3f\xff\xff\xff\xff\xff\xff\xff"
                               "mask";
    assert_int_equal(sizeof(head) - 1, send(f->c.fd, head, sizeof(head) - 1, MSG_NOSIGNAL));
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 1000 && f->s->close_code == 0; i++) {
        (void)send(f->c.fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
        ws_world_turn(f->w);
    }
    assert_int_equal(1013, f->s->close_code);
    for (int i = 0; i < 3; i++) {
        wheel_tick(f->w->wheel);
    }
    ws_world_await(f->w, &f->s->closed, 1);
}

static void flood_of_pings_closes_with_1013(void **state)
{
    flood(*state, 0x89);
}

static void flood_of_empty_pongs_closes_with_1013(void **state)
{
    flood(*state, 0x8a);
}

static void what_waits_unread_is_no_flood(void **state)
{
    struct fixture *f = *state;
    char space[LIMIT_CLIENT_MESSAGE_BYTES];
    assert_true(f->s->ops->ping(f->s->conn));
    for (int i = 0; i < 600; i++) { /* of the 1,000 that are allowed at once */
        ws_client_send_frame(&f->c, 0x81, STR("x"));
    }
    ws_world_await(f->w, &f->s->alive, 600);
    assert_true(f->s->ops->ping(f->s->conn));
    f->s->pause_after_text = true;
    struct str text = filled(space, 'x', sizeof(space));
    struct buf frames = {0};
    for (int i = 0; i < 100; i++) { /* fills the receive buffer */
        ws_client_frame(&frames, 0x81, text);
    }
    assert_true(send(f->c.fd, frames.p, frames.n, MSG_NOSIGNAL | MSG_DONTWAIT) > 60000);
    buf_release(&frames);
    ws_world_await(f->w, &f->s->alive, 601);
    assert_true(f->s->ops->ping(f->s->conn));
    assert_int_equal(0, f->s->close_code);
    f->s->pause_after_text = false;
    f->s->ops->pause_reading(f->s->conn, false);
}

static void messages_at_the_allowed_rate_are_no_flood(void **state)
{
    struct fixture *f = *state;
    char space[LIMIT_CLIENT_MESSAGE_BYTES];
    assert_true(f->s->ops->ping(f->s->conn));
    for (int i = 0; i < LIMIT_FRAMES_BURST; i++) {
        ws_client_send_frame(&f->c, 0x81, filled(space, 'x', sizeof(space)));
    }
    ws_world_await(f->w, &f->s->alive, LIMIT_FRAMES_BURST);
    assert_int_equal(0, f->s->close_code);
    assert_true(f->s->ops->ping(f->s->conn));
}

static void close_of_ours_waits_for_the_answer(void **state)
{
    struct fixture *f = *state;
    session_close(f->s, CLOSE_DEAUTHENTICATED, "deauthenticated");
    ws_client_expect_frame(&f->c, 0x88,
                           STR("\x0f\xa1"
                               "deauthenticated"));
    assert_false(f->s->ops->write(f->s->conn, (const uint8_t *)"\x81\x01x", 3));
    assert_int_equal(0, f->s->closed);
    ws_client_send_frame(&f->c, 0x88, STR("\x0f\xa1"));
    ws_client_await_end(&f->c);
    assert_int_equal(0, f->c.in.n); /* no second close frame */
    assert_int_equal(1, f->s->closed);
}

static void close_that_is_not_answered_ends_after_two_seconds(void **state)
{
    struct fixture *f = *state;
    session_close(f->s, CLOSE_DEAUTHENTICATED, "deauthenticated");
    for (int i = 0; i < 2; i++) {
        wheel_tick(f->w->wheel);
        ws_world_turn(f->w);
    }
    assert_int_equal(0, f->s->closed);
    wheel_tick(f->w->wheel);
    ws_client_expect_close(&f->c, 4001);
    ws_client_await_end(&f->c);
    ws_world_await(f->w, &f->s->closed, 1);
}

static void messages_after_our_close_are_passed_over(void **state)
{
    struct fixture *f = *state;
    session_close(f->s, CLOSE_DEAUTHENTICATED, "deauthenticated");
    ws_client_send_frame(&f->c, 0x81, STR("late"));
    ws_client_send_frame(&f->c, 0x88, STR("\x03\xe8"));
    ws_world_await(f->w, &f->s->closed, 1);
    assert_int_equal(0, f->s->texts.n);
}

static void close_at_once_sends_its_frame_and_ends_the_socket(void **state)
{
    struct fixture *f = *state;
    f->s->ops->close(f->s->conn, 4008, STR("slow"), true);
    assert_int_equal(0, f->s->closed);
    ws_client_expect_close(&f->c, 4008);
    ws_client_await_end(&f->c);
    ws_world_await(f->w, &f->s->closed, 1);
}

static void close_of_the_client_is_answered(void **state)
{
    struct fixture *f = *state;
    ws_client_send_frame(&f->c, 0x88,
                         STR("\x03\xe8"
                             "bye"));
    ws_client_expect_close(&f->c, 1000);
    ws_client_await_end(&f->c);
    assert_int_equal(1, f->s->closed);
}

/* It ends without waiting for an answer. */
static void frame_against_the_protocol_ends_with_1002(void **state)
{
    static const unsigned first_bytes[] = {0xf1, 0x83, 0x09};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(first_bytes); i++) {
        struct ws_client c = ws_client_connect(f->w);
        ws_client_upgrade(&c, "/", "");
        struct session *s = ws_world_newest(f->w);
        ws_client_send_frame(&c, first_bytes[i], STR("x"));
        ws_client_expect_close(&c, 1002);
        ws_client_await_end(&c);
        assert_int_equal(1002, s->close_code);
        ws_world_await(f->w, &s->closed, 1);
        ws_client_release(&c);
    }
}

static void client_that_vanishes_ends_the_session(void **state)
{
    struct fixture *f = *state;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(0, setsockopt(f->c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
    ws_client_release(&f->c);
    ws_world_await(f->w, &f->s->closed, 1);
    f->c = ws_client_connect(f->w); /* for tear_down() */
}

/* Frames of 32 KiB until the socket takes no more. Returns how many. */
static unsigned fill(struct fixture *f, struct buf *frame)
{
    static const char header[] = "\x81\x7e\x7f\xfc";
    buf_add(frame, (struct str){header, 4});
    while (frame->n < 0x7ffc + 4) {
        buf_addc(frame, 'x');
    }
    unsigned n = 0;
    while (!f->s->ops->is_blocked(f->s->conn)) {
        assert_true(f->s->ops->write(f->s->conn, (const uint8_t *)frame->p, frame->n));
        n++;
    }
    return n;
}

static void blocked_writes_arrive_whole_with_a_pong_behind_them(void **state)
{
    struct fixture *f = *state;
    struct buf frame = {0};
    unsigned n = fill(f, &frame);
    ws_client_send_frame(&f->c, 0x89, STR("now")); /* while a frame is half sent */
    assert_int_equal(0, f->s->writable);
    for (unsigned i = 0; i < n; i++) {
        ws_client_expect_frame(&f->c, 0x81, (struct str){frame.p + 4, frame.n - 4});
    }
    ws_client_expect_frame(&f->c, 0x8a, STR("now"));
    ws_world_await(f->w, &f->s->writable, 1);
    assert_true(f->s->ops->write(f->s->conn, (const uint8_t *)"\x81\x01y", 3));
    ws_client_expect_frame(&f->c, 0x81, STR("y"));
    buf_release(&frame);
}

static void close_comes_behind_what_is_pending(void **state)
{
    struct fixture *f = *state;
    struct buf frame = {0};
    unsigned n = fill(f, &frame);
    session_close(f->s, CLOSE_LEAVING, "leaving");
    for (unsigned i = 0; i < n; i++) {
        ws_client_expect_frame(&f->c, 0x81, (struct str){frame.p + 4, frame.n - 4});
    }
    ws_client_expect_close(&f->c, 1012);
    buf_release(&frame);
}

static void close_at_once_of_a_blocked_connection_does_not_wait(void **state)
{
    struct fixture *f = *state;
    struct buf frame = {0};
    (void)fill(f, &frame);
    f->s->ops->close(f->s->conn, 4008, STR("slow"), true);
    ws_world_await(f->w, &f->s->closed, 1);
    buf_release(&frame);
}

static void paused_reading_keeps_messages_in_order_until_resumed(void **state)
{
    struct fixture *f = *state;
    struct buf frames = {0};
    struct buf expected = {0};
    for (int i = 0; i < 300; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "message %d", i);
        ws_client_frame(&frames, 0x81, str_of(text));
        buf_addf(&expected, "%s\n", text);
    }
    f->s->pause_after_text = true;
    ws_client_send(&f->c, frames.p, frames.n);
    for (int i = 0; i < 20; i++) {
        ws_world_turn(f->w);
    }
    assert_memory_equal("message 0\n", f->s->texts.p, f->s->texts.n);
    f->s->pause_after_text = false;
    f->s->ops->pause_reading(f->s->conn, false);
    buf_addc(&expected, '\0');
    ws_world_await_texts(f->w, f->s, expected.p);
    buf_release(&frames);
    buf_release(&expected);
}

static void paused_connection_can_be_closed(void **state)
{
    struct fixture *f = *state;
    f->s->ops->pause_reading(f->s->conn, true);
    session_close(f->s, CLOSE_OVERLOAD, "overload");
    ws_client_expect_close(&f->c, 1013);
    ws_client_send_frame(&f->c, 0x88, STR("\x03\xf5"));
    ws_client_await_end(&f->c);
}

static void paused_connection_whose_write_fails_ends(void **state)
{
    struct fixture *f = *state;
    f->s->ops->pause_reading(f->s->conn, true);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(0, setsockopt(f->c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
    ws_client_release(&f->c);
    assert_false(f->s->ops->write(f->s->conn, (const uint8_t *)"\x81\x01x", 3));
    assert_int_equal(0, f->s->closed); /* from the loop */
    ws_world_await(f->w, &f->s->closed, 1);
    f->c = ws_client_connect(f->w);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(text_frame_reaches_the_session_as_text),
        T(empty_text_is_a_message_too),
        T(fragments_become_one_message_with_control_frames_between),
        T(largest_message_is_taken_in_one_frame_and_in_many),
        T(message_one_byte_too_long_closes_with_1009),
        T(fragments_over_the_limit_close_with_1009),
        T(declared_length_closes_before_its_bytes_come),
        T(frame_without_a_mask_closes_with_1002),
        T(pong_without_a_mask_closes_with_1002),
        T(frames_of_each_length_are_known_to_be_masked),
        cmocka_unit_test_setup_teardown(legacy_frame_without_a_mask_closes_with_1002, set_up_legacy,
                                        tear_down),
        T(binary_frame_closes_with_1003),
        T(text_that_is_not_utf8_closes_with_1007),
        cmocka_unit_test_setup_teardown(legacy_client_may_say_anything_and_it_proves_life,
                                        set_up_legacy, tear_down),
        cmocka_unit_test_setup_teardown(endless_message_of_a_legacy_client_is_a_flood,
                                        set_up_legacy, tear_down),
        T(ping_of_ours_is_answered_and_proves_life),
        T(ping_of_the_client_is_answered_and_proves_life),
        T(flood_of_messages_closes_with_1013),
        T(empty_fragments_are_counted_as_frames),
        T(flood_of_pings_closes_with_1013),
        T(flood_of_empty_pongs_closes_with_1013),
        T(what_waits_unread_is_no_flood),
        T(messages_at_the_allowed_rate_are_no_flood),
        T(close_of_ours_waits_for_the_answer),
        T(close_that_is_not_answered_ends_after_two_seconds),
        T(messages_after_our_close_are_passed_over),
        T(close_at_once_sends_its_frame_and_ends_the_socket),
        T(close_of_the_client_is_answered),
        T(frame_against_the_protocol_ends_with_1002),
        T(client_that_vanishes_ends_the_session),
        T(blocked_writes_arrive_whole_with_a_pong_behind_them),
        T(close_comes_behind_what_is_pending),
        T(close_at_once_of_a_blocked_connection_does_not_wait),
        T(paused_reading_keeps_messages_in_order_until_resumed),
        T(paused_connection_can_be_closed),
        T(paused_connection_whose_write_fails_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
