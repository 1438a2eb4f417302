/* SPDX-License-Identifier: MIT */
#include "common/log_rate.h"

/* Phrases are literals: their addresses tell them apart. Should the table ever be full, the last
 * slot is shared. */
static struct log_rate_phrase *find(struct log_rate *l, const char *phrase)
{
    size_t i = ((uintptr_t)phrase >> 3) % LOG_RATE_PHRASES;
    for (size_t n = 1; n < LOG_RATE_PHRASES; n++) {
        if (!l->phrases[i].phrase || l->phrases[i].phrase == phrase) {
            break;
        }
        i = (i + 1) % LOG_RATE_PHRASES;
    }
    l->phrases[i].phrase = phrase;
    return &l->phrases[i];
}

bool log_rate_pass(struct log_rate *l, const char *phrase, uint64_t now_ms, uint64_t *out_left_out)
{
    struct log_rate_phrase *p = find(l, phrase);
    uint64_t from_ms = MAX(p->full_ms, now_ms);
    if (from_ms - now_ms > (uint64_t)(LOG_RATE_BURST - 1) * LOG_RATE_EVERY_MS) {
        p->left_out++;
        return false;
    }
    p->full_ms = from_ms + LOG_RATE_EVERY_MS;
    *out_left_out = p->left_out;
    p->left_out = 0;
    return true;
}
