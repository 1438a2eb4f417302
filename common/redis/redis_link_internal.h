/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_link_internal: what the three files of redis_link share.
 *
 *   redis_link.c          states, loss and back-off, heartbeat
 *   redis_handshake.c     from a fresh connection to READY
 *   redis_link_command.c  sending, replies, subscriptions
 */
#include "common/redis/redis_link.h"

#include "common/backoff.h"
#include "common/buf.h"
#include "common/loop.h"
#include "common/redis/redis_conn.h"
#include "common/redis/redis_sentinel.h"

enum { REDIS_WHY_MAX = 256, REDIS_ID_MAX = 64 };

struct redis_link {
    struct loop *loop;           /* borrowed, outlives the link */
    struct redis_link_options o; /* its pointers are borrowed; the 0s have become defaults */
    enum redis_link_state state;
    char peer[300]; /* host:port of this attempt, for the log */

    struct redis_sentinel *sentinel; /* owned; while asking for the master */
    struct redis_conn *conn;         /* owned; NULL in CLOSED and BACKOFF */
    size_t attempts;                 /* so far */
    struct backoff backoff;
    struct timer retry;    /* BACKOFF -> CONNECTING */
    struct timer deadline; /* of CONNECTING */
    struct timer tick;     /* while READY */
    uint64_t last_tick_ms, last_ping_ms, last_eviction_ms, ready_since_ms;
    struct deferred restart;
    char restart_why[REDIS_WHY_MAX];
    bool reconnect_at_once;
    char logged_why[REDIS_WHY_MAX]; /* the loss that was logged last, */
    uint64_t logged_ms;             /* and when */

    unsigned handshake_left; /* replies that are missing to READY */
    char run_id[REDIS_ID_MAX];
    char history[2 * REDIS_ID_MAX];
    char eviction[32], told_eviction[32];
    uint64_t connects;

    struct list unanswered;  /* of struct redis_pending, in the order of sending */
    struct buf scratch;      /* the command being encoded */
    size_t unsubscribes_out; /* names of UNSUBSCRIBEs that Redis has not confirmed */
};

void redis_link_set_ready(struct redis_link *r);
/* Calls on_eviction() when there is something new to tell. */
void redis_link_tell_eviction(struct redis_link *r);
/* Gives this connection up; the back-off follows. Inside any callback. */
void redis_link_drop(struct redis_link *r, const char *why);
/* A pending command got NULL: the connection is ending, whatever has yet to say so. */
void redis_link_note_loss(struct redis_link *r);
