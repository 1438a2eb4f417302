/* SPDX-License-Identifier: MIT */
#pragma once
/* words: expected texts, put together piece by piece in an array. cmocka.h must stand before.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"

static inline PRINTF_LIKE(3, 4) void add_words(char *to, size_t cap, const char *fmt, ...)
{
    size_t used = strlen(to);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(to + used, cap - used, fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < cap - used);
}
