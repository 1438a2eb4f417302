/* SPDX-License-Identifier: MIT */
#pragma once
/* legacy_resume: legacy clients keep no positions, so we keep them: where a session stood when it
 * ended is a record in Redis under a hash of its credential and filters, and the next session with
 * both goes on from there.
 *
 * What a client surely has: all that was written, when the client itself ended the connection or
 * we could write everything; else what was written before the last ping that it answered. A client
 * is rather sent something twice. Sessions that share credential and filters share the record, so
 * it keeps the older positions until a session that went on from it ends in its turn.
 *
 * A gateway that is killed, or a Redis that is away, keeps nothing: then the next session begins
 * with what is new, as any first one.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/position.h"

struct gw;
struct legacy_resume;
struct session;
struct session_sub;

/* Asks Redis for the record, if LegacyResumeSeconds wants that. */
void legacy_resume_begin(struct session *s);
/* No answer is awaited (any more). When that becomes so later, session_legacy_go_on() is called. */
bool legacy_resume_is_known(const struct session *s);
/* Each subscription that the record knows begins where it says. Right before hub_allow(). */
void legacy_resume_apply(struct session *s);
/* The session ends; it was told everything that it may see so far. */
void legacy_resume_keep(struct session *s);
/* Frees what belongs to the session. */
void legacy_resume_forget(struct session *s);

/* Where a subscription surely stands, as pings and their answers tell. */
struct legacy_mark {
    struct position pinged;   /* when the last ping was sent */
    struct position answered; /* when the last answered one was sent */
};
/* The subscription begins at p. */
void legacy_resume_joined(struct session_sub *ss, const struct position *p);
/* The next ping is due: the last one was answered. */
void legacy_resume_on_ping(struct session *s);

/* The record, `<ms of its making>` and a line `<topic> <position>` for each topic. Pure. */
#define RESUME_KEY_LEN (sizeof("resume:") - 1 + 64)
/* Filters are in canonical text; false: out of memory. */
MUST_CHECK bool resume_key(struct str credential, struct str filters,
                           char out[static RESUME_KEY_LEN + 1]);
MUST_CHECK bool resume_record_find(struct str record, struct str topic, struct position *out);
/* 0: unreadable. */
int64_t resume_record_made_ms(struct str record);
