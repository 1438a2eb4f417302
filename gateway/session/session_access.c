/* SPDX-License-Identifier: MIT */
/* Who a session is and what it may see: questions to auth.h, one at a time per connection. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/users.h"
#include "gateway/session/client_cmd.h"
#include "gateway/session/session_internal.h"
#include "gateway/session/session_scoreboard.h"
#include "proto/limits.h"

enum error_code session_error_of(enum auth_result r)
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

static void count_answer(struct session *s, enum auth_result r)
{
    struct gw_metrics *m = s->gw->metrics;
    m->auth_ok += r == AUTH_OK;
    m->auth_unavailable += r == AUTH_UNAVAILABLE;
    m->auth_refused += r != AUTH_OK && r != AUTH_UNAVAILABLE;
}

static void settle_auth(struct session *s);

/* ---- grants: answers that hold for the life of the connection ---- */

static struct grant *grant_find(struct session *s, struct str filter)
{
    LIST_FOR_EACH (it, next, &s->grants) {
        struct grant *g = LIST_ENTRY(it, struct grant, node);
        if (str_eq((struct str){g->filter, g->len}, filter)) {
            return g;
        }
    }
    return NULL;
}

/* Without memory the question is simply asked again next time. */
static void grant_add(struct session *s, struct str filter, bool is_admin)
{
    struct grant *g = malloc(sizeof(*g) + filter.n);
    if (g) {
        g->is_admin = is_admin;
        g->len = filter.n;
        memcpy(g->filter, filter.p, filter.n);
        list_push_back(&s->grants, &g->node);
    }
}

static void grants_forget(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->grants) {
        struct grant *g = LIST_ENTRY(it, struct grant, node);
        list_del(&g->node);
        free(g);
    }
}

/* ---- may this session see that channel? ---- */

/* The filter that a channel is asked about: `/contest/a` for `/contest/a/admin` too. */
static struct str filter_of(const struct session_sub *ss)
{
    size_t end = (size_t)ss->name_at + ss->name_len;
    return (struct str){ss->text, end};
}

static void decide(struct session_sub *ss, bool is_admin)
{
    struct session *s = ss->sub.session;
    if (ss->kind == VIEW_CONTEST_ADMIN && !is_admin) {
        session_sub_refuse(ss, s->user ? ERROR_FORBIDDEN : ERROR_UNAUTHORIZED,
                           "only for admins of the contest");
        return;
    }
    session_sub_allow(ss, is_admin ? SIGHT_ALL : SIGHT_PUBLIC, STR_NONE);
}

static bool is_admin_of(const struct session_sub *ss, const struct auth_answer *a)
{
    if (a->admin) {
        return true;
    }
    return ss->kind == VIEW_PROBLEM ? auth_answer_is_problem_admin(a, session_sub_name(ss))
                                    : auth_answer_is_contest_admin(a, session_sub_name(ss));
}

/* What was allowed and is only asked about again, for the same user, goes on as it was. */
static void cannot_be_asked(struct session_sub *ss)
{
    if (ss->kind == VIEW_SCOREBOARD && ss->sub.view) {
        return; /* it never stopped */
    }
    if (ss->keeps && ss->again && ss->answered) {
        session_sub_allow(ss, ss->sub.sight, STR_NONE);
    } else {
        session_sub_refuse(ss, ERROR_UNAVAILABLE, NULL);
    }
}

static void on_may(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    struct session_sub *ss = s->asked_for;
    s->call = NULL;
    s->asked_for = NULL;
    list_del(&ss->asking_node);
    count_answer(s, a->result);
    if (a->result == AUTH_UNAVAILABLE) {
        cannot_be_asked(ss);
    } else if (a->result != AUTH_OK) {
        session_sub_refuse(ss, session_error_of(a->result), NULL);
    } else if (ss->kind == VIEW_SCOREBOARD) {
        session_sub_take_back(ss); /* the token may open something else by now */
        session_sub_allow(ss, a->scoreboard_admin ? SIGHT_ALL : SIGHT_PUBLIC,
                          a->scoreboard_contest);
    } else {
        bool is_admin = is_admin_of(ss, a);
        grant_add(s, filter_of(ss), is_admin);
        decide(ss, is_admin);
    }
    session_ask_next(s);
}

