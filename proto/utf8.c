/* SPDX-License-Identifier: MIT */
/* utf8: the table of RFC 3629, section 4, as ranges of the second byte. */
#include "proto/utf8.h"

#include <stdint.h>

static bool in_range(uint8_t c, uint8_t low, uint8_t high)
{
    return c >= low && c <= high;
}

static bool is_tail(uint8_t c)
{
    return in_range(c, 0x80, 0xbf);
}

/* Bytes of the character that c[0..n) begins with (n > 0), 0 when it is none. */
static size_t character_bytes(const uint8_t *c, size_t n)
{
    if (c[0] < 0x80) {
        return 1;
    }
    if (in_range(c[0], 0xc2, 0xdf)) {
        return n >= 2 && is_tail(c[1]) ? 2 : 0;
    }
    if (in_range(c[0], 0xe0, 0xef)) {
        uint8_t low = c[0] == 0xe0 ? 0xa0 : 0x80;  /* else overlong */
        uint8_t high = c[0] == 0xed ? 0x9f : 0xbf; /* else a surrogate */
        return n >= 3 && in_range(c[1], low, high) && is_tail(c[2]) ? 3 : 0;
    }
    if (in_range(c[0], 0xf0, 0xf4)) {
        uint8_t low = c[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c[0] == 0xf4 ? 0x8f : 0xbf; /* else over U+10FFFF */
        return n >= 4 && in_range(c[1], low, high) && is_tail(c[2]) && is_tail(c[3]) ? 4 : 0;
    }
    return 0;
}

bool utf8_valid(struct str s)
{
    const uint8_t *c = (const uint8_t *)s.p;

    for (size_t i = 0; i < s.n;) {
        size_t bytes = character_bytes(c + i, s.n - i);
        if (bytes == 0) {
            return false;
        }
        i += bytes;
    }
    return true;
}

bool utf8_has_controls(struct str s)
{
    const uint8_t *c = (const uint8_t *)s.p;

    for (size_t i = 0; i < s.n; i++) {
        if (c[i] < 0x20 || c[i] == 0x7f) {
            return true;
        }
        if (c[i] == 0xc2 && i + 1 < s.n && in_range(c[i + 1], 0x80, 0x9f)) {
            return true;
        }
    }
    return false;
}
