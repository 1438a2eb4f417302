/* SPDX-License-Identifier: MIT */
#pragma once
/* inbox: commands of a client that wait behind an authentication, in order, and at what rate commands
 * are taken. Bounded: while it is full, nothing more is read from the client. Embedded.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"
#include "common/str.h"
#include "gateway/session/rate.h"

struct inbox {
    struct list waiting; /* struct inbox_command, owned */
    uint32_t count, bytes;
    struct rate rate;
};
struct inbox_command {
    struct list node;
    uint32_t len;
    char text[];
};

void inbox_init(struct inbox *in);
/* Takes a copy. False: out of memory. */
MUST_CHECK bool inbox_put(struct inbox *in, struct str text);
/* The oldest, now the caller's to free(); NULL: none waits. */
struct inbox_command *inbox_take(struct inbox *in);
/* LIMIT_COMMANDS_WAITING of them, or LIMIT_COMMANDS_WAITING_BYTES: reading pauses. */
bool inbox_is_full(const struct inbox *in);
/* Less than half of that: reading goes on. */
bool inbox_has_room(const struct inbox *in);
void inbox_clear(struct inbox *in);
