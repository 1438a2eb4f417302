/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/msg.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/deflate.h"
#include "proto/limits.h"
#include "proto/ws_frame.h"
#include "tests/support/fail_alloc.h"

struct fixture {
    struct gw_metrics metrics;
    struct deflater *d;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->d = deflater_create(&f->metrics);
    assert_non_null(f->d);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fail_alloc_at(-1);
    f->d = deflater_free(f->d);
    free(f);
    return msg_bytes_alive() == 0 ? 0 : -1;
}

/* Rows of a scoreboard: n bytes, not the same ones for another seed. */
static struct buf scoreboard(size_t n, uint32_t seed)
{
    struct buf b = {0};
    while (b.n < n) {
        seed = seed * 1664525 + 1013904223;
        buf_addf(&b, "{\"username\":\"contestant_%u\",\"points\":%u,\"penalty\":%u},", seed >> 24,
                 seed >> 16 & 0xff, seed >> 8 & 0xff);
    }
    assert_false(b.failed);
    b.n = n;
    return b;
}

static void fill_with_noise(char *out, size_t n)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        out[i] = (char)(seed >> 24);
    }
}

/* As a client does it: joins the fragments, of which the first alone says RSV1, and inflates. */
static void assert_inflates_to(const struct msg *m, struct str expected)
{
    struct buf joined = {0};
    size_t len;
    for (size_t at = 0; (len = ws_frame_next(m, at)) > 0; at += len) {
        size_t n = ws_frame_payload_at(m, at);
        unsigned is_last = at + len == m->len ? 0x80 : 0;
        assert_int_equal(m->bytes[at], is_last | (at == 0 ? 0x41u : 0x00u));
        buf_add(&joined, (struct str){(const char *)m->bytes + at + len - n, n});
    }
    buf_add(&joined, STR("\x00\x00\xff\xff"));
    char *out = malloc(expected.n + 1);
    assert_non_null(out);
    z_stream z = {.next_in = (unsigned char *)joined.p,
                  .avail_in = (unsigned)joined.n,
                  .next_out = (unsigned char *)out,
                  .avail_out = (unsigned)expected.n + 1};
    assert_int_equal(inflateInit2(&z, -15), Z_OK);
    assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, expected.n);
    assert_memory_equal(out, expected.p, expected.n);
    (void)inflateEnd(&z);
    free(out);
    buf_release(&joined);
}

/* Each from nothing, whatever the deflater did before. */
static void messages_of_any_size_become_smaller_and_are_what_they_were(void **state)
{
    static const size_t sizes[] = {256,   300,    4096,    32767,   32768,   32769,
                                   65536, 100000, 1000000, 1572864, 1572865, 3000000};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf text = scoreboard(sizes[i], (uint32_t)i);
        struct msg *plain = ws_frame_text(buf_str(&text), false);
        struct msg *m = deflate_frame(f->d, plain);
        assert_true(m->len < plain->len);
        assert_inflates_to(m, buf_str(&text));
        assert_int_equal(f->metrics.deflated, i + 1);
        msg_unref(m);
        msg_unref(plain);
        buf_release(&text);
    }
}

static void bytes_before_and_after_are_counted(void **state)
{
    struct fixture *f = *state;
    struct buf text = scoreboard(50000, 1);
    struct msg *plain = ws_frame_text(buf_str(&text), false);
    struct msg *m = deflate_frame(f->d, plain);
    assert_int_equal(f->metrics.deflated_from, plain->len);
    assert_int_equal(f->metrics.deflated_to, m->len);
    assert_true(m->len < plain->len / 4);
    msg_unref(m);
    msg_unref(plain);
    buf_release(&text);
}

static void small_messages_stay_plain_and_are_shared(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 255};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf text = scoreboard(sizes[i], 1);
        struct msg *plain = ws_frame_text(buf_str(&text), false);
        struct msg *m = deflate_frame(f->d, plain);
        assert_ptr_equal(m, plain);
        msg_unref(m);
        msg_unref(plain);
        buf_release(&text);
    }
    assert_int_equal(f->metrics.deflated, 0);
}

static void noise_stays_plain_and_does_not_disturb_what_follows(void **state)
{
    static char noise[200000];
    struct fixture *f = *state;
    fill_with_noise(noise, sizeof(noise));
    struct buf text = scoreboard(1000, 1);
    for (size_t n = 300; n <= sizeof(noise); n *= 5) {
        struct msg *plain = ws_frame_text((struct str){noise, n}, false);
        struct msg *m = deflate_frame(f->d, plain);
        assert_ptr_equal(m, plain);
        msg_unref(m);
        msg_unref(plain);
        plain = ws_frame_text(buf_str(&text), false);
        m = deflate_frame(f->d, plain);
        assert_inflates_to(m, buf_str(&text));
        msg_unref(m);
        msg_unref(plain);
    }
    buf_release(&text);
}

static void compressed_message_of_several_fragments_says_so_in_the_first(void **state)
{
    struct fixture *f = *state;
    static char noise[4 * LIMIT_FRAGMENT_BYTES];
    fill_with_noise(noise, sizeof(noise));
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (char)('a' + (noise[i] & 0x0f)); /* half of it can be saved */
    }
    struct msg *plain = ws_frame_text((struct str){noise, sizeof(noise)}, false);
    struct msg *m = deflate_frame(f->d, plain);
    assert_true(ws_frame_next(m, 0) < m->len);
    assert_inflates_to(m, (struct str){noise, sizeof(noise)});
    msg_unref(m);
    msg_unref(plain);
}

static void without_memory_the_plain_message_is_sent(void **state)
{
    struct fixture *f = *state;
    struct buf text = scoreboard(40000, 1);
    struct msg *plain = ws_frame_text(buf_str(&text), false);
    bool hit = true;
    for (long n = 0; hit; n++) {
        fail_alloc_at(n);
        struct msg *m = deflate_frame(f->d, plain);
        hit = fail_alloc_hit();
        fail_alloc_at(-1);
        assert_true((m == plain) == hit);
        msg_unref(m);
    }
    msg_unref(plain);
    buf_release(&text);
    fail_alloc_at(0);
    assert_null(deflater_create(&f->metrics));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_of_any_size_become_smaller_and_are_what_they_were),
        TEST(bytes_before_and_after_are_counted),
        TEST(small_messages_stay_plain_and_are_shared),
        TEST(noise_stays_plain_and_does_not_disturb_what_follows),
        TEST(compressed_message_of_several_fragments_says_so_in_the_first),
        TEST(without_memory_the_plain_message_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
