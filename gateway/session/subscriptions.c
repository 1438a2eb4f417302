/* SPDX-License-Identifier: MIT */
#include "gateway/session/subscriptions.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/session/session_hub.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"

static struct session_sub *session_sub_create(struct session *s, struct str text)
{
    struct session_sub *ss = calloc(1, sizeof(*ss) + text.n);
    if (!ss) {
        return NULL;
    }
    memcpy(ss->text, text.p, text.n);
    ss->text_len = (uint32_t)text.n;
    ss->sub.session = s;
    list_init(&ss->asking_node);
    list_init(&ss->sub.catching_node);
    list_push_back(&s->subs, &ss->sub.session_node);
    s->n_subs++;
    return ss;
}

struct session_sub *session_sub_create_channel(struct session *s, struct str text,
                                               const struct channel *parsed)
{
    struct session_sub *ss = session_sub_create(s, text);
    if (ss) {
        ss->kind = (enum view_kind)parsed->kind;
        ss->name_at = (uint16_t)(parsed->name.p - text.p); /* a message is shorter than 64 KiB */
        ss->name_len = (uint16_t)parsed->name.n;
    }
    return ss;
}

struct session_sub *session_sub_create_filter(struct session *s, struct str text)
{
    struct session_sub *ss = session_sub_create(s, text);
    if (ss) {
        ss->kind = VIEW_LEGACY;
    }
    return ss;
}

struct session_sub *session_sub_find(struct session *s, struct str channel)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (str_eq(session_sub_text(ss), channel)) {
            return ss;
        }
    }
    return NULL;
}

void session_sub_free(struct session_sub *ss)
{
    struct session *s = ss->sub.session;
    hub_leave(s->gw->hub, &ss->sub);
    permission_forget_sub(ss);
    list_del(&ss->sub.session_node);
    s->n_subs--;
    if (ss->standing != STANDING_NEW) { /* a refused one moves no deadline */
        s->stranger_s = session_now_s();
        session_wake_by(s, s->stranger_s + LIMIT_IDLE_STRANGER_MS / 1000);
    }
    command_ids_release(&ss->ids);
    free(ss->legacy);
    free(ss);
}

void session_sub_tell(struct session_sub *ss, enum error_code code, const char *reason)
{
    struct str id;
    for (size_t at = 0; command_ids_next(&ss->ids, &at, &id);) {
        writer_send_error(ss->sub.session, id, code, session_sub_text(ss), reason);
    }
    command_ids_release(&ss->ids);
}

/* Has its client been told that it is subscribed, and not that it is asked to start anew? */
static bool is_running(const struct session_sub *ss)
{
    struct position p;
    return ss->standing >= STANDING_AGAIN ||
           (ss->standing == STANDING_TOLD && subscription_position(&ss->sub, &p));
}

void session_sub_refuse(struct session_sub *ss, enum error_code code, const char *reason)
{
    bool was_running = is_running(ss);
    if (was_running) {
        struct buf text = {0};
        server_text_revoked(&text, session_sub_text(ss));
        writer_send_text(ss->sub.session, &text, STR("revoked"));
    }
    if (!was_running || command_ids_any(&ss->ids)) {
        session_sub_tell(ss, code, reason);
    }
    session_sub_free(ss);
}

bool session_sub_join(struct session_sub *ss, const struct topic_name *topic, struct str label,
                      enum sight sight)
{
    struct hub_place place = {
        .topic = topic_name_str(topic),
        .kind = ss->kind,
        .label = label,
    };
    return hub_join(ss->sub.session->gw->hub, &ss->sub, &place, sight);
}

void session_sub_take_back(struct session_sub *ss)
{
    struct position p;
    if (subscription_position(&ss->sub, &p)) {
        ss->sub.start = (struct sub_start){.kind = START_AFTER, .at = p};
        ss->standing = STANDING_AGAIN;
    }
    ss->waits_since_s = 0; /* not for Redis any more */
    hub_leave(ss->sub.session->gw->hub, &ss->sub);
}

void subscriptions_take_back(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->sub.view && ss->kind != VIEW_SCOREBOARD) {
            session_sub_take_back(ss);
        }
    }
}

void subscriptions_release(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        session_sub_free(LIST_ENTRY(it, struct session_sub, sub.session_node));
    }
}

