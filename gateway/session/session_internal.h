/* SPDX-License-Identifier: MIT */
#pragma once
/* struct session: the parts of one session, each with its own header, and what all of them use.
 */
#include "common/clock.h"
#include "common/list.h"
#include "common/wheel.h"
#include "gateway/gw.h"
#include "gateway/hub/users.h"
#include "gateway/session/identity.h"
#include "gateway/session/inbox.h"
#include "gateway/session/pace.h"
#include "gateway/session/permission.h"
#include "gateway/session/protocol.h"
#include "gateway/session/session.h"
#include "gateway/session/subscriptions.h"
#include "gateway/session/writer.h"

enum session_state { SESSION_NEW, SESSION_OPEN, SESSION_CLOSING };

struct legacy;
struct session {
    struct writer writer; /* first: writer.h */
    struct gw *gw;        /* borrowed */
    /* The rest is for when something else happens. */
    enum session_state state : 8;
    bool is_paused;    /* we do not read from the client */
    bool pong_missing; /* nothing was heard since our last ping */
    bool has_begun;    /* a stream: its channels were subscribed */
    uint16_t n_subs;
    uint16_t turn;                        /* of replays: the one that goes on first */
    uint32_t opened_s, heard_s, pinged_s; /* monotonic seconds */
    uint32_t stranger_s;                  /* the last subscription ended, or the beginning */
    struct pace pace;
    const struct protocol *protocol; /* static */
    uint64_t id;
    struct list all_node; /* in gw->sessions */
    struct list subs;     /* struct session_sub */
    struct identity identity;
    struct permission permission;
    struct inbox inbox;
    struct legacy *legacy; /* owned: of the legacy protocol, else NULL */
    struct wheel_node tick;
};
/* Where its questions to the judge stand in line. */
static inline uint64_t session_client(const struct session *s)
{
    const struct writer *w = &s->writer;
    return w->ops->client ? w->ops->client(w->conn) : 0;
}

/* session_close.c: the only place where the state changes; the arrows are in session.h. */
void session_set_state(struct session *s, enum session_state next);
/* Ends what the session does. is_refused: what it may see has ended. Idempotent. */
void session_end(struct session *s, bool is_refused);

static inline uint32_t session_now_s(void)
{
    return (uint32_t)(clock_mono_ms() / 1000) + 1; /* never 0, which means "not" */
}

static inline struct str session_user_name(const struct session *s)
{
    return s->identity.user ? user_name(s->identity.user) : STR_NONE;
}

static inline uint32_t session_seconds(int64_t ms)
{
    return (uint32_t)((ms + 999) / 1000);
}

/* A deadline is at that second: the wheel turns to it, unless an earlier one is there. */
static inline void session_wake_by(struct session *s, uint32_t at_s)
{
    uint32_t now = session_now_s();
    wheel_set_earlier(s->gw->wheel, &s->tick, at_s > now ? at_s - now : 1);
}
