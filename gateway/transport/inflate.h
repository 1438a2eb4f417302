/* SPDX-License-Identifier: MIT */
#pragma once
/* inflate: what clients send compressed (permessage-deflate without context takeover). One inflater
 * serves the process: each message is inflated in one go, from nothing.
 */
#include "common/compiler.h"
#include "common/str.h"

struct inflater;

/* No text over so many bytes comes out of it. NULL: out of memory. */
struct inflater *inflater_create(size_t capacity);
struct inflater *inflater_free(struct inflater *f); /* accepts NULL */
DEFINE_AUTO(inflater)

enum inflate_result { INFLATE_OK, INFLATE_TOO_BIG, INFLATE_BROKEN, INFLATE_NO_MEMORY };
/* *out_text is borrowed until the next call. However much a message would become, no more than
 * max_bytes + 1 bytes of it are made (max_bytes <= capacity). */
MUST_CHECK enum inflate_result inflate_message(struct inflater *f, struct str payload,
                                               size_t max_bytes, struct str *out_text);
