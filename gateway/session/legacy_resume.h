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

/* Asks Redis for the record; on_known follows, perhaps without one. NULL: LegacyResumeSeconds does not
 * want that, or no memory. */
struct legacy_resume *legacy_resume_create(struct session *s, struct str filters,
                                           void (*on_known)(struct session *s));
/* Does on_known follow? Not when Redis is away. */
bool legacy_resume_is_reading(const struct legacy_resume *r);
struct legacy_resume *legacy_resume_free(struct legacy_resume *r); /* accepts NULL */
/* Where the record says that the session's client stood in this topic. */
MUST_CHECK bool legacy_resume_find(const struct legacy_resume *r, struct str topic,
                                   struct position *out);
/* The session ends; it was told everything that it may see so far. */
void legacy_resume_keep(const struct legacy_resume *r);

/* Where a subscription surely stands, as pings and their answers tell. */
struct legacy_mark {
    struct position pinged;   /* when the last ping was sent */
    struct position answered; /* when the last answered one was sent */
};
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
