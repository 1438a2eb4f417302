/* SPDX-License-Identifier: MIT */
/* Life of a session, from the transport's calls; its end is session_close.c. */
#include "gateway/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/deadlines.h"
#include "gateway/session/flusher.h"
#include "gateway/session/session_internal.h"
#include "gateway/session/sse_channels.h"

static const struct protocol *protocol_of(const struct session_request *q)
{
    switch (q->kind) {
    case SESSION_DOCUMENTED: return q->channels ? &protocol_stream : &protocol_documented;
    case SESSION_LEGACY: return &protocol_legacy;
    case SESSION_ROOM: return &protocol_room;
    }
    return &protocol_documented;
}

static struct session *session_alloc(struct gw *gw, const struct session_request *q)
{
    struct session *s = calloc(1, sizeof(*s));
    if (s) {
        s->gw = gw;
        s->protocol = protocol_of(q);
        s->writer.ops = q->ops;
        s->writer.conn = q->conn;
        s->writer.format = q->format;
        outq_init(&s->writer.out);
        list_init(&s->writer.flush_node);
        list_init(&s->subs);
        identity_init(&s->identity);
        permission_init(&s->permission);
        inbox_init(&s->inbox);
        wheel_node_init(&s->tick, deadlines_tick, s);
        s->id = ++gw->last_session_id;
        list_push_back(&gw->sessions, &s->all_node);
    }
    return s;
}

/* Everything a session holds, whichever state it is in. */
static void session_free(struct session *s)
{
    session_end(s, false);
    identity_release(s);
    list_del(&s->writer.flush_node);
    list_del(&s->all_node);
    sse_channels_free(s->writer.channels);
    free(s);
}

struct session *session_create(struct gw *gw, const struct session_request *q)
{
    struct session *s = session_alloc(gw, q);
    if (!s) {
        return NULL;
    }
    log_debug("session created", LF_U64("sid", s->id), LF_S("peer", q->peer),
              LF_STR("transport", q->ops->name), LF_STR("kind", s->protocol->name));
    struct str token = q->credential_token;
    s->identity.token = token.n ? strndup(token.p, token.n) : NULL;
    if ((token.n && !s->identity.token) || (s->protocol->prepare && !s->protocol->prepare(s, q))) {
        session_free(s);
        return NULL;
    }
    s->writer.channels = q->channels;
    return s;
}

void session_open(struct session *s)
{
    session_set_state(s, SESSION_OPEN);
    s->opened_s = session_now_s();
    s->heard_s = s->opened_s;
    s->stranger_s = s->opened_s;
    log_debug("session opened", LF_U64("sid", s->id));
    session_wake_by(s, s->opened_s + 1); /* then all deadlines are looked at */
    s->protocol->open(s);
}

void session_on_text(struct session *s, struct str text)
{
    session_on_alive(s);
    if (s->state == SESSION_OPEN && s->protocol->on_text) {
        s->protocol->on_text(s, text);
    }
}

void session_on_alive(struct session *s)
{
    /* The deadline moves when it comes: not once per message. */
    s->heard_s = session_now_s();
    s->pong_missing = false;
}

void session_on_writable(struct session *s)
{
    s->writer.is_blocked = false;
    if (s->state == SESSION_OPEN) {
        flusher_add(s->gw->flusher, &s->writer.flush_node);
    }
}

void session_on_closed(struct session *s)
{
    struct str user = session_user_name(s);
    log_debug("session closed", LF_U64("sid", s->id), LF_S("user", user),
              LF_U64("age_s", s->opened_s ? session_now_s() - s->opened_s : 0),
              LF_U64("sent", s->writer.sent));
    if (s->state != SESSION_CLOSING) {
        session_set_state(s, SESSION_CLOSING);
    }
    session_free(s);
}

/* ---- for those who look at all sessions ---- */

bool session_is_closing(const struct session *s)
{
    return s->state == SESSION_CLOSING;
}

uint64_t session_id(const struct session *s)
{
    return s->id;
}

struct session *session_of_node(struct list *all_node)
{
    return LIST_ENTRY(all_node, struct session, all_node);
}

struct session *session_of_user_node(struct list *user_node)
{
    return LIST_ENTRY(user_node, struct session, identity.user_node);
}

bool session_takes_reconnect(const struct session *s)
{
    return s->protocol->takes_reconnect;
}

void session_ask_to_reconnect(struct session *s, unsigned after_ms, unsigned deadline_ms)
{
    struct buf text = {0};
    server_text_reconnect(&text, after_ms, deadline_ms);
    writer_send_text(s, &text, STR("reconnect"));
}

void session_recheck_scoreboard(struct session *s, struct str token)
{
    if (s->state == SESSION_OPEN && s->protocol->recheck_scoreboard) {
        s->protocol->recheck_scoreboard(s, token);
    }
}

uint64_t session_age_of_answers_ms(const struct session *s)
{
    uint32_t asked_s = s->identity.asked_s;
    return s->state == SESSION_OPEN && asked_s ? (session_now_s() - asked_s) * 1000ull : 0;
}

void session_recheck(struct session *s)
{
    if (s->state == SESSION_OPEN && s->protocol->recheck) {
        s->identity.owes_recheck = true;
        s->protocol->recheck(s);
    }
}

bool session_owes_recheck(const struct session *s)
{
    return s->state == SESSION_OPEN && s->identity.owes_recheck;
}
