/* SPDX-License-Identifier: MIT */
#include "gateway/session/identity.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"
#include "proto/topic.h"

void identity_init(struct identity *i)
{
    *i = (struct identity){.state = IDENTITY_SETTLED};
    list_init(&i->user_node);
}

bool identity_become(struct session *s, struct str name)
{
    struct identity *i = &s->identity;
    if (str_eq(session_user_name(s), name)) {
        return true;
    }
    if (i->user) {
        users_detach(s->gw->users, i->user, &i->user_node);
    }
    i->user = name.n > 0 ? users_attach(s->gw->users, name, &i->user_node) : NULL;
    return i->user || name.n == 0;
}

/* ---- the attempt ---- */

static void attempt_free(struct identity *i)
{
    if (i->attempt) {
        auth_cancel(i->attempt->call);
        free(i->attempt->token);
        free(i->attempt->id);
        free(i->attempt);
        i->attempt = NULL;
    }
}

static bool attempt_create(struct identity *i, struct str token, struct str id,
                           enum identity_cause cause)
{
    struct identity_attempt *a = calloc(1, sizeof(*a));
    if (!a) {
        return false;
    }
    i->attempt = a;
    a->cause = cause;
    a->token = strndup(token.p ? token.p : "", token.n);
    a->id = id.n ? strndup(id.p, id.n) : NULL;
    return a->token && (a->id || id.n == 0);
}

/* A recheck that came meanwhile goes before the commands that wait: they may be the next `auth`. */
static void end_attempt(struct session *s)
{
    attempt_free(&s->identity);
    s->identity.state = IDENTITY_SETTLED;
    session_wake_by(s, s->stranger_s + LIMIT_IDLE_STRANGER_MS / 1000);
    permission_ask_next(s);
    if (s->identity.recheck_waits) {
        s->identity.recheck_waits = false;
        identity_recheck(s);
    }
    if (s->state == SESSION_OPEN) {
        s->protocol->on_settled(s);
    }
}

void identity_stop(struct session *s)
{
    s->identity.state = IDENTITY_SETTLED;
    attempt_free(&s->identity);
}

void identity_release(struct session *s)
{
    identity_stop(s);
    if (s->identity.user) {
        users_detach(s->gw->users, s->identity.user, &s->identity.user_node);
        s->identity.user = NULL;
    }
    free(s->identity.token);
    s->identity.token = NULL;
}

/* ---- the answer ---- */

static void note_refusal(struct session *s, enum auth_result r)
{
    struct identity *i = &s->identity;
    if (r != AUTH_UNAVAILABLE && ++i->refusals >= LIMIT_REFUSED_AUTHS) {
        i->refusals = 0;
        i->penalty_s = session_now_s() + LIMIT_AUTH_PENALTY_MS / 1000;
    }
}

static void refuse(struct session *s, enum auth_result r)
{
    struct identity *i = &s->identity;
    switch (i->attempt->cause) {
    case IDENTITY_BY_RECHECK:
        /* Of who this is only `unauthorized` is an answer; 403 or 404 is a frontend that is ill. */
        if (r == AUTH_UNAUTHORIZED) {
            s->gw->metrics->closed_deauthenticated++;
            session_close(s, CLOSE_DEAUTHENTICATED, "credential_ended");
            return;
        }
        i->round_s = 0; /* the recheck stays owed */
        break;
    case IDENTITY_BY_COMMAND:
        writer_send_error(s, str_of(i->attempt->id), permission_error_of(r), STR_NONE, NULL);
        note_refusal(s, r);
        break;
    case IDENTITY_BY_REQUEST: /* a cookie that is nobody's is no credential */
        free(i->token);
        i->token = NULL;
        if (r == AUTH_UNAVAILABLE && s->protocol->on_unknown) {
            s->protocol->on_unknown(s);
        }
        break;
    }
    end_attempt(s);
}

/* Is it known who; what may they still see? */
static void accept(struct session *s, const struct auth_answer *a)
{
    struct identity *i = &s->identity;
    bool is_same = i->user && str_eq(user_name(i->user), a->user) && i->is_admin == a->admin;
    bool is_recheck = i->attempt->cause == IDENTITY_BY_RECHECK;
    i->refusals = 0;
    i->is_admin = a->admin;
    free(i->token);
    i->token = i->attempt->token;
    i->attempt->token = NULL;
    if (!is_same || is_recheck) {
        i->round_s = session_now_s();
        i->is_unknown = false;
        /* Leaving the hub needs the old user's name: so first the subscriptions, then the user. */
        subscriptions_take_back(s);
        if (!identity_become(s, a->user)) {
            session_close(s, CLOSE_OVERLOAD, "no_memory");
            return;
        }
        permission_ask_all_again(s, is_recheck, is_same);
    }
    i->state = IDENTITY_SETTLING;
    permission_ask_next(s);
}

static void finish(struct session *s, const struct auth_answer *a)
{
    if (a->result == AUTH_OK) {
        accept(s, a);
    } else {
        refuse(s, a->result);
    }
}

static void on_who(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    s->identity.attempt->call = NULL;
    permission_count_answer(s, a->result);
    finish(s, a);
}

/* Everything that was allowed before has been asked about again: `revoked` comes before
 * `auth_success`. Only a round in which each could be answered counts as one. */
static void end_round(struct identity *i)
{
    if (i->round_s && !i->is_unknown) {
        i->asked_s = i->token ? i->round_s : 0; /* nobody's are only asked about after a gap */
        i->owes_recheck = false;
    }
    i->round_s = 0;
}

void identity_settle(struct session *s)
{
    struct identity *i = &s->identity;
    end_round(i);
    if (i->state == IDENTITY_SETTLED) { /* a session without a credential, or one more channel */
        return;
    }
    if (i->attempt->cause == IDENTITY_BY_COMMAND) {
        struct buf text = {0};
        server_text_auth_success(&text, str_of(i->attempt->id), session_user_name(s));
        writer_send_text(s, &text, STR("auth_success"));
    }
    end_attempt(s);
}

/* ---- the question ---- */

void identity_ask(struct session *s, struct str token, struct str id, enum identity_cause cause)
{
    struct identity *i = &s->identity;
    struct auth_answer refused = {.result = AUTH_UNAUTHORIZED};
    /* A question about a channel under the old credential is asked again under the new one. */
    permission_pause(s);
    i->state = IDENTITY_ASKING;
    if (!attempt_create(i, token, id, cause)) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
        return;
    }
    if (!name_is_token(token)) {
        finish(s, &refused);
        return;
    }
    struct auth_question q = {.kind = AUTH_WHO, .credential = {token}, .client = session_client(s)};
    i->attempt->call = auth_ask(s->gw->auth, &q, on_who, s);
    if (!i->attempt->call) {
        refused.result = AUTH_UNAVAILABLE;
        finish(s, &refused);
    }
}

void identity_recheck(struct session *s)
{
    struct identity *i = &s->identity;
    if (i->state != IDENTITY_SETTLED || i->round_s) {
        i->recheck_waits = true;
        return;
    }
    if (!i->token) {
        i->round_s = session_now_s();
        i->is_unknown = false;
        subscriptions_take_back(s);
        permission_ask_all_again(s, true, true);
        permission_ask_next(s);
        return;
    }
    char *token = strdup(i->token);
    if (token) {
        identity_ask(s, str_of(token), STR_NONE, IDENTITY_BY_RECHECK);
        free(token);
    }
}
