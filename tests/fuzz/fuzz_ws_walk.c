/* SPDX-License-Identifier: MIT */
/* What a WebSocket client sends: however it is cut, the same is judged, counted and passed on (but for
 * pings, of which only the last in a piece passes). */
#include "proto/ws_walk.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_BYTES = 4096 };

static const struct str seeds[] = {
    STR("\x81\x85\1\2\3\4hello\x89\x80\1\2\3\4\x88\x82\0\0\0\0\3\xe8"),
    STR("\x01\x81\1\2\3\4a\x8a\x80\1\2\3\4\x80\xfe\x00\x7e\1\2\3\4"),
    STR("\xc1\x80\1\2\3\4\x82\xff\0\0\0\0\0\1\0\0\1\2\3\4"),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

struct outcome {
    struct ws_walk w;
    size_t passed;
    unsigned frames;
};

static struct outcome walk(const uint8_t *data, size_t n, size_t step, bool deflate)
{
    struct outcome o = {.passed = 0};
    uint8_t *buf = malloc(WS_WALK_HELD_MAX + step); /* no more: the sanitizers see each byte */
    MUST(buf);
    ws_walk_init(&o.w, deflate);
    for (size_t at = 0; at < n; at += step) {
        size_t piece = MIN(step, n - at);
        size_t held = ws_walk_resume(&o.w, buf);
        memcpy(buf + held, data + at, piece);
        size_t passed = ws_walk(&o.w, buf, held + piece, &o.frames);
        MUST(passed <= held + piece);
        o.passed += passed;
    }
    free(buf);
    ws_walk_release(&o.w);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    n = MIN(n, (size_t)MAX_BYTES);
    for (int deflate = 0; deflate < 2; deflate++) {
        struct outcome bytewise = walk(data, n, 1, deflate);
        MUST((bytewise.w.state == WS_WALK_BROKEN) == (bytewise.w.reason != NULL));
        MUST(bytewise.passed <= n);
        for (size_t step = 2; step < 300; step = step * 2 + 1) {
            struct outcome o = walk(data, n, step, deflate);
            MUST(o.w.state == bytewise.w.state && o.w.reason == bytewise.w.reason);
            MUST(o.w.rest == bytewise.w.rest && o.w.n_held == bytewise.w.n_held);
            MUST(o.w.close_code == bytewise.w.close_code && o.frames == bytewise.frames);
            MUST(o.passed <= bytewise.passed);
        }
    }
    return 0;
}
