/* SPDX-License-Identifier: MIT */
#pragma once
/* topic_keys: what a topic T keeps in Redis, in the order in which the scripts have it in KEYS:
 * T:pos, T:log, T:state:public, T:state:private. T itself is the channel.
 */
#include <stddef.h>

#include "common/str.h"

enum { TOPIC_KEYS = 4, TOPIC_KEYS_SUFFIX_BYTES = 4 + 4 + 13 + 14 };

static inline struct str topic_key_suffix(size_t i)
{
    static const char *const suffixes[TOPIC_KEYS] = {":pos", ":log", ":state:public",
                                                     ":state:private"};
    return str_of(suffixes[i]);
}
