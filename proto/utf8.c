/* SPDX-License-Identifier: MIT */
/* utf8: the table of RFC 3629, section 4, as ranges of the second byte. */
#include "proto/utf8.h"

#include <stdint.h>

static bool in_range(uint8_t c, uint8_t low, uint8_t high)
{
    return c >= low && c <= high;
}

/* The first byte of a character of several. */
static bool begin_character(struct utf8_check *u, uint8_t c)
{
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;  /* else overlong */
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf; /* else a surrogate, over U+10FFFF */
    if (in_range(c, 0xc2, 0xdf)) {
        u->more = 1;
    } else if (in_range(c, 0xe0, 0xef)) {
        u->more = 2;
    } else if (in_range(c, 0xf0, 0xf4)) {
        u->more = 3;
    }
    return u->more > 0;
}

static bool take_byte(struct utf8_check *u, uint8_t c)
{
    if (u->more == 0) {
        return c < 0x80 || begin_character(u, c);
    }
    bool is_fit = in_range(c, u->low, u->high);
    u->more--;
    u->low = 0x80;
    u->high = 0xbf;
    return is_fit;
}

bool utf8_check_add(struct utf8_check *u, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!take_byte(u, (uint8_t)s.p[i])) {
            return false;
        }
    }
    return true;
}

bool utf8_valid(struct str s)
{
    struct utf8_check u = {.more = 0};
    return utf8_check_add(&u, s) && utf8_check_is_whole(&u);
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
