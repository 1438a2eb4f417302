/* SPDX-License-Identifier: MIT */
#pragma once
/* buf: a growing byte buffer for texts that are built piece by piece.
 *
 * An allocation that fails is remembered in `failed` and every later append does nothing, so a
 * writer appends freely and checks once, at the end. Zero-initialise (`struct buf b = {0};`),
 * release with buf_release().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct buf {
    char *p;    /* owned; not terminated */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    bool failed;
};

void buf_release(struct buf *b);
/* Empties it and keeps the memory (a former failure is forgotten). */
void buf_clear(struct buf *b);
/* Makes room for `more` bytes; false (and `failed`) when out of memory. */
bool buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);
/* Appends s as a JSON string with its quotes. Bytes over 0x7f go through as they are: s must be
 * valid UTF-8. '<', '>' and U+2028 are not special. */
void buf_add_json(struct buf *b, struct str s);
/* Percent-encodes every byte outside A-Za-z0-9-_.~ (what the judge's frontend needs). */
void buf_add_percent(struct buf *b, struct str s);
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}
