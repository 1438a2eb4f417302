/* SPDX-License-Identifier: MIT */
#include "gateway/session/session_scoreboard.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "gateway/session/session_internal.h"

enum { FOREVER_S = 1 << 30 };

/* The value of a field in HGETALL's answer (a map in RESP3: name, value, name, value …). */
static struct str field_of(const struct redisReply *r, struct str name)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        if (str_eq(bus_reply_str(r->element[i]), name)) {
            return bus_reply_str(r->element[i + 1]);
        }
    }
    return STR_NONE;
}

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

static void on_scoreboard(const struct redisReply *r, void *arg)
{
    struct scoreboard_lookup *l = arg;
    struct session_sub *ss = l->sub;
    free(l);
    if (!ss) {
        return;
    }
    ss->lookup = NULL;
    if (!r || (r->type != REDIS_REPLY_MAP && r->type != REDIS_REPLY_ARRAY)) {
        cannot_look(ss);
        return;
    }
    ss->ends_s = 0;
    struct str contest = field_of(r, STR("contest"));
    if (contest.n == 0) {
        session_ask_frontend(ss);
        return;
    }
    bool admin = str_eq(field_of(r, STR("admin")), STR("1"));
    struct str expires = field_of(r, STR("expires"));
    if (expires.n > 0) {
        ss->ends_s = session_now_s() + seconds_until(strtoll(expires.p, NULL, 10));
    }
    session_sub_take_back(ss); /* the token may open something else by now */
    session_sub_allow(ss, admin ? SIGHT_ALL : SIGHT_PUBLIC, contest);
}

void session_scoreboard_look_up(struct session *s, struct session_sub *ss)
{
    struct scoreboard_lookup *l = calloc(1, sizeof(*l));
    char key[128];
    int n = snprintf(key, sizeof(key), "scoreboard:%.*s", STR_ARG(session_sub_name(ss)));
    struct str argv[] = {STR("HGETALL"), {key, (size_t)n}};
    if (!l || !bus_command(s->gw->bus, on_scoreboard, l, ARRAY_LEN(argv), argv)) {
        free(l);
        cannot_look(ss);
        return;
    }
    l->sub = ss;
    ss->lookup = l;
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