void session_ask_next(struct session *s)
{
    struct list *node;
    while (s->state == SESSION_OPEN && !s->call && (node = list_first(&s->asking)) != NULL) {
        struct session_sub *ss = LIST_ENTRY(node, struct session_sub, asking_node);
        struct grant *g = grant_find(s, filter_of(ss));
        if (g) {
            list_del(&ss->asking_node);
            decide(ss, g->is_admin);
            continue;
        }
        struct auth_question q = {
            .kind = AUTH_MAY,
            .credential = {str_of(s->token)},
            .filters = filter_of(ss),
        };
        s->call = auth_ask(s->gw->auth, &q, on_may, s);
        if (s->call) {
            s->asked_for = ss;
        } else {
            list_del(&ss->asking_node);
            cannot_be_asked(ss);
        }
    }
    settle_auth(s);
}

void session_ask_frontend(struct session_sub *ss)
{
    list_push_back(&ss->sub.session->asking, &ss->asking_node);
    session_ask_next(ss->sub.session);
}

void session_authorise(struct session *s, struct session_sub *ss)
{
    switch (ss->kind) {
    case VIEW_USER:
        if (s->user && (s->is_admin || str_eq(user_name(s->user), session_sub_name(ss)))) {
            session_sub_allow(ss, SIGHT_ALL, STR_NONE);
        } else {
            session_sub_refuse(ss, s->user ? ERROR_FORBIDDEN : ERROR_UNAUTHORIZED, NULL);
        }
        break;
    case VIEW_SCOREBOARD: session_scoreboard_look_up(s, ss); break;
    case VIEW_CONTEST:
    case VIEW_CONTEST_ADMIN:
    case VIEW_PROBLEM: session_ask_frontend(ss); break;
    case VIEW_LEGACY:
    case VIEW_KINDS: break;
    }
}

/* ---- who is it? ---- */

/* Everything that was allowed is asked about again, because it was to somebody else (a scoreboard's
 * token opens the same to everybody), or, with is_recheck, because it may have ended. What stays
 * allowed goes on from where it was. */
static void authorise_all_again(struct session *s, bool is_recheck, bool is_same_user)
{
    struct list subs;
    list_init(&subs);
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->kind != VIEW_SCOREBOARD) { /* whose question stays in line */
            list_del(&ss->asking_node);
        }
        list_del(it);
        list_push_back(&subs, it);
    }
    LIST_FOR_EACH (it, next, &subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        list_del(it);
        list_push_back(&s->subs, it);
        ss->keeps = is_recheck && is_same_user;
        if (ss->kind != VIEW_SCOREBOARD) {
            session_authorise(s, ss);
        } else if (is_recheck) {
            session_scoreboard_look_again(s, ss);
        }
    }
}

static void take_all_back(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->sub.view && ss->kind != VIEW_SCOREBOARD) {
            session_sub_take_back(ss);
        }
    }
}

static void become(struct session *s, const struct auth_answer *a)
{
    struct user *old = s->user;
    bool same = old && str_eq(user_name(old), a->user) && s->is_admin == a->admin;
    s->is_admin = a->admin;
    if (same && !s->is_recheck) {
        return;
    }
    /* Leaving the hub needs the old user's name: so first the subscriptions, then the user. */
    take_all_back(s);
    if (old) {
        users_detach(s->gw->users, old, &s->user_node);
    }
    s->user = users_attach(s->gw->users, a->user, &s->user_node);
    if (!s->user) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
        return;
    }
    grants_forget(s);
    authorise_all_again(s, s->is_recheck, same);
}

static void end_auth(struct session *s)
{
    free(s->new_token);
    s->new_token = NULL;
    free(s->auth_id);
    s->auth_id = NULL;
    s->is_recheck = false;
    s->is_identifying = false;
    session_schedule(s);
    session_ask_next(s);
    if (s->channels) {
        session_stream_begin(s);
    }
    client_cmd_resume(s);
}

/* The credential is good, and everything that was allowed to the user before has been asked about
 * again: `revoked` comes before `auth_success`. */
