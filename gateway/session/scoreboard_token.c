/* SPDX-License-Identifier: MIT */
#include "gateway/session/scoreboard_token.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/redis/redis_call.h"
#include "gateway/bus/bus.h"
#include "gateway/session/session_internal.h"

enum { FOREVER_S = 1 << 30 };

/* Never late; at most FOREVER_S, which fits into the seconds of a session. */
static uint32_t seconds_until(int64_t unix_s)
{
    int64_t now_s = (clock_wall_ms() + 999) / 1000;
    return unix_s > now_s ? (uint32_t)MIN(unix_s - now_s, (int64_t)FOREVER_S) : 0;
}

static void open_by_hash(struct session_sub *ss, const struct redis_reply *r, struct str contest)
{
    bool is_admin = str_eq(redis_reply_field(r, STR("admin")), STR("1"));
    struct str expires = redis_reply_field(r, STR("expires"));
    if (expires.n > 0) {
        ss->ends_s = session_now_s() + seconds_until(strtoll(expires.p, NULL, 10));
        session_wake_by(ss->sub.session, ss->ends_s);
    }
    session_sub_take_back(ss); /* the token may open something else by now */
    session_sub_allow(ss, is_admin ? SIGHT_ALL : SIGHT_PUBLIC, contest);
}

static void on_scoreboard(const struct redis_reply *r, void *arg)
{
    struct session_sub *ss = arg;
    struct session *s = ss->sub.session;
    if (!r || (r->type != REPLY_MAP && r->type != REPLY_LIST)) {
        permission_is_unknown(ss);
        return;
    }
    ss->ends_s = 0;
    struct str contest = redis_reply_field(r, STR("contest"));
    if (contest.n > 0) {
        open_by_hash(ss, r, contest);
    } else {
        permission_ask_frontend(ss);
        permission_ask_next(s);
    }
}

void scoreboard_token_look_up(struct session_sub *ss)
{
    char key[128];
    int n = snprintf(key, sizeof(key), "scoreboard:%.*s", STR_ARG(session_sub_name(ss)));
    const struct str argv[] = {STR("HGETALL"), {key, (size_t)n}};
    const struct redis_asker who = {on_scoreboard, ss, &ss->lookup};
    if (!bus_command(ss->sub.session->gw->bus, &who, ARRAY_LEN(argv), argv)) {
        permission_is_unknown(ss);
    }
}

void scoreboard_token_look_again(struct session_sub *ss)
{
    if (!ss->lookup && list_empty(&ss->asking_node)) { /* else the answer is still to come */
        scoreboard_token_look_up(ss);
    }
}

void scoreboard_token_changed(struct session_sub *ss)
{
    permission_forget_sub(ss); /* an answer that is under way may be older than the change */
    session_sub_take_back(ss);
    scoreboard_token_look_up(ss);
}
