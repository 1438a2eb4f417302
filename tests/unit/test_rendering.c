/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/msg.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/deflate.h"
#include "gateway/hub/rendering.h"
#include "proto/limits.h"
#include "proto/ws_frame.h"
#include "tests/support/fail_alloc.h"

static int check_memory(void **state)
{
    (void)state;
    fail_alloc_at(-1);
    return msg_bytes_alive() == 0 ? 0 : -1;
}

static struct gw_metrics metrics;
static struct deflater *deflater;

static int set_up(void **state)
{
    (void)state;
    deflater = deflater_create(&metrics);
    return deflater ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    deflater = deflater_free(deflater);
    return 0;
}

static struct msg *msg_of(struct rendering *r, enum rendering_format f, uint32_t skipped)
{
    return rendering_msg(r, f, skipped, deflater);
}

/* The payloads of a message's frames, joined; the caller releases it. */
static struct buf payload_of(const struct msg *m)
{
    struct buf b = {0};
    size_t len;
    for (size_t at = 0; (len = ws_frame_next(m, at)) > 0; at += len) {
        size_t n = ws_frame_payload_at(m, at);
        buf_add(&b, (struct str){(const char *)m->bytes + at + len - n, n});
    }
    return b;
}

static void assert_payload(const struct msg *m, struct str expected)
{
    struct buf b = payload_of(m);
    assert_int_equal(b.n, expected.n);
    assert_memory_equal(b.p, expected.p, expected.n);
    buf_release(&b);
}

static void assert_inflates_to(const struct msg *m, struct str expected)
{
    struct buf b = payload_of(m);
    buf_add(&b, (struct str){"\0\0\xff\xff", 4});
    char *out = malloc(expected.n + 1);
    z_stream z = {.next_in = (unsigned char *)b.p,
                  .avail_in = (unsigned)b.n,
                  .next_out = (unsigned char *)out,
                  .avail_out = (unsigned)expected.n + 1};
    assert_int_equal(inflateInit2(&z, -15), Z_OK);
    assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(z.total_out, expected.n);
    assert_memory_equal(out, expected.p, expected.n);
    inflateEnd(&z);
    free(out);
    buf_release(&b);
}

/* Something that compresses, of n bytes. */
static struct str text_of(size_t n)
{
    char *p = malloc(n);
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)('a' + i % 7 + i / 1000 % 11);
    }
    return (struct str){p, n};
}

static void each_format_is_made_once_of_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,     125,   126,   255,   256,    32767,
                                   32768, 32769, 65535, 65536, 100000, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct str text = text_of(sizes[i]);
        struct rendering *r = rendering_create(text, STR("run_update"), 0, 0);
        struct msg *plain = msg_of(r, RENDERING_WS, 0);
        assert_payload(plain, text);
        assert_int_equal(rendering_bytes(r), plain->len);
        struct msg *small = msg_of(r, RENDERING_WS_DEFLATE, 0);
        if (sizes[i] >= 256) {
            assert_true(small->len < plain->len);
            assert_int_equal(small->bytes[0] & 0x40, 0x40);
            assert_inflates_to(small, text);
        } else {
            assert_ptr_equal(small, plain);
        }
        for (enum rendering_format f = 0; f < RENDERING_FORMATS; f++) {
            assert_ptr_equal(msg_of(r, f, 0), msg_of(r, f, 0));
        }
        assert_ptr_equal(msg_of(r, RENDERING_WS, 5), plain); /* nowhere to say it */
        rendering_unref(r);
        free((char *)(uintptr_t)text.p);
    }
}

static void skipped_is_written_where_it_belongs_one_variant_for_each_number(void **state)
{
    (void)state;
    struct str text = STR("{\"type\":\"s\",\"data\":{}}");
    struct rendering *r = rendering_create(text, STR("s"), 7, 12);
    assert_int_equal(rendering_tag(r), 7);
    assert_payload(msg_of(r, RENDERING_WS, 0), text);
    assert_payload(msg_of(r, RENDERING_WS, 2), STR("{\"type\":\"s\",\"skipped\":2,\"data\":{}}"));
    assert_payload(msg_of(r, RENDERING_WS, 10), STR("{\"type\":\"s\",\"skipped\":10,\"data\":{}}"));
    assert_ptr_equal(msg_of(r, RENDERING_WS, 2), msg_of(r, RENDERING_WS, 2));
    assert_payload(msg_of(r, RENDERING_WS_DEFLATE, 2),
                   STR("{\"type\":\"s\",\"skipped\":2,\"data\":{}}"));
    struct buf sse = {0};
    buf_add(&sse, msg_str(msg_of(r, RENDERING_SSE, 2)));
    buf_addc(&sse, '\0');
    assert_non_null(strstr(sse.p, "event: s\n"));
    assert_non_null(strstr(sse.p, "data: {\"type\":\"s\",\"skipped\":2,\"data\":{}}\n"));
    buf_release(&sse);
    rendering_unref(r);
}

static void references_are_counted(void **state)
{
    (void)state;
    struct rendering *r = rendering_create(STR("x"), STR_NONE, 0, 0);
    assert_ptr_equal(rendering_ref(r), r);
    assert_null(rendering_unref(r));
    assert_payload(msg_of(r, RENDERING_WS, 0), STR("x"));
    assert_null(rendering_unref(r));
    assert_null(rendering_unref(NULL));
    assert_int_equal(msg_bytes_alive(), 0);
}

static void without_memory_there_is_none_or_the_plain_variant(void **state)
{
    (void)state;
    struct str text = text_of(40000);
    for (long n = 0; n < 2; n++) {
        fail_alloc_at(n);
        assert_null(rendering_create(text, STR("s"), 7, 12));
        assert_true(fail_alloc_hit());
    }
    bool hit = true;
    for (long n = 0; hit; n++) {
        fail_alloc_at(-1);
        struct rendering *r = rendering_create(text, STR("s"), 7, 12);
        fail_alloc_at(n);
        const struct msg *m = msg_of(r, RENDERING_WS, 3);
        const struct msg *d = msg_of(r, RENDERING_WS_DEFLATE, 3);
        const struct msg *e = msg_of(r, RENDERING_SSE, 3);
        hit = fail_alloc_hit();
        fail_alloc_at(-1);
        assert_non_null(m); /* at worst the text without `skipped` */
        assert_true((d && e) || hit);
        assert_non_null(msg_of(r, RENDERING_WS_DEFLATE, 3)); /* and later it works */
        assert_non_null(msg_of(r, RENDERING_SSE, 3));
        rendering_unref(r);
    }
    free((char *)(uintptr_t)text.p);
}

#define TEST(f) cmocka_unit_test_teardown(f, check_memory)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_format_is_made_once_of_any_size),
        TEST(skipped_is_written_where_it_belongs_one_variant_for_each_number),
        TEST(references_are_counted),
        TEST(without_memory_there_is_none_or_the_plain_variant),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
