/* SPDX-License-Identifier: MIT */
#include "gateway/session/session_scoreboard.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "gateway/bus/bus.h"
#include "gateway/session/session_internal.h"

enum { FOREVER_S = 1 << 30 };

/* Never late; at most FOREVER_S, which fits into the seconds of a session. */
static uint32_t seconds_until(int64_t unix_s)
{
    int64_t now_s = (clock_wall_ms() + 999) / 1000;
    return unix_s > now_s ? (uint32_t)MIN(unix_s - now_s, (int64_t)FOREVER_S) : 0;
}

/* One that is only looked at again goes on: what Redis cannot say ends no access. */
static void cannot_look(struct session_sub *ss)
{
    if (!ss->sub.view) {
        session_sub_refuse(ss, ERROR_UNAVAILABLE, NULL);
    }
}

static void on_scoreboard(const struct redis_reply *r, void *arg)
{
    struct session_sub *ss = arg;
    if (!r || (r->type != REPLY_MAP && r->type != REPLY_LIST)) {
        cannot_look(ss);
        return;
    }
    ss->ends_s = 0;
    struct str contest = redis_reply_field(r, STR("contest"));
    if (contest.n == 0) {
        session_ask_frontend(ss);
        return;
    }
    bool admin = str_eq(redis_reply_field(r, STR("admin")), STR("1"));
    struct str expires = redis_reply_field(r, STR("expires"));
    if (expires.n > 0) {
        ss->ends_s = session_now_s() + seconds_until(strtoll(expires.p, NULL, 10));
    }
    session_sub_take_back(ss); /* the token may open something else by now */
    session_sub_allow(ss, admin ? SIGHT_ALL : SIGHT_PUBLIC, contest);
}

void session_scoreboard_look_up(struct session *s, struct session_sub *ss)
{
    char key[128];
    int n = snprintf(key, sizeof(key), "scoreboard:%.*s", STR_ARG(session_sub_name(ss)));
    const struct str argv[] = {STR("HGETALL"), {key, (size_t)n}};
    const struct redis_asker who = {on_scoreboard, ss, &ss->lookup};
    if (!bus_command(s->gw->bus, &who, ARRAY_LEN(argv), argv)) {
        cannot_look(ss);
    }
}

void session_scoreboard_look_again(struct session *s, struct session_sub *ss)
{
    if (!ss->lookup && list_empty(&ss->asking_node)) { /* else the answer is still to come */
        session_scoreboard_look_up(s, ss);
    }
}

void session_recheck_scoreboard(struct session *s, struct str token)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->kind == VIEW_SCOREBOARD && str_eq(session_sub_name(ss), token) && !ss->lookup &&
            list_empty(&ss->asking_node)) { /* else the answer is still to come */
            session_sub_take_back(ss);
            session_scoreboard_look_up(s, ss);
        }
    }
}
