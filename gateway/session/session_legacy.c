/* SPDX-License-Identifier: MIT */
/* The legacy protocol (section 2): filters fixed at the start, one question about all of them, the
 * backends' texts out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "gateway/bus/bus.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/users.h"
#include "gateway/session/session_internal.h"
#include "proto/codes.h"

static bool topic_of(const struct filter *f, struct topic_name *out)
{
    switch (f->kind) {
    case TOPIC_ALL: topic_name_make_all(out); return true;
    case TOPIC_PROBLEMSET: topic_name_make_problemset(f->problemset, out); return true;
    case TOPIC_CONTEST:
    case TOPIC_PROBLEM:
    case TOPIC_USER: return topic_name_make(f->kind, f->name, out);
    case TOPIC_KINDS: break;
    }
    return false;
}

static enum sight sight_of(const struct filter *f, const struct auth_answer *a)
{
    bool all = a->admin || f->kind == TOPIC_USER;
    switch (f->kind) {
    case TOPIC_PROBLEMSET: all = all || auth_answer_is_problemset_admin(a, f->problemset); break;
    case TOPIC_CONTEST: all = all || auth_answer_is_contest_admin(a, f->name); break;
    case TOPIC_PROBLEM: all = all || auth_answer_is_problem_admin(a, f->name); break;
    case TOPIC_ALL:
    case TOPIC_USER:
    case TOPIC_KINDS: break;
    }
    return all ? SIGHT_ALL : SIGHT_PUBLIC;
}

bool session_legacy_is_first(const struct subscription *sub, const struct event *e)
{
    const struct session_sub *self = CONTAINER_OF(sub, struct session_sub, sub);
    struct session *s = sub->session;
    struct str user = session_user_name(s);
    bool is_after = false; /* of one kind (`/contest/a,/contest/a/TOKEN`) the one named first */
    LIST_FOR_EACH (it, next, &s->subs) {
        const struct session_sub *other = LIST_ENTRY(it, struct session_sub, sub.session_node);
        is_after = is_after || other == self;
        /* Several `all` are those of several servers: an event is on one of them. */
        bool before = other->legacy->filter.kind < self->legacy->filter.kind ||
                      (other->legacy->filter.kind == self->legacy->filter.kind && !is_after &&
                       self->legacy->filter.kind != TOPIC_ALL);
        if (before && access_names(&other->legacy->filter, e) &&
            access_sees(other->sub.sight, user, e)) {
            return false;
        }
    }
    return true;
}

/* What Server-Sent Events are answered with: what the frontend said. */
static void answer_refusal(struct session *s, const struct auth_answer *a)
{
    enum error_code error = session_error_of(a->result);
    int status = a->http_status > 0 ? a->http_status : error_code_http_status(error);
    struct str text = a->http_body.n > 0 ? a->http_body : str_of(error_code_message(error));
    s->ops->refuse(s->conn, a->result == AUTH_UNAVAILABLE ? 502 : status, text);
}

static void refuse(struct session *s, const struct auth_answer *a)
{
    enum close_code code = error_code_close(session_error_of(a->result));
    if (s->ops->refuse) {
        answer_refusal(s, a);
    }
    s->gw->metrics->closed_refused += code != CLOSE_OVERLOAD; /* that one is counted as such */
    session_close(s, code, "refused");
}

static bool is_system_wide_refused(const struct session_sub *ss, const struct auth_answer *a)
{
    return ss->legacy->filter.kind == TOPIC_ALL && !a->admin;
}

static void on_answer(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    s->call = NULL;
    s->is_identifying = false;
    s->gw->metrics->auth_ok += a->result == AUTH_OK;
    s->gw->metrics->auth_refused += a->result != AUTH_OK && a->result != AUTH_UNAVAILABLE;
    s->gw->metrics->auth_unavailable += a->result == AUTH_UNAVAILABLE;
    if (a->result != AUTH_OK) {
        refuse(s, a);
        return;
    }
    if (s->ops->admit) {
        s->ops->admit(s->conn);
    }
    s->asked_s = session_now_s();
    s->is_admin = a->admin;
    if (a->user.n > 0) {
        s->user = users_attach(s->gw->users, a->user, &s->user_node);
        if (!s->user) {
            session_close(s, CLOSE_OVERLOAD, "no_memory");
            return;
        }
    }
    /* All must be settled before the first is allowed: that one is given at once what came
     * meanwhile, and whether it is the first to match depends on the others. */
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (is_system_wide_refused(ss, a)) {
            session_sub_free(ss); /* the topic is only ever for system admins */
            continue;
        }
        ss->sub.user = s->user;
        ss->sub.sight = sight_of(&ss->legacy->filter, a);
    }
    session_legacy_go_on(s);
}

