/* SPDX-License-Identifier: MIT */
#pragma once
/* protocol: what the protocols that a session can speak differ in, as one table of operations each.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"
#include "proto/position.h"
#include "proto/server_text.h"

struct event;
struct session;
struct session_request;
struct session_sub;
struct subscription;

struct protocol {
    const char *name;        /* for the log */
    size_t gauge, gauge_sse; /* of connections: offsets in struct gw_metrics */
    bool takes_reconnect;    /* its clients know the message `reconnect` */
    bool keeps_strangers;    /* no limit of time for who has no subscription … */
    bool counts_users;       /* … else: who has authenticated may be without */
    /* Keeps what it needs of the request; NULL: nothing. False: out of memory. */
    bool (*prepare)(struct session *s, const struct session_request *q);
    /* The handshake is over. */
    void (*open)(struct session *s);
    void (*on_text)(struct session *s, struct str text); /* of the client; NULL: ignored */
    void (*on_ping)(struct session *s); /* one is about to be sent; NULL: nothing */
    /* The session ends: everything of the protocol's is released. Idempotent. is_refused: what it may
     * see has ended, so that it has nothing to come back to. */
    void (*end)(struct session *s, bool is_refused);
    /* Ask again who this is and what they may see, or remember that it is owed. */
    void (*recheck)(struct session *s);
    /* A scoreboard token changed. NULL: it has none. */
    void (*recheck_scoreboard)(struct session *s, struct str token);

    /* Of those with subscriptions: */
    void (*on_joined)(struct session_sub *ss, const struct position *p, enum recovered r);
    /* Redis could not start this subscription in time. May close the session. */
    void (*on_late)(struct session_sub *ss);
    /* Everything was written, and a subscription may be REPLAYING. */
    void (*replay_more)(struct session *s);
    /* As in hub_handler. */
    bool (*is_first)(const struct subscription *sub, const struct event *e);
    bool (*next_start)(struct subscription *sub);
    /* Of those with commands: no question about a channel is under way or waits for its turn. */
    void (*on_asked)(struct session *s);
    /* Who the client is has been settled, one way or the other: commands may run. */
    void (*on_settled)(struct session *s);
    /* A credential that came with the request cannot be asked about. */
    void (*on_unknown)(struct session *s);
};

extern const struct protocol protocol_documented; /* over WebSocket: commands in, events out */
extern const struct protocol protocol_stream; /* the same over Server-Sent Events: no commands */
extern const struct protocol protocol_legacy; /* filters fixed at the start, backend texts out */
extern const struct protocol protocol_room;   /* what one says, the others hear (room.h) */
