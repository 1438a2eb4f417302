/* SPDX-License-Identifier: MIT */
#pragma once
/* gather: several small messages in one contiguous run of bytes, for one write. Receivers that are
 * to get the same sequence share it: the bytes are put together once, for the first of them.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct gather;
struct msg;

#define GATHER_MAX_BYTES 65536
#define GATHER_MAX_MSGS 64

struct gather *gather_create(void);
struct gather *gather_free(struct gather *g); /* accepts NULL */
DEFINE_AUTO(gather)
/* The bytes of n messages (at most GATHER_MAX_MSGS, together at most GATHER_MAX_BYTES) in one run,
 * valid until the next call. */
struct str gather_bytes(struct gather *g, struct msg *const *msgs, size_t n);
/* Its memory (GATHER_MAX_BYTES), for messages that differ from receiver to receiver; until the next
 * call. */
uint8_t *gather_room(struct gather *g);
