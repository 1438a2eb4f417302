/* SPDX-License-Identifier: MIT */
#pragma once
/* session_scoreboard: what `/scoreboard/T` opens: a hash in Redis, else the frontend is asked.
 */
#include "common/list.h"
#include "gateway/bus.h"

struct session;
struct session_sub;

/* One question to Redis; outlives the subscription that asked when that goes first. */
struct scoreboard_lookup {
    struct session_sub *sub; /* borrowed; NULL when it went */
};
void session_scoreboard_look_up(struct session *s, struct session_sub *ss);
