/* SPDX-License-Identifier: MIT */
/* The legacy protocol (section 2): filters fixed at the start, one question about all of them, the
 * backends' texts out. Before the answer no topic is wanted in Redis for it: what was published since
 * it connected is taken from where the topic stood then, or is found in its log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bus/bus.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/legacy_resume.h"
#include "gateway/session/legacy_sub.h"
#include "gateway/session/session_internal.h"

struct legacy {
    uint64_t connected_us;        /* monotonic */
    struct auth_call *call;       /* the question under way, or NULL */
    struct legacy_resume *resume; /* owned, or NULL */
    char filters[];
};

static bool prepare(struct session *s, const struct session_request *q)
{
    s->legacy = calloc(1, sizeof(*s->legacy) + q->filters.n + 1);
    if (s->legacy) {
        memcpy(s->legacy->filters, q->filters.p, q->filters.n);
    }
    return s->legacy;
}

/* ---- the filters ---- */

static bool topic_of_filter(const struct filter *f, struct topic_name *out)
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

static bool add_filter(struct session *s, const struct filter *f, struct str text)
{
    struct topic_name topic;
    struct legacy_sub *legacy = calloc(1, sizeof(*legacy));
    struct session_sub *ss = legacy ? session_sub_create_filter(s, text) : NULL;
    if (!ss) {
        free(legacy);
        return false;
    }
    ss->legacy = legacy;
    legacy->filter = *f;
    if (topic_of_filter(f, &topic) && f->kind != TOPIC_ALL &&
        !feeds_position(s->gw->feeds, topic_name_str(&topic), &legacy->connected)) {
        legacy->connected.epoch[0] = '\0';
    }
    return true;
}

/* Each server has an `all` of its own: that of server 2 is the topic `all/2`, which is the text of its
 * subscription. */
static bool add_all_of_other_servers(struct session *s, const struct filter *f)
{
    for (unsigned i = 1; i < bus_servers(s->gw->bus); i++) {
        char text[16];
        size_t n = (size_t)snprintf(text, sizeof(text), "all/%u", i);
        if (!add_filter(s, f, (struct str){text, n})) {
            return false;
        }
    }
    return true;
}

/* The same filter twice is one. */
static bool add_filters(struct session *s)
{
    struct filter filters[FILTERS_MAX];
    size_t n = 0;
    const char *reason;
    struct str rest = str_of(s->legacy->filters);
    if (!filters_parse(rest, filters, FILTERS_MAX, &n, &reason)) {
        return false; /* admission has parsed them before */
    }
    for (size_t i = 0; i < n; i++) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct str text = {rest.p, comma ? (size_t)(comma - rest.p) : rest.n};
        bool is_new = !session_sub_find(s, text);
        if (is_new &&
            (!add_filter(s, &filters[i], text) ||
             (filters[i].kind == TOPIC_ALL && !add_all_of_other_servers(s, &filters[i])))) {
            return false;
        }
        rest = str_after(rest, MIN(text.n + 1, rest.n));
    }
    return true;
}

static bool topic_of(const struct session_sub *ss, struct topic_name *out)
{
    struct str text = session_sub_text(ss);
    if (text.p[0] == '/') {
        return topic_of_filter(&ss->legacy->filter, out);
    }
    out->n = text.n;
    memcpy(out->z, text.p, text.n);
    return true;
}

/* ---- who sees what ---- */

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

static bool is_first(const struct subscription *sub, const struct event *e)
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
        if (before && visibility_names(&other->legacy->filter, e) &&
            visibility_sees(other->sub.sight, user, e)) {
            return false;
        }
    }
    return true;
}

/* ---- where they start ---- */

static struct sub_start start_after_connecting(const struct session_sub *ss)
{
    const struct legacy_sub *legacy = ss->legacy;
    if (legacy->filter.kind == TOPIC_ALL) { /* has no log */
        return (struct sub_start){.kind = START_NOW};
    }
    if (legacy->connected.epoch[0]) {
        return (struct sub_start){.kind = START_HELD, .at = legacy->connected};
    }
    return (struct sub_start){.kind = START_SINCE,
                              .since_us = ss->sub.session->legacy->connected_us};
}

static bool next_start(struct subscription *sub)
{
    struct session_sub *ss = CONTAINER_OF(sub, struct session_sub, sub);
    struct legacy_sub *legacy = ss->legacy;
    bool was_after = sub->start.kind == START_AFTER;
    if (!was_after && !legacy->connected.epoch[0]) {
        return false; /* that was the last one */
    }
    if (!was_after) {
        legacy->connected.epoch[0] = '\0';
    }
    sub->start = start_after_connecting(ss);
    return true;
}

static bool start(struct session_sub *ss)
{
    const struct legacy_resume *resume = ss->sub.session->legacy->resume;
    struct topic_name topic;
    if (!topic_of(ss, &topic)) {
        return false;
    }
    ss->sub.start = start_after_connecting(ss);
    if (resume && legacy_resume_find(resume, topic_name_str(&topic), &ss->legacy->mark.pinged)) {
        ss->sub.start = (struct sub_start){.kind = START_AFTER, .at = ss->legacy->mark.pinged};
    }
    session_sub_wait(ss);
    return session_sub_join(ss, &topic, STR_NONE, ss->sub.sight);
}

/* It is known what it may see, and where its client was. */
static void start_all(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        ss->sub.check_first = s->n_subs > 1;
        if (!start(ss)) {
            session_close(s, CLOSE_OVERLOAD, "no_memory");
            return;
        }
    }
}

