/* SPDX-License-Identifier: MIT */
#pragma once
/* unpacker: the texts of compressed messages (permessage-deflate without context takeover).
 *
 * One inflater serves all connections. What a thousand receivers get in the same bytes is inflated
 * and looked through once; the others' bytes are compared with the first one's. Pure.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"

struct unpacker;
/* Every message must hold `holds` (borrowed), unless it is empty. NULL: out of memory. */
struct unpacker *unpacker_create(struct str holds);
struct unpacker *unpacker_free(struct unpacker *u); /* accepts NULL */
/* *out_text is valid until the next call. False: not a compressed message, or not one of those that
 * were expected, or out of memory. */
MUST_CHECK bool unpacker_read(struct unpacker *u, struct str payload, struct str *out_text);
