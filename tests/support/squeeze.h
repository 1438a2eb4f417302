/* SPDX-License-Identifier: MIT */
#pragma once
/* squeeze: compressed messages as clients send them, good and bad.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/str.h"

/* The payload of a permessage-deflate message, without its tail, into out (of cap bytes); its
 * length. `ended`: its block is marked as the last one. */
size_t squeeze(struct str text, bool ended, char *out, size_t cap);
