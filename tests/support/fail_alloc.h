/* SPDX-License-Identifier: MIT */
#pragma once
/* fail_alloc: memory that runs out where a test wants it. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strndup.
 */
#include <stdbool.h>

/* The n-th allocation from now (0: the next) fails, and no other. Negative: none. */
void fail_alloc_at(long n);
/* Did one fail since fail_alloc_at()? */
bool fail_alloc_hit(void);
