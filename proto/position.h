/* SPDX-License-Identifier: MIT */
#pragma once
/* position: `epoch:offset`, a place in a topic's sequence. An epoch is 16 lower-case hex digits.
 * Opaque to clients; written and read here only.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

#define EPOCH_LEN 16
#define POSITION_TEXT_MAX (EPOCH_LEN + 1 + 20)

struct position {
    char epoch[EPOCH_LEN + 1]; /* terminated; "" = not known */
    uint64_t offset;
};
/* False when s is not what position_write() makes (unreadable: recovered is false). */
MUST_CHECK bool position_parse(struct str s, struct position *out);
/* Returns the length written to out. */
size_t position_write(const struct position *p, char out[static POSITION_TEXT_MAX + 1]);
bool position_same_epoch(const struct position *a, const struct position *b);
/* "Nothing yet": what a topic without events is at. Its epoch stands for all that a server holds, not
 * for a history of the topic: eight digits that tell that server's histories apart, and eight zeros. */
bool position_is_nothing(const struct position *p);
