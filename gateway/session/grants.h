/* SPDX-License-Identifier: MIT */
#pragma once
/* grants: what the frontend has allowed a connection, good as long as the connection is the same
 * user's: filter -> is its user an admin there? A bounded number, found by hash; the least recently
 * used goes. Embedded; zeroed it is empty.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

struct grant {
    struct grant *next; /* of the same bucket */
    uint32_t used_at;   /* larger: later */
    bool is_admin;      /* of this contest or problem, or of the system */
    uint16_t len;
    char filter[]; /* `/contest/a` */
};
struct grants {
    struct grant **buckets; /* owned, and what they hold; NULL while empty */
    uint16_t count, cap;    /* cap: a power of two */
    uint32_t clock;
};

/* NULL: not known. It counts as used. */
const struct grant *grants_find(struct grants *g, struct str filter);
/* The filter is not there yet. Without memory nothing is kept: the question is asked again. */
void grants_add(struct grants *g, struct str filter, bool is_admin, size_t max);
void grants_clear(struct grants *g);
