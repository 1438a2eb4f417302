/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/transport/inflate.h"
#include "gateway/transport/ws_message.h"
#include "tests/support/squeeze.h"

enum { MAX_BYTES = 100 };
enum { FIRST = 1, LAST = 2, BINARY = 4, RSV1 = 8 };

struct fixture {
    struct ws_message m;
    struct inflater *inflater;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.inflater = inflater_create(MAX_BYTES)};
    *state = &f;
    return f.inflater ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ws_message_reset(&f->m);
    f->inflater = inflater_free(f->inflater);
    return 0;
}

static struct ws_message_news add(struct fixture *f, struct str bytes, size_t rest, unsigned flags)
{
    const struct ws_piece p = {.bytes = bytes,
                               .rest = rest,
                               .begins_frame = (flags & FIRST) != 0,
                               .is_last = (flags & LAST) != 0,
                               .is_binary = (flags & BINARY) != 0,
                               .says_deflated = (flags & RSV1) != 0};
    return ws_message_add(&f->m, &p, MAX_BYTES, f->inflater);
}

static void expect_pending(struct fixture *f, struct str bytes, size_t rest, unsigned flags)
{
    assert_int_equal(add(f, bytes, rest, flags).state, WS_MESSAGE_PENDING);
}

static void expect_whole(struct fixture *f, struct str bytes, unsigned flags, struct str text)
{
    struct ws_message_news news = add(f, bytes, 0, flags);
    assert_int_equal(news.state, WS_MESSAGE_WHOLE);
    assert_int_equal(news.text.n, text.n);
    assert_memory_equal(news.text.n ? news.text.p : "", text.n ? text.p : "", text.n);
    ws_message_reset(&f->m);
}

static void expect_bad(struct fixture *f, struct str bytes, size_t rest, unsigned flags,
                       enum close_code code)
{
    struct ws_message_news news = add(f, bytes, rest, flags);
    assert_int_equal(news.state, WS_MESSAGE_BAD);
    assert_int_equal(news.code, code);
    assert_true(strlen(news.why) > 0);
    ws_message_reset(&f->m);
}

static void message_in_one_piece_is_not_copied(void **state)
{
    struct fixture *f = *state;
    struct str text = STR("hello");
    assert_ptr_equal(add(f, text, 0, FIRST | LAST).text.p, text.p);
    assert_null(f->m.bytes);
    expect_whole(f, STR_NONE, FIRST | LAST, STR(""));
}

static void pieces_and_frames_are_joined(void **state)
{
    struct fixture *f = *state;
    expect_pending(f, STR("a\xc3"), 3, FIRST);
    expect_pending(f,
                   STR("\xa9"
                       "bc"),
                   0, 0);
    expect_pending(f, STR_NONE, 0, FIRST);
    expect_whole(f, STR("d"), FIRST | LAST,
                 STR("a\xc3\xa9"
                     "bcd"));
    expect_pending(f, STR_NONE, 0, FIRST);
    expect_whole(f, STR_NONE, FIRST | LAST, STR(""));
}

static void what_is_announced_counts_against_the_limit(void **state)
{
    char text[MAX_BYTES + 1];
    struct fixture *f = *state;
    memset(text, 'x', sizeof(text));
    expect_whole(f, (struct str){text, MAX_BYTES}, FIRST | LAST, (struct str){text, MAX_BYTES});
    expect_bad(f, (struct str){text, MAX_BYTES + 1}, 0, FIRST | LAST, CLOSE_TOO_BIG);
    expect_bad(f, STR("x"), MAX_BYTES, FIRST, CLOSE_TOO_BIG);
    expect_bad(f, STR("x"), INT64_MAX, FIRST, CLOSE_TOO_BIG);
    expect_pending(f, (struct str){text, 60}, 0, FIRST);
    expect_bad(f, STR("x"), 40, FIRST, CLOSE_TOO_BIG);
    expect_bad(f, STR("x"), INT64_MAX, FIRST | RSV1, CLOSE_TOO_BIG);
}

