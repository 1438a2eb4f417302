/* SPDX-License-Identifier: MIT */
/* position: exactly one spelling per value, so that two equal texts are two equal positions. */
#include "proto/position.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_epoch(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (!digit && (s.p[i] < 'a' || s.p[i] > 'f')) {
            return false;
        }
    }
    return s.n == EPOCH_LEN;
}

static bool parse_offset(struct str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0 || (s.p[0] == '0' && s.n > 1)) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, s.p[i] - '0', &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool position_parse(struct str s, struct position *out)
{
    uint64_t offset;

    if (s.n <= EPOCH_LEN || s.p[EPOCH_LEN] != ':' || !is_epoch((struct str){s.p, EPOCH_LEN}) ||
        !parse_offset(str_after(s, EPOCH_LEN + 1), &offset)) {
        return false;
    }
    memcpy(out->epoch, s.p, EPOCH_LEN);
    out->epoch[EPOCH_LEN] = '\0';
    out->offset = offset;
    return true;
}

size_t position_write(const struct position *p, char out[static POSITION_TEXT_MAX + 1])
{
    int n = snprintf(out, POSITION_TEXT_MAX + 1, "%s:%" PRIu64, p->epoch, p->offset);
    return (size_t)n;
}

bool position_same_epoch(const struct position *a, const struct position *b)
{
    return strcmp(a->epoch, b->epoch) == 0;
}

bool position_is_nothing(const struct position *p)
{
    return p->offset == 0 && p->epoch[0] != '\0' && strcmp(p->epoch + 8, "00000000") == 0;
}
