/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_turns: the way of an inquiry from question to answer, and the state of auth that it goes by.
 *
 * An inquiry stands in the list of its state:
 *   (new)   -> WAITING   turns_queue   for one of AuthConcurrency turns (auth_lines.h)
 *   (new)   -> READY     turns_finish  the cache knows, or nobody need be asked
 *   WAITING -> ASKED     turns_give    the source has it
 *   WAITING -> READY     on_waited     no turn in LIMIT_AUTH_WAIT_MS: unavailable
 *   WAITING -> READY     make_room     too many wait, and this is the newest of the longest line
 *   ASKED   -> READY     on_answer
 *   ASKED   -> WAITING   on_answer     the answer names a user forgotten meanwhile: ask again
 *   ASKED   -> WAITING   auth_use      another source
 *   READY   -> WAITING   auth_forget_user
 *   READY   -> (freed)   deliver       at the end of the turn, so never inside auth_ask()
 *   WAITING -> (freed)   turns_drop    nobody waits any more
 *
 * An inquiry that was asked and that nobody waits for any more stays until its answer: the frontend
 * works on it all the same, so its turn is not free, and the next one may want the answer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/strmap.h"
#include "gateway/access/auth_internal.h"
#include "gateway/access/auth_known.h"
#include "gateway/access/auth_lines.h"

struct auth_cache;
struct held_answer;
struct inquiry;

struct auth {
    struct loop *loop;            /* borrowed, outlives us */
    struct auth_metrics *metrics; /* borrowed, the same */
    struct auth_limits limits;
    struct auth_source *source; /* owned */
    struct auth_cache *cache;   /* owned; stays empty with a local source */
    size_t max_asked;
    uint64_t join_ms; /* for so long after it was asked, an inquiry takes others in */

    struct strmap by_key;    /* of struct inquiry: those that may be joined */
    struct list queue;       /* WAITING, by wait_until_ms */
    struct auth_lines lines; /* the same by whose turn it is */
    struct auth_known known;
    struct list asked; /* ASKED */
    struct list ready; /* READY; the three own the inquiries */
    size_t n_asked;

    struct deferred deliver;
    struct timer wait_timer;  /* for the first of the queue */
    struct timer sweep_timer; /* while the cache is not empty */
};

/* The lists, timers and deferred call. False: out of memory. */
MUST_CHECK bool turns_init(struct auth *a);
/* Ends everything without answering; harmless on what turns_init() left half-made. */
void turns_release(struct auth *a);
/* A new inquiry that later ones of its key may join. */
void turns_enter(struct auth *a, struct inquiry *q);
/* Into the queue. One that comes back stands where it stood: before those that came later. The
 * caller takes it out of its list, and calls turns_give() when it has no more to queue. */
void turns_queue(struct auth *a, struct inquiry *q);
/* Gives out the free turns. Answers come later, from the loop. */
void turns_give(struct auth *a);
/* This is the answer: delivered at the end of this turn of the loop. Takes over the reference. */
void turns_finish(struct auth *a, struct inquiry *q, struct held_answer *answer);
/* Another asker joins an inquiry that is WAITING: it stands in the better of both lines. */
void turns_join(struct auth *a, struct inquiry *q, struct auth_place place);
/* Frees an inquiry that is not ASKED, with its calls. */
void turns_drop(struct auth *a, struct inquiry *q);
/* Takes back all that was asked, into the queue. */
void turns_take_back(struct auth *a);
