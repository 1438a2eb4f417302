/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_handshake: from a fresh connection to READY. A part of redis_link.
 */
struct redis_link;

/* Ends in redis_link_set_ready() or redis_link_drop(). */
void redis_handshake_start(struct redis_link *r);
