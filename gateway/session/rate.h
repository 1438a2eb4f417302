/* SPDX-License-Identifier: MIT */
#pragma once
/* rate: a bucket of tokens, refilled by the second. Embedded; zeroed it is full.
 */
#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint32_t tokens;
    uint32_t at_s; /* 0: never used */
};

/* Takes one token. False: there is none. */
bool rate_take(struct rate *r, uint32_t per_second, uint32_t burst, uint32_t now_s);
