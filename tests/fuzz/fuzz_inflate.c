/* SPDX-License-Identifier: MIT */
/* Compressed messages of clients never become longer than they may. */
#include "gateway/transport/inflate.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/squeeze.h"

enum { MAX_BYTES = 4096, CAPACITY = 16384 };

bool fuzz_seed(size_t i, struct buf *out)
{
    static char long_text[20000];
    const struct str texts[] = {STR("{\"type\":\"ping\"}"),
                                STR(""),
                                {long_text, MAX_BYTES},
                                {long_text, sizeof(long_text)}};
    char payload[1024];
    if (i < 2 * ARRAY_LEN(texts)) {
        size_t n = squeeze(texts[i / 2], i % 2, payload, sizeof(payload));
        buf_add(out, (struct str){payload, n});
    }
    return i < 2 * ARRAY_LEN(texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    AUTO(inflater) *f = inflater_create(CAPACITY);
    struct str payload = {(const char *)data, n};
    struct str first = STR_NONE;
    struct str text = STR_NONE;
    MUST(f);
    bool ok = inflate_message(f, payload, MAX_BYTES, &first) == INFLATE_OK;
    size_t bytes = first.n;
    MUST(!ok || bytes <= MAX_BYTES);
    /* Nothing stays of one message for the next. */
    MUST(ok == (inflate_message(f, payload, MAX_BYTES, &text) == INFLATE_OK));
    MUST(!ok || text.n == bytes);
    return 0;
}
