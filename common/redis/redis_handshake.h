/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_handshake: from a fresh connection to READY. A part of redis_link.
 */
struct redis_link;

/* Ends in redis_link_set_ready() or redis_link_drop(). */
void redis_handshake_start(struct redis_link *r);
/* Once READY: on_eviction() follows when the policy has changed. */
void redis_handshake_ask_for_eviction(struct redis_link *r);
