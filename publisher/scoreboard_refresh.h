/* SPDX-License-Identifier: MIT */
#pragma once
/* scoreboard_refresh: after a run the judge's frontend is asked to compute the contest's scoreboard
 * anew: at once, then at most once per period and contest, whichever publishers the runs came to.
 *
 * What is due stands in Redis, written there together with the event (publish.lua). Publishers take
 * from it with refresh.lua, and say every second or so that they still live: what a dead one had
 * taken is due again after REFRESH_LEASE_MS. Events and requests never wait for any of this.
 *
 * States of a call:
 *   FREE    -> CALLING  refresh.lua has given us a contest
 *   CALLING -> DONE     the frontend has the new scoreboard, or would refuse it again
 *   CALLING -> AGAIN    it failed, and may go better after the period
 *   DONE, AGAIN -> FREE refresh.lua was told
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct loop;
struct pub_metrics;
struct redis_link;
struct redis_script;
struct scoreboard_refresh;

struct scoreboard_refresh_settings {
    const char *secret; /* borrowed until the next ones; "": nothing is refreshed */
    int64_t period_ms;
};
struct scoreboard_refresh_options {
    const char *prefix;          /* P; copied */
    const char *frontend_url;    /* without a last slash; copied; "": nothing is refreshed */
    struct pub_metrics *metrics; /* borrowed, outlives this */
    struct scoreboard_refresh_settings settings;
};

/* NULL with *out_why (static text): the URL is unusable, or out of memory. */
struct scoreboard_refresh *scoreboard_refresh_create(struct loop *l,
                                                     const struct scoreboard_refresh_options *o,
                                                     const char **out_why);
/* After the link, which ends what is still waiting. Accepts NULL. */
struct scoreboard_refresh *scoreboard_refresh_free(struct scoreboard_refresh *r);
DEFINE_AUTO(scoreboard_refresh)
/* The script that the link must load. */
struct redis_script *scoreboard_refresh_script(struct scoreboard_refresh *r);
/* Begins; the link outlives the use, not this. */
void scoreboard_refresh_start(struct scoreboard_refresh *r, struct redis_link *link);
void scoreboard_refresh_configure(struct scoreboard_refresh *r,
                                  const struct scoreboard_refresh_settings *s);
/* Redis has just been given a run: one may be due now. Cheap enough for each of them. */
void scoreboard_refresh_wake(struct scoreboard_refresh *r);
/* Takes no more; those under way go on. */
void scoreboard_refresh_stop(struct scoreboard_refresh *r);
/* No call is under way, and Redis knows what became of all, or cannot be told now. Once started. */
bool scoreboard_refresh_is_idle(const struct scoreboard_refresh *r);