void session_legacy_go_on(struct session *s)
{
    if (s->is_identifying || !legacy_resume_is_known(s)) {
        return; /* both are needed; whichever comes later comes here */
    }
    legacy_resume_apply(s);
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        ss->sub.check_first = s->n_subs > 1;
        ss->waits_since_s = session_now_s();
        hub_allow(s->gw->hub, &ss->sub, ss->sub.sight);
    }
    session_schedule(s);
}

/* The topic of each filter is wanted before the question is asked, so that no event between the
 * two is missed. The same filter twice is one. */
static bool join_filter(struct session *s, const struct filter *f, struct str text)
{
    struct topic_name topic;
    if (session_sub_find(s, text)) {
        return true;
    }
    struct session_sub *ss = session_sub_create_filter(s, text, f);
    if (!ss) {
        return false;
    }
    return topic_of(f, &topic) && session_sub_join(ss, &topic, STR_NONE);
}

/* Each server has an `all` of its own: that of server 2 is the topic `all/2`. */
static bool join_all_of_other_servers(struct session *s, const struct filter *f)
{
    for (unsigned i = 1; i < bus_servers(s->gw->bus); i++) {
        struct topic_name topic;
        topic.n = (size_t)snprintf(topic.z, sizeof(topic.z), "all/%u", i);
        struct session_sub *ss = session_sub_create_filter(s, topic_name_str(&topic), f);
        if (!ss) {
            return false;
        }
        if (!session_sub_join(ss, &topic, STR_NONE)) {
            return false;
        }
    }
    return true;
}

static bool join_all(struct session *s)
{
    struct filter filters[FILTERS_MAX];
    size_t n = 0;
    const char *why;
    struct str rest = str_of(s->filters);
    if (!filters_parse(rest, filters, FILTERS_MAX, &n, &why)) {
        return false; /* admission has parsed them before */
    }
    for (size_t i = 0; i < n; i++) {
        const char *comma = memchr(rest.p, ',', rest.n);
        size_t len = comma ? (size_t)(comma - rest.p) : rest.n;
        if (!join_filter(s, &filters[i], (struct str){rest.p, len}) ||
            (filters[i].kind == TOPIC_ALL && !join_all_of_other_servers(s, &filters[i]))) {
            return false;
        }
        rest = str_after(rest, MIN(len + 1, rest.n));
    }
    return true;
}

static bool ask(struct session *s, auth_fn fn)
{
    struct auth_question q = {
        .kind = AUTH_MAY,
        .credential = {str_of(s->token)},
        .filters = str_of(s->filters),
    };
    s->call = auth_ask(s->gw->auth, &q, fn, s);
    s->is_identifying = s->call != NULL;
    return s->is_identifying;
}

static bool is_as_before(const struct session *s, const struct auth_answer *a)
{
    if (s->is_admin != a->admin || !str_eq(session_user_name(s), a->user)) {
        return false;
    }
    LIST_FOR_EACH (it, next, &s->subs) {
        const struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (sight_of(&ss->legacy->filter, a) != ss->sub.sight) {
            return false;
        }
    }
    return true;
}

/* Who may see something else now is to connect anew, which loses nothing: its record is kept. */
static void on_recheck(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    s->call = NULL;
    s->is_identifying = false;
    if (a->result != AUTH_OK && a->result != AUTH_UNAVAILABLE) {
        refuse(s, a);
    } else if (a->result == AUTH_OK && !is_as_before(s, a)) {
        session_close(s, CLOSE_LEAVING, "access_changed");
    }
}

/* What cannot be asked now goes on as it was. */
void session_legacy_recheck(struct session *s)
{
    (void)ask(s, on_recheck);
}

void session_legacy_open(struct session *s)
{
    if (s->gw->is_leaving) {
        s->gw->metrics->closed_leaving++;
        session_close(s, CLOSE_LEAVING, "leaving");
        return;
    }
    if (!join_all(s)) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
        return;
    }
    legacy_resume_begin(s);
    if (!ask(s, on_answer)) {
        const struct auth_answer unavailable = {.result = AUTH_UNAVAILABLE};
        refuse(s, &unavailable);
    }
}