static void on_joined(struct session_sub *ss, const struct position *p, enum recovered r)
{
    (void)r;
    ss->legacy->mark = (struct legacy_mark){.pinged = *p, .answered = *p};
}

static void on_late(struct session_sub *ss)
{
    session_close(ss->sub.session, CLOSE_OVERLOAD, "redis_unavailable");
}

/* ---- the question ---- */

/* What Server-Sent Events are answered with: what the frontend said. */
static void answer_refusal(struct session *s, const struct auth_answer *a)
{
    enum error_code error = permission_error_of(a->result);
    int status = a->http_status > 0 ? a->http_status : error_code_http_status(error);
    struct str text = a->http_body.n > 0 ? a->http_body : str_of(error_code_message(error));
    s->writer.ops->refuse(s->writer.conn, a->result == AUTH_UNAVAILABLE ? 502 : status, text);
}

static void refuse(struct session *s, const struct auth_answer *a)
{
    enum close_code code = error_code_close(permission_error_of(a->result));
    if (s->writer.ops->refuse) {
        answer_refusal(s, a);
    }
    s->gw->metrics->closed_refused += code != CLOSE_OVERLOAD; /* that one is counted as such */
    session_close(s, code, "refused");
}

static bool ask(struct session *s, auth_fn fn)
{
    struct auth_question q = {
        .kind = AUTH_MAY,
        .credential = {str_of(s->identity.token)},
        .filters = str_of(s->legacy->filters),
        .client = session_client(s),
    };
    s->legacy->call = auth_ask(s->gw->auth, &q, fn, s);
    return s->legacy->call;
}

/* All must be known before the first is joined: that one is given at once what came meanwhile, and
 * whether it is the first to match depends on the others. */
static void allow_all(struct session *s, const struct auth_answer *a)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->legacy->filter.kind == TOPIC_ALL && !a->admin) {
            session_sub_free(ss); /* the topic is only ever for system admins */
            continue;
        }
        ss->sub.user = s->identity.user;
        ss->sub.sight = sight_of(&ss->legacy->filter, a);
    }
}

static void recheck(struct session *s);

static void on_answer(const struct auth_answer *a, void *arg)
{
    struct session *s = arg;
    s->legacy->call = NULL;
    permission_count_answer(s, a->result);
    if (a->result != AUTH_OK) {
        refuse(s, a);
        return;
    }
    if (s->writer.ops->admit) {
        s->writer.ops->admit(s->writer.conn);
    }
    s->identity.asked_s = session_now_s();
    s->identity.is_admin = a->admin;
    if (!identity_become(s, a->user)) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
        return;
    }
    allow_all(s, a);
    if (s->identity.user) { /* who is nobody leaves nothing in Redis, and so finds nothing there */
        s->legacy->resume = legacy_resume_create(s, str_of(s->legacy->filters), start_all);
    }
    if (!s->legacy->resume || !legacy_resume_is_reading(s->legacy->resume)) {
        start_all(s);
    }
    if (s->state == SESSION_OPEN && s->identity.owes_recheck) {
        recheck(s); /* wanted while this question was under way */
    }
}

/* ---- asked again ---- */

static bool is_as_before(const struct session *s, const struct auth_answer *a)
{
    if (s->identity.is_admin != a->admin || !str_eq(session_user_name(s), a->user)) {
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
    s->legacy->call = NULL;
    permission_count_answer(s, a->result);
    if (a->result == AUTH_UNAVAILABLE) {
        return; /* it goes on as it was, and the recheck stays owed */
    }
    if (a->result != AUTH_OK) {
        refuse(s, a);
    } else if (!is_as_before(s, a)) {
        session_close(s, CLOSE_LEAVING, "access_changed");
    } else {
        s->identity.asked_s = session_now_s();
        s->identity.owes_recheck = s->identity.recheck_waits;
    }
    if (s->state == SESSION_OPEN && s->identity.recheck_waits) {
        recheck(s);
    }
}

static void recheck(struct session *s)
{
    s->identity.recheck_waits = s->legacy->call;
    if (!s->legacy->call) {
        (void)ask(s, on_recheck); /* else it stays owed */
    }
}

/* ---- life ---- */

static void open_legacy(struct session *s)
{
    s->legacy->connected_us = clock_mono_us();
    if (s->gw->is_draining) {
        s->gw->metrics->closed_leaving++;
        session_close(s, CLOSE_LEAVING, "draining");
    } else if (!add_filters(s)) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
    } else if (!ask(s, on_answer)) {
        const struct auth_answer unavailable = {.result = AUTH_UNAVAILABLE};
        refuse(s, &unavailable);
    }
}

static void end_legacy(struct session *s, bool is_refused)
{
    struct legacy *l = s->legacy;
    if (!l) {
        return;
    }
    auth_cancel(l->call);
    if (l->resume && !is_refused) {
        legacy_resume_keep(l->resume);
    }
    legacy_resume_free(l->resume);
    subscriptions_release(s);
    free(l);
    s->legacy = NULL;
}

const struct protocol protocol_legacy = {
    .name = "legacy",
    .gauge = offsetof(struct gw_metrics, conns_websocket_legacy),
    .gauge_sse = offsetof(struct gw_metrics, conns_sse_legacy),
    .keeps_strangers = true,
    .prepare = prepare,
    .open = open_legacy,
    .on_ping = legacy_resume_on_ping,
    .end = end_legacy,
    .recheck = recheck,
    .on_joined = on_joined,
    .on_late = on_late,
    .replay_more = subscriptions_pump,
    .is_first = is_first,
    .next_start = next_start,
};