static void what_is_no_text_is_bad(void **state)
{
    struct fixture *f = *state;
    expect_bad(f, STR("x"), 0, FIRST | LAST | BINARY, CLOSE_BINARY);
    expect_bad(f, STR("\xc3"), 0, FIRST | LAST, CLOSE_BAD_UTF8);
    expect_pending(f, STR("\xc3"), 0, FIRST);
    expect_bad(f, STR("x"), 0, FIRST | LAST, CLOSE_BAD_UTF8);
    expect_pending(f, STR("\xc3"), 0, FIRST);
    expect_bad(f, STR_NONE, 0, FIRST | LAST, CLOSE_BAD_UTF8);
}

/* RFC 6455, 8.1: not only when the message is whole. */
static void bad_text_ends_at_its_first_wrong_piece(void **state)
{
    struct fixture *f = *state;
    expect_bad(f, STR("x\xff"), 50, FIRST, CLOSE_BAD_UTF8);
    expect_pending(f, STR("\xf4"), 2, FIRST);
    expect_bad(f, STR("\x90"), 1, 0, CLOSE_BAD_UTF8);
    expect_pending(f, STR("a\xe2\x82"), 0, FIRST);
    expect_bad(f, STR("\xac\xc0"), 0, FIRST, CLOSE_BAD_UTF8);
}

static void compressed_message_is_inflated_however_it_is_cut(void **state)
{
    char payload[200];
    char text[MAX_BYTES];
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(' ' + i * i % 91); /* hardly compresses */
    }
    struct str whole = {text, sizeof(text)};
    size_t n = squeeze(whole, false, payload, sizeof(payload));
    expect_whole(f, (struct str){payload, n}, FIRST | LAST | RSV1, whole);
    for (size_t cut = 1; cut < n; cut++) {
        struct str rest = {payload + cut, n - cut};
        expect_pending(f, (struct str){payload, cut}, n - cut, FIRST | RSV1);
        expect_whole(f, rest, LAST | RSV1, whole); /* of the same frame */
        expect_pending(f, (struct str){payload, cut}, 0, FIRST | RSV1);
        expect_whole(f, rest, FIRST | LAST, whole); /* of another one */
    }
    expect_whole(f, STR("plain"), FIRST | LAST, STR("plain"));
}

static void compressed_message_is_checked_like_any_other(void **state)
{
    static const char zeros[MAX_BYTES + 1];
    char payload[200];
    struct fixture *f = *state;
    size_t n = squeeze((struct str){zeros, sizeof(zeros)}, false, payload, sizeof(payload));
    expect_bad(f, (struct str){payload, n}, 0, FIRST | LAST | RSV1, CLOSE_TOO_BIG);
    n = squeeze(STR("half \xc3"), false, payload, sizeof(payload));
    expect_bad(f, (struct str){payload, n}, 0, FIRST | LAST | RSV1, CLOSE_BAD_UTF8);
    expect_bad(f, STR("no deflate"), 0, FIRST | LAST | RSV1, CLOSE_BAD_UTF8);
    expect_bad(f, STR_NONE, 0, FIRST | LAST | RSV1, CLOSE_BAD_UTF8);
    expect_bad(f, STR("x"), 0, FIRST | LAST | BINARY | RSV1, CLOSE_BINARY);
}

static void only_the_first_frame_may_say_compressed(void **state)
{
    struct fixture *f = *state;
    expect_pending(f, STR("x"), 0, FIRST | RSV1);
    expect_bad(f, STR("x"), 0, FIRST | LAST | RSV1, CLOSE_PROTOCOL);
    expect_pending(f, STR_NONE, 0, FIRST);
    expect_bad(f, STR("x"), 0, FIRST | RSV1, CLOSE_PROTOCOL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message_in_one_piece_is_not_copied),
        TEST(pieces_and_frames_are_joined),
        TEST(what_is_announced_counts_against_the_limit),
        TEST(what_is_no_text_is_bad),
        TEST(bad_text_ends_at_its_first_wrong_piece),
        TEST(compressed_message_is_inflated_however_it_is_cut),
        TEST(compressed_message_is_checked_like_any_other),
        TEST(only_the_first_frame_may_say_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
