/* SPDX-License-Identifier: MIT */
#pragma once
/* room: what one client at /ws/events says, all others hear, on every gateway (protocol.md, section
 * 6). Every message goes through Redis, so that all hear all in one order; nothing is kept.
 */
struct gw;
struct room;

/* Listens to the bus. NULL: out of memory. */
struct room *room_create(struct gw *gw);
/* After the bus (whose last answers still come here) and all sessions. Accepts NULL. */
struct room *room_free(struct room *r);