static bool topic_of(const struct session_sub *ss, struct str contest, struct topic_name *out)
{
    switch (ss->kind) {
    case VIEW_USER: return topic_name_make(TOPIC_USER, session_sub_name(ss), out);
    case VIEW_CONTEST:
    case VIEW_CONTEST_ADMIN: return topic_name_make(TOPIC_CONTEST, session_sub_name(ss), out);
    case VIEW_PROBLEM: return topic_name_make(TOPIC_PROBLEM, session_sub_name(ss), out);
    case VIEW_SCOREBOARD: return topic_name_make(TOPIC_CONTEST, contest, out);
    case VIEW_LEGACY:
    case VIEW_KINDS: break;
    }
    return false;
}

void session_sub_wait(struct session_sub *ss)
{
    ss->waits_since_s = session_now_s();
    session_wake_by(ss->sub.session, ss->waits_since_s + LIMIT_SUBSCRIBE_WAIT_MS / 1000);
}

void session_sub_allow(struct session_sub *ss, enum sight sight, struct str contest)
{
    struct session *s = ss->sub.session;
    struct topic_name topic;
    /* Asked about again, it goes on when Redis is back, however long that takes: what Redis cannot
     * say ends no access. */
    if (ss->standing < STANDING_AGAIN || command_ids_any(&ss->ids)) {
        session_sub_wait(ss);
    }
    /* A token opens the same to everybody: nobody's own private events come with it. */
    ss->sub.user = ss->kind == VIEW_SCOREBOARD ? NULL : s->identity.user;
    if (!topic_of(ss, contest, &topic) ||
        !session_sub_join(ss, &topic, session_sub_text(ss), sight)) {
        session_sub_refuse(ss, ERROR_UNAVAILABLE, NULL);
    }
}

/* ---- time ---- */

static uint32_t due_of(const struct session_sub *ss)
{
    uint32_t due = UINT32_MAX;
    if (ss->waits_since_s) {
        due = ss->waits_since_s + LIMIT_SUBSCRIBE_WAIT_MS / 1000;
    }
    return ss->ends_s ? MIN(due, ss->ends_s) : due;
}

uint32_t subscriptions_due(const struct session *s)
{
    uint32_t due = UINT32_MAX;
    LIST_FOR_EACH (it, next, &s->subs) {
        due = MIN(due, due_of(LIST_ENTRY(it, struct session_sub, sub.session_node)));
    }
    return due;
}

void subscriptions_tick(struct session *s, uint32_t now_s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (due_of(ss) > now_s) {
            continue;
        }
        if (ss->ends_s && now_s >= ss->ends_s) {
            ss->standing = ss->standing == STANDING_NEW ? STANDING_NEW : STANDING_AGAIN;
            session_sub_refuse(ss, ERROR_NOT_FOUND, NULL); /* `revoked` when it ran */
            continue;
        }
        s->protocol->on_late(ss);
        if (s->state != SESSION_OPEN) {
            return;
        }
    }
    permission_ask_next(s);
}

/* ---- what the hub calls ---- */

/* Each second turn begins with another one, so that none waits for the end of a long one. */
void subscriptions_pump(struct session *s)
{
    uint16_t n = 0;
    for (int round = 0; round < 2; round++) {
        n = 0;
        LIST_FOR_EACH (it, next, &s->subs) {
            struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
            if (!ss->sub.view || ss->sub.state != SUB_REPLAYING) {
                continue;
            }
            if ((n++ >= s->turn) == (round == 0)) {
                hub_pump(s->gw->hub, &ss->sub);
            }
        }
    }
    s->writer.may_replay = n > 0;
    s->turn = s->turn + 1 < n ? s->turn + 1 : 0;
}

static void on_joined(struct subscription *sub, const struct position *p, enum recovered r)
{
    struct session_sub *ss = CONTAINER_OF(sub, struct session_sub, sub);
    struct session *s = sub->session;
    ss->waits_since_s = 0;
    s->writer.may_replay = true; /* until subscriptions_pump() finds that it does not */
    s->protocol->on_joined(ss, p, r);
}

static bool is_first(const struct subscription *sub, const struct event *e)
{
    return sub->session->protocol->is_first(sub, e);
}

static bool next_start(struct subscription *sub)
{
    const struct protocol *p = sub->session->protocol;
    return p->next_start && p->next_start(sub);
}

const struct hub_handler session_hub_handler = {
    .on_joined = on_joined,
    .deliver = writer_send,
    .replay = writer_replay,
    .may_replay = writer_may_replay,
    .is_first = is_first,
    .next_start = next_start,
};
