/* SPDX-License-Identifier: MIT */
#pragma once
/* utf8: RFC 3629 (no surrogates, no overlong forms, up to U+10FFFF).
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"

bool utf8_valid(struct str s);

/* Text that comes in pieces, cut anywhere. Zero-initialise. */
struct utf8_check {
    uint8_t more;      /* bytes that the character begun still lacks */
    uint8_t low, high; /* what the next of them may be */
};
/* False: what came so far cannot become valid, whatever follows. Then nothing more may be added. */
bool utf8_check_add(struct utf8_check *u, struct str s);
/* Does it end between two characters? */
static inline bool utf8_check_is_whole(const struct utf8_check *u)
{
    return u->more == 0;
}

/* Has it a control character (U+0000–U+001F, U+007F–U+009F)? s must be valid. */
bool utf8_has_controls(struct str s);
