/* SPDX-License-Identifier: MIT */
#pragma once
/* permission: may this session see that channel? Asks the frontend about one channel at a time.
 */
#include "common/list.h"
#include "gateway/access/auth.h"
#include "gateway/session/grants.h"
#include "gateway/session/rate.h"
#include "proto/codes.h"

struct auth_call;
struct session;
struct session_sub;

struct permission {
    struct list asking; /* of session_sub, first come first served */
    struct grants grants;
    struct auth_call *call; /* the question about the first of them, or NULL */
    struct rate questions;  /* of those without a credential */
};

enum error_code permission_error_of(enum auth_result r);
/* Counts an answer about a credential in the metrics. */
void permission_count_answer(struct session *s, enum auth_result r);

void permission_init(struct permission *p);
/* Ends the question under way; it is asked again by permission_ask_next(). */
void permission_pause(struct session *s);
/* Decides, looks a token up, or puts the subscription in line for the frontend: it is allowed or
 * refused, perhaps before this returns. To be followed by permission_ask_next(). */
void permission_ask(struct session_sub *ss);
void permission_ask_frontend(struct session_sub *ss);
/* Asks about the next in line, unless a question is under way, identity is being asked or the rate is
 * used up; protocol->on_asked() when none is left. May end subscriptions. */
void permission_ask_next(struct session *s);
/* Everything that was allowed is asked about again: because the user is another one, or because it
 * may have ended (is_recheck: scoreboard tokens, too). What stays allowed goes on from where it was,
 * and no answer ends what is asked about for the same user again. */
void permission_ask_all_again(struct session *s, bool is_recheck, bool is_same_user);
/* Neither frontend nor Redis could say. What was allowed to this user before goes on, and is asked about
 * again with the next recheck; what was not is refused. */
void permission_is_unknown(struct session_sub *ss);
/* The subscription ends. */
void permission_forget_sub(struct session_sub *ss);
/* The second at which the first in line may be asked about; UINT32_MAX: it waits for no time. */
uint32_t permission_due(const struct session *s);
void permission_release(struct session *s);
