/* SPDX-License-Identifier: MIT */
#pragma once
/* utf8: RFC 3629 (no surrogates, no overlong forms, up to U+10FFFF).
 */
#include <stdbool.h>

#include "common/str.h"

bool utf8_valid(struct str s);
/* Has it a control character (U+0000–U+001F, U+007F–U+009F)? s must be valid. */
bool utf8_has_controls(struct str s);
