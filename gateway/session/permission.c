/* SPDX-License-Identifier: MIT */
#include "gateway/session/permission.h"

#include <stdlib.h>

#include "common/config/settings.h"
#include "common/redis/redis_call.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/scoreboard_token.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"

void permission_init(struct permission *p)
{
    *p = (struct permission){.call = NULL};
    list_init(&p->asking);
}

enum error_code permission_error_of(enum auth_result r)
{
    switch (r) {
    case AUTH_UNAUTHORIZED: return ERROR_UNAUTHORIZED;
    case AUTH_FORBIDDEN: return ERROR_FORBIDDEN;
    case AUTH_NOT_FOUND: return ERROR_NOT_FOUND;
    case AUTH_OK: /* only ever asked for refusals */
    case AUTH_UNAVAILABLE: break;
    }
    return ERROR_UNAVAILABLE;
}

void permission_count_answer(struct session *s, enum auth_result r)
{
    struct gw_metrics *m = s->gw->metrics;
    m->auth_ok += r == AUTH_OK;
    m->auth_unavailable += r == AUTH_UNAVAILABLE;
    m->auth_refused += r != AUTH_OK && r != AUTH_UNAVAILABLE;
}

void permission_pause(struct session *s)
{
    auth_cancel(s->permission.call);
    s->permission.call = NULL;
}

void permission_forget_sub(struct session_sub *ss)
{
    struct session *s = ss->sub.session;
    if (list_first(&s->permission.asking) == &ss->asking_node) {
        permission_pause(s);
    }
    list_del(&ss->asking_node);
    redis_call_cancel(&ss->lookup);
}

void permission_release(struct session *s)
{
    permission_pause(s);
    grants_clear(&s->permission.grants);
}

/* ---- decisions ---- */

/* The filter that a channel is asked about: `/contest/a` for `/contest/a/admin` too. */
static struct str filter_of(const struct session_sub *ss)
{
    size_t end = (size_t)ss->name_at + ss->name_len;
    return (struct str){ss->text, end};
}

static enum error_code refusal_of(const struct session *s)
{
    return s->identity.user ? ERROR_FORBIDDEN : ERROR_UNAUTHORIZED;
}

static void decide(struct session_sub *ss, bool is_admin)
{
    if (ss->kind == VIEW_CONTEST_ADMIN && !is_admin) {
        session_sub_refuse(ss, refusal_of(ss->sub.session), "only for admins of the contest");
        return;
    }
    session_sub_allow(ss, is_admin ? SIGHT_ALL : SIGHT_PUBLIC, STR_NONE);
}

static void decide_user(struct session_sub *ss)
{
    const struct session *s = ss->sub.session;
    if (s->identity.user &&
        (s->identity.is_admin || str_eq(session_user_name(s), session_sub_name(ss)))) {
        session_sub_allow(ss, SIGHT_ALL, STR_NONE);
    } else {
        session_sub_refuse(ss, refusal_of(s), NULL);
    }
}

static bool is_admin_of(const struct session_sub *ss, const struct auth_answer *a)
{
    if (a->admin) {
        return true;
    }
    return ss->kind == VIEW_PROBLEM ? auth_answer_is_problem_admin(a, session_sub_name(ss))
                                    : auth_answer_is_contest_admin(a, session_sub_name(ss));
}

void permission_is_unknown(struct session_sub *ss)
{
    struct identity *i = &ss->sub.session->identity;
    bool goes_on = ss->standing == STANDING_CONFIRMED;
    if (ss->kind == VIEW_SCOREBOARD && ss->sub.view) {
        i->is_unknown = i->owes_recheck = true; /* it never stopped */
    } else if (goes_on) {
        i->is_unknown = i->owes_recheck = true;
        session_sub_allow(ss, ss->sub.sight, STR_NONE);
    } else {
        session_sub_refuse(ss, ERROR_UNAVAILABLE, NULL);
    }
}

/* ---- the question under way ---- */

