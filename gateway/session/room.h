/* SPDX-License-Identifier: MIT */
#pragma once
/* room: what one client at /ws/events says, all others hear, on every gateway (protocol.md, section
 * 6). Every message goes through Redis, so that all hear all in one order; nothing is kept.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"

struct gw;
struct room;
struct session;

/* Listens to the bus. NULL: out of memory. */
struct room *room_create(struct gw *gw);
/* After the bus (whose last answers still come here) and all sessions. Accepts NULL. */
struct room *room_free(struct room *r);

/* A session of kind SESSION_ROOM comes, speaks, goes (also one that never came). */
void room_join(struct room *r, struct session *s);
void room_on_text(struct room *r, struct session *s, struct str text);
void room_leave(struct session *s);
