/* SPDX-License-Identifier: MIT */
#pragma once
/* subscriptions: those of one session: made by a command or a filter, allowed, joined to the hub, ended.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"
#include "common/str.h"
#include "gateway/hub/hub.h"
#include "gateway/session/command_ids.h"
#include "proto/channel.h"
#include "proto/codes.h"

struct legacy_sub;
struct redis_call;
struct session;

/* What its client knows of it. */
enum standing {
    STANDING_NEW,      /* nothing yet */
    STANDING_TOLD,     /* `subscribed` was sent */
    STANDING_AGAIN,    /* … and it is asked about again for another user: success is silent */
    STANDING_CONFIRMED /* the same, for the same user: no answer ends nothing */
};

/* A channel that a session subscribed or asks for; a legacy filter. */
struct session_sub {
    struct subscription sub;   /* sub.session_node is in session->subs */
    struct list asking_node;   /* in permission's line while the frontend is to be asked */
    struct command_ids ids;    /* of the commands that wait for its answer */
    struct redis_call *lookup; /* its scoreboard token is being looked up; else NULL */
    struct legacy_sub *legacy; /* owned; NULL: a channel */
    uint32_t waits_since_s;    /* since when it waits for Redis; 0: it does not */
    uint32_t ends_s;           /* when its scoreboard token ends; 0: it does not */
    uint32_t text_len;
    uint16_t name_at, name_len; /* of the channel, in text */
    enum view_kind kind : 8;
    enum standing standing : 8;
    char text[]; /* the channel as the client named it */
};
static inline struct str session_sub_text(const struct session_sub *ss)
{
    return (struct str){ss->text, ss->text_len};
}
static inline struct str session_sub_name(const struct session_sub *ss)
{
    return (struct str){ss->text + ss->name_at, ss->name_len};
}

/* NULL: out of memory. */
struct session_sub *session_sub_create_channel(struct session *s, struct str text,
                                               const struct channel *parsed);
struct session_sub *session_sub_create_filter(struct session *s, struct str text);
struct session_sub *session_sub_find(struct session *s, struct str channel);
void session_sub_free(struct session_sub *ss); /* leaves the hub first */
/* Each command that waits for an answer hears this error. */
void session_sub_tell(struct session_sub *ss, enum error_code code, const char *reason);
/* `revoked` or an error for each command that waits; then it is freed. */
void session_sub_refuse(struct session_sub *ss, enum error_code code, const char *reason);
/* contest: what a scoreboard token opens; empty otherwise. May free it. */
void session_sub_allow(struct session_sub *ss, enum sight sight, struct str contest);
/* Off the hub, to be asked about again; what comes meanwhile is not missed. */
void session_sub_take_back(struct session_sub *ss);
MUST_CHECK bool session_sub_join(struct session_sub *ss, const struct topic_name *topic,
                                 struct str label, enum sight sight);

/* It waits for Redis from now on. */
void session_sub_wait(struct session_sub *ss);

/* All that the hub has, but for scoreboards. */
void subscriptions_take_back(struct session *s);
void subscriptions_release(struct session *s);
/* Replays go on, in turn. */
void subscriptions_pump(struct session *s);
/* The next second at which subscriptions_tick() has something to do; UINT32_MAX: none. */
uint32_t subscriptions_due(const struct session *s);
/* Ends what has waited too long for Redis, and scoreboard tokens whose time is over. */
void subscriptions_tick(struct session *s, uint32_t now_s);
