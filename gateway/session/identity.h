/* SPDX-License-Identifier: MIT */
#pragma once
/* identity: who a session is.
 *
 * States:
 *   SETTLED  -> ASKING    identity_ask     by `auth`, by a cookie, or again by ourselves
 *   ASKING   -> SETTLING  on_who           it is known who; what they may still see is not yet
 *   ASKING   -> SETTLED   on_who           refused, or nobody can say
 *   SETTLING -> SETTLED   identity_settle  all of their channels have been asked about
 *
 * Commands wait unless SETTLED.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"
#include "common/str.h"
#include "gateway/access/auth.h"
#include "proto/codes.h"

struct session;
struct user;

enum identity_state { IDENTITY_SETTLED, IDENTITY_ASKING, IDENTITY_SETTLING };
enum identity_cause { IDENTITY_BY_COMMAND, IDENTITY_BY_REQUEST, IDENTITY_BY_RECHECK };

/* What is known while it is asked. */
struct identity_attempt {
    struct auth_call *call; /* the question under way, or NULL */
    enum identity_cause cause;
    char *token; /* owned: the one that is asked about */
    char *id;    /* owned: JSON text of the command's id, or NULL */
};

struct identity {
    enum identity_state state : 8;
    bool is_admin;         /* of the system */
    bool owes_recheck;     /* one was wanted, and not every channel has been asked about since */
    bool recheck_waits;    /* … for what is under way to be settled */
    bool is_unknown;       /* of what is being asked about, something could not be answered */
    uint8_t refusals;      /* of `auth`, in a row */
    uint32_t penalty_s;    /* until then every `auth` is rate_limited */
    uint32_t asked_s;      /* when everything was last asked about; 0: never */
    uint32_t round_s;      /* when asking about everything began; 0: that is not under way */
    struct user *user;     /* NULL: nobody */
    struct list user_node; /* in the user's list; among the room's clients, who are nobody */
    char *token;           /* owned: the credential in force, or NULL */
    struct identity_attempt *attempt; /* owned; NULL: SETTLED */
};

void identity_init(struct identity *i);
/* Asks whose credential this is; id is of the command. May close the session. */
void identity_ask(struct session *s, struct str token, struct str id, enum identity_cause cause);
/* No channel is being asked about any more: SETTLING ends. */
void identity_settle(struct session *s);
/* Asks again who this is and what they may see: now, or when what is under way is settled. */
void identity_recheck(struct session *s);
/* The session is this user's from here on; "": nobody's. False: out of memory. */
MUST_CHECK bool identity_become(struct session *s, struct str name);
/* Ends what is under way; the session stays who it is. */
void identity_stop(struct session *s);
void identity_release(struct session *s);
