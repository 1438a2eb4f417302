/* SPDX-License-Identifier: MIT */
#pragma once
/* pace: how many bytes replays may bring to one connection: LIMIT_REPLAY_BURST_BYTES at once, then
 * LIMIT_REPLAY_BYTES_PER_SECOND. Embedded; zeroed nothing is used yet.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    uint32_t used; /* bytes of the burst */
    uint32_t at_s;
};

void pace_spend(struct pace *p, size_t bytes, uint32_t now_s);
/* Is nothing left for this second? */
bool pace_is_spent(const struct pace *p, uint32_t now_s);
/* Is the burst used up, so that what comes is paced by the second? */
bool pace_is_by_the_second(const struct pace *p, uint32_t now_s);