static void settle_auth(struct session *s)
{
    if (s->state != SESSION_OPEN || !s->is_settling || s->call || !list_empty(&s->asking)) {
        return;
    }
    s->is_settling = false;
    if (s->auth_wants_answer) {
        struct buf text = {0};
        server_text_auth_success(&text, str_of(s->auth_id), session_user_name(s));
        session_send_text(s, &text, STR("auth_success"));
    }
    end_auth(s);
}

static void note_refusal(struct session *s, enum auth_result r)
{
    if (r == AUTH_UNAVAILABLE) {
        return;
    }
    if (++s->refused_auths >= LIMIT_REFUSED_AUTHS) {
        s->refused_auths = 0;
        s->penalty_until_s = session_now_s() + LIMIT_AUTH_PENALTY_MS / 1000;
    }
}

static void refuse_identity(struct session *s, enum auth_result r)
{
    /* Of who this is only `unauthorized` is an answer; 403 or 404 is a frontend that is ill. */
    if (s->is_recheck && r == AUTH_UNAUTHORIZED) {
        s->gw->metrics->closed_deauthenticated++;
        session_close(s, CLOSE_DEAUTHENTICATED, "credential_ended");
        return;
    }
    if (s->auth_wants_answer) {
        session_send_error(s, str_of(s->auth_id), session_error_of(r), STR_NONE, NULL);
        note_refusal(s, r);
    } else if (!s->is_recheck) { /* a cookie that is nobody's is no credential */
        free(s->token);
        s->token = NULL;
        if (s->channels && r == AUTH_UNAVAILABLE) { /* it cannot ask again, as with `auth` */
            session_stream_refuse(s, ERROR_UNAVAILABLE);
        }
    }
    end_auth(s);
}

static void finish_identify(struct session *s, const struct auth_answer *a)
{
    if (a->result != AUTH_OK) {
        refuse_identity(s, a->result);
        return;
    }
    s->refused_auths = 0;
    free(s->token);
    s->token = s->new_token;
    s->new_token = NULL;
    s->asked_s = session_now_s();
    become(s, a);
    s->is_settling = true; /* not before: settling runs commands, which may end subscriptions */
    session_ask_next(s);
}

static void on_who(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    s->call = NULL;
    count_answer(s, a->result);
    finish_identify(s, a);
}

void session_identify(struct session *s, struct str token, struct str id, bool wants_answer)
{
    struct auth_answer refused = {.result = AUTH_UNAUTHORIZED};
    /* A question about a channel under the old credential is asked again under the new one. */
    auth_cancel(s->call);
    s->call = NULL;
    s->asked_for = NULL;
    s->is_identifying = true;
    s->auth_wants_answer = wants_answer;
    s->auth_id = id.n ? strndup(id.p, id.n) : NULL;
    s->new_token = strndup(token.p ? token.p : "", token.n);
    if (!s->new_token || (id.n && !s->auth_id)) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
        return;
    }
    if (!name_is_token(token)) {
        finish_identify(s, &refused);
        return;
    }
    struct auth_question q = {.kind = AUTH_WHO, .credential = {token}};
    s->call = auth_ask(s->gw->auth, &q, on_who, s);
    if (!s->call) {
        refused.result = AUTH_UNAVAILABLE;
        finish_identify(s, &refused);
    }
}

uint64_t session_age_of_answers_ms(const struct session *s)
{
    return s->state == SESSION_OPEN && s->asked_s ? (session_now_s() - s->asked_s) * 1000ull : 0;
}

void session_recheck(struct session *s)
{
    s->asked_s = s->asked_s ? session_now_s() : 0;
    if (s->state != SESSION_OPEN || s->is_identifying || s->kind == SESSION_ROOM) {
        return;
    }
    if (s->kind == SESSION_LEGACY) {
        session_legacy_recheck(s);
        return;
    }
    if (!s->token) {
        grants_forget(s);
        take_all_back(s);
        authorise_all_again(s, true, true);
        return;
    }
    char *token = strdup(s->token);
    if (token) {
        s->is_recheck = true;
        session_identify(s, str_of(token), STR_NONE, false);
        free(token);
    }
}

void session_access_forget(struct session *s)
{
    auth_cancel(s->call);
    s->call = NULL;
    s->asked_for = NULL;
    s->is_identifying = false;
    s->is_settling = false;
    grants_forget(s);
    free(s->auth_id);
    s->auth_id = NULL;
    free(s->new_token);
    s->new_token = NULL;
}