static void on_may(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    struct session_sub *ss =
        LIST_ENTRY(list_first(&s->permission.asking), struct session_sub, asking_node);
    s->permission.call = NULL;
    list_del(&ss->asking_node);
    permission_count_answer(s, a->result);
    if (a->result == AUTH_UNAVAILABLE) {
        permission_is_unknown(ss);
    } else if (a->result != AUTH_OK) {
        session_sub_refuse(ss, permission_error_of(a->result), NULL);
    } else if (ss->kind == VIEW_SCOREBOARD) {
        session_sub_take_back(ss); /* the token may open something else by now */
        session_sub_allow(ss, a->scoreboard_admin ? SIGHT_ALL : SIGHT_PUBLIC,
                          a->scoreboard_contest);
    } else {
        bool is_admin = is_admin_of(ss, a);
        grants_add(&s->permission.grants, filter_of(ss), is_admin,
                   (size_t)s->gw->settings->broadcaster.max_subscriptions);
        decide(ss, is_admin);
    }
    permission_ask_next(s);
}

/* Whoever has no credential costs the judge a question a second, however he connects. */
static bool may_ask(struct session *s)
{
    uint32_t now = session_now_s();
    if (s->identity.token ||
        rate_take(&s->permission.questions, LIMIT_STRANGER_QUESTIONS_PER_SECOND,
                  LIMIT_STRANGER_QUESTIONS_BURST, now)) {
        return true;
    }
    session_wake_by(s, now + 1);
    return false;
}

uint32_t permission_due(const struct session *s)
{
    const struct permission *p = &s->permission;
    bool waits = !p->call && !list_empty(&p->asking) && s->identity.state != IDENTITY_ASKING;
    return waits ? p->questions.at_s + 1 : UINT32_MAX;
}

/* False: it has to wait. */
static bool ask_about(struct session *s, struct session_sub *ss)
{
    const struct grant *g = grants_find(&s->permission.grants, filter_of(ss));
    if (g) {
        list_del(&ss->asking_node);
        decide(ss, g->is_admin);
        return true;
    }
    if (!may_ask(s)) {
        return false;
    }
    struct auth_question q = {
        .kind = AUTH_MAY,
        .credential = {str_of(s->identity.token)},
        .filters = filter_of(ss),
        .client = session_client(s),
        .is_granted = s->identity.user && s->permission.grants.count > 0,
    };
    s->permission.call = auth_ask(s->gw->auth, &q, on_may, s);
    if (!s->permission.call) {
        list_del(&ss->asking_node);
        permission_is_unknown(ss);
    }
    return true;
}

void permission_ask_next(struct session *s)
{
    struct permission *p = &s->permission;
    struct list *node;
    if (s->identity.state == IDENTITY_ASKING) {
        return;
    }
    while (s->state == SESSION_OPEN && !p->call && (node = list_first(&p->asking)) != NULL) {
        if (!ask_about(s, LIST_ENTRY(node, struct session_sub, asking_node))) {
            return;
        }
    }
    if (s->state == SESSION_OPEN && !p->call) {
        s->protocol->on_asked(s);
    }
}

/* ---- into the line ---- */

void permission_ask_frontend(struct session_sub *ss)
{
    list_del(&ss->asking_node);
    list_push_back(&ss->sub.session->permission.asking, &ss->asking_node);
}

void permission_ask(struct session_sub *ss)
{
    switch (ss->kind) {
    case VIEW_USER: decide_user(ss); break;
    case VIEW_SCOREBOARD: scoreboard_token_look_up(ss); break;
    case VIEW_CONTEST:
    case VIEW_CONTEST_ADMIN:
    case VIEW_PROBLEM: permission_ask_frontend(ss); break;
    case VIEW_LEGACY:
    case VIEW_KINDS: break;
    }
}

static void ask_again(struct session_sub *ss, bool is_recheck, bool is_same_user)
{
    if (ss->standing == STANDING_AGAIN && is_recheck && is_same_user) {
        ss->standing = STANDING_CONFIRMED;
    }
    if (ss->kind != VIEW_SCOREBOARD) {
        permission_ask(ss);
    } else if (is_recheck) { /* a scoreboard's token opens the same to everybody */
        scoreboard_token_look_again(ss);
    }
}

void permission_ask_all_again(struct session *s, bool is_recheck, bool is_same_user)
{
    permission_pause(s);
    grants_clear(&s->permission.grants);
    LIST_FOR_EACH (it, next, &s->subs) { /* ends that one at most */
        ask_again(LIST_ENTRY(it, struct session_sub, sub.session_node), is_recheck, is_same_user);
    }
}
