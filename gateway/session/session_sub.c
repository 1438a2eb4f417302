/* SPDX-License-Identifier: MIT */
/* A session's subscriptions: made by a command or a filter, allowed, joined to the hub, ended. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/redis/redis_call.h"
#include "gateway/session/session_internal.h"
#include "gateway/session/session_scoreboard.h"
#include "proto/limits.h"

#define REDIS_AWAY "events cannot be had now, try again later"

static struct session_sub *session_sub_create(struct session *s, struct str text)
{
    struct session_sub *ss = calloc(1, sizeof(*ss) + text.n);
    if (!ss) {
        return NULL;
    }
    memcpy(ss->text, text.p, text.n);
    ss->text_len = (uint32_t)text.n;
    ss->sub.session = s;
    ss->sub.user = s->user;
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

struct session_sub *session_sub_create_filter(struct session *s, struct str text,
                                              const struct filter *f)
{
    struct legacy_sub *legacy = calloc(1, sizeof(*legacy));
    struct session_sub *ss = legacy ? session_sub_create(s, text) : NULL;
    if (!ss) {
        free(legacy);
        return NULL;
    }
    ss->kind = VIEW_LEGACY;
    ss->legacy = legacy;
    legacy->filter = *f;
    return ss;
}

struct session_sub *session_sub_find(struct session *s, struct str channel)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (str_eq((struct str){ss->text, ss->text_len}, channel)) {
            return ss;
        }
    }
    return NULL;
}

void session_sub_free(struct session_sub *ss)
{
    struct session *s = ss->sub.session;
    hub_leave(s->gw->hub, &ss->sub);
    if (s->asked_for == ss) {
        auth_cancel(s->call);
        s->call = NULL;
        s->asked_for = NULL;
    }
    list_del(&ss->asking_node);
    list_del(&ss->sub.session_node);
    s->n_subs--;
    if (ss->answered) { /* a refused one moves no deadline */
        s->stranger_s = session_now_s();
    }
    redis_call_cancel(&ss->lookup);
    command_ids_release(&ss->ids);
    free(ss->legacy);
    free(ss);
}

/* Each command that waits for an answer hears this error. */
static void tell(struct session_sub *ss, enum error_code code, const char *why)
{
    struct str id, channel = {ss->text, ss->text_len};
    for (size_t at = 0; command_ids_next(&ss->ids, &at, &id);) {
        session_send_error(ss->sub.session, id, code, channel, why);
    }
    command_ids_release(&ss->ids);
}

void session_sub_refuse(struct session_sub *ss, enum error_code code, const char *why)
{
    struct session *s = ss->sub.session;
    struct str channel = {ss->text, ss->text_len};
    struct position p;
    bool was_allowed = ss->answered && (ss->again || subscription_position(&ss->sub, &p));
    if (was_allowed) {
        struct buf text = {0};
        server_text_revoked(&text, channel);
        session_send_text(s, &text, STR("revoked"));
    }
    if (!was_allowed || command_ids_any(&ss->ids)) {
        tell(ss, code, why);
    }
    session_sub_free(ss);
}

bool session_sub_join(struct session_sub *ss, const struct topic_name *topic, struct str label)
{
    struct hub_place place = {
        .topic = topic_name_str(topic),
        .kind = ss->kind,
        .label = label,
    };
    return hub_join(ss->sub.session->gw->hub, &ss->sub, &place);
}

void session_sub_take_back(struct session_sub *ss)
{
    struct hub *hub = ss->sub.session->gw->hub;
    struct position p;
    if (subscription_position(&ss->sub, &p)) {
        ss->sub.asked = p;
        ss->sub.has_asked = true;
        ss->sub.asked_bad = false;
        ss->again = true;
    }
    ss->waits_since_s = 0; /* not for Redis any more */
    hub_leave(hub, &ss->sub);
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

void session_sub_allow(struct session_sub *ss, enum sight sight, struct str contest)
{
    struct session *s = ss->sub.session;
    struct topic_name topic;
    struct str label = {ss->text, ss->text_len};
    /* Asked about again, it goes on when Redis is back, however long that takes: what Redis cannot
     * say ends no access. */
    bool goes_on = ss->again && ss->answered;
    ss->waits_since_s = goes_on && !command_ids_any(&ss->ids) ? 0 : session_now_s();
    /* A token opens the same to everybody: nobody's own private events come with it. */
    ss->sub.user = ss->kind == VIEW_SCOREBOARD ? NULL : s->user;
    if (!ss->sub.view && (!topic_of(ss, contest, &topic) || !session_sub_join(ss, &topic, label))) {
        session_sub_refuse(ss, ERROR_UNAVAILABLE, NULL);
        return;
    }
    hub_allow(s->gw->hub, &ss->sub, sight);
    session_schedule(s);
}

static bool waited_too_long(const struct session_sub *ss, uint32_t now_s)
{
    return ss->waits_since_s && now_s - ss->waits_since_s >= LIMIT_SUBSCRIBE_WAIT_MS / 1000;
}

void session_sub_check_times(struct session *s, uint32_t now_s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->ends_s && now_s >= ss->ends_s) {
            ss->again = true; /* `revoked`, not an error */
            session_sub_refuse(ss, ERROR_NOT_FOUND, NULL);
        } else if (waited_too_long(ss, now_s) && s->kind == SESSION_LEGACY) {
            session_close(s, CLOSE_OVERLOAD, "redis_unavailable");
            return;
        } else if (waited_too_long(ss, now_s) && ss->again && ss->answered) {
            tell(ss, ERROR_UNAVAILABLE, REDIS_AWAY);
            ss->waits_since_s = 0;
        } else if (waited_too_long(ss, now_s)) {
            session_sub_refuse(ss, ERROR_UNAVAILABLE, REDIS_AWAY);
        }
    }
    session_ask_next(s);
}
