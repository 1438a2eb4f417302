/* SPDX-License-Identifier: MIT */
#include "gateway/session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/users.h"
#include "gateway/session/client_cmd.h"
#include "gateway/session/flusher.h"
#include "gateway/session/room.h"
#include "gateway/session/session_hub.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"

uint32_t session_now_s(void)
{
    return (uint32_t)(clock_mono_ms() / 1000) + 1; /* never 0, which means "not" */
}

struct str session_user_name(const struct session *s)
{
    return s->user ? user_name(s->user) : STR_NONE;
}

bool session_take_token(struct rate *r, uint32_t per_second, uint32_t burst)
{
    uint32_t now = session_now_s();
    uint32_t passed = now - r->at_s;
    if (r->at_s == 0 || passed >= burst / per_second + 1) {
        r->tokens = burst;
    } else if (passed > 0) {
        r->tokens = MIN(burst, r->tokens + passed * per_second);
    }
    r->at_s = now;
    if (r->tokens == 0) {
        return false;
    }
    r->tokens--;
    return true;
}

static int64_t *kind_gauge(const struct session *s)
{
    struct gw_metrics *m = s->gw->metrics;
    if (s->format == RENDERING_SSE) {
        return s->kind == SESSION_LEGACY ? &m->conns_sse_legacy : &m->conns_sse;
    }
    switch (s->kind) {
    case SESSION_DOCUMENTED: return &m->conns_websocket;
    case SESSION_LEGACY: return &m->conns_websocket_legacy;
    case SESSION_ROOM: return &m->conns_room;
    }
    return &m->conns_websocket;
}

static const char *kind_str(enum session_kind k)
{
    switch (k) {
    case SESSION_DOCUMENTED: return "documented";
    case SESSION_LEGACY: return "legacy";
    case SESSION_ROOM: return "room";
    }
    return "";
}

/* The only place where the state changes; the arrows are in session.h. */
static void session_set_state(struct session *s, enum session_state next)
{
    assert((s->state == SESSION_NEW && next == SESSION_OPEN) ||
           (s->state != SESSION_CLOSING && next == SESSION_CLOSING));
    if (next == SESSION_OPEN) {
        s->gw->metrics->connections_active++;
        ++*kind_gauge(s);
    } else if (s->state == SESSION_OPEN) {
        s->gw->metrics->connections_active--;
        --*kind_gauge(s);
    }
    s->state = next;
}

/* ---- deadlines ---- */

static void close_dead(struct session *s, const char *why)
{
    s->gw->metrics->closed_dead++;
    session_close(s, CLOSE_NORMAL, why);
}

static void check_heartbeat(struct session *s, uint32_t now)
{
    uint32_t interval = (uint32_t)((s->gw->settings->broadcaster.ping_interval_ms + 999) / 1000);
    if (s->is_paused) { /* its pong would wait unread; the question that it waits for has an end */
        session_on_alive(s);
    }
    if (s->pong_missing && now - s->pinged_s >= interval) {
        close_dead(s, "no_sign_of_life");
        return;
    }
    if (now - MAX(s->heard_s, s->pinged_s) >= interval) {
        s->pinged_s = now;
        s->pong_missing = s->ops->answers_pings;
        if (s->kind == SESSION_LEGACY) {
            legacy_resume_on_ping(s);
        }
        (void)s->ops->ping(s->conn); /* a broken connection reports itself */
    }
}

/* A stream without a subscription is of no use to anybody: its client can only connect anew. */
static bool is_stranger(const struct session *s)
{
    return s->kind == SESSION_DOCUMENTED && (!s->user || s->channels) && s->n_subs == 0 &&
           !s->is_identifying;
}

static void on_tick(void *arg)
{
    struct session *s = arg;
    uint32_t now = session_now_s();
    if (s->state != SESSION_OPEN) {
        return;
    }
    uint32_t write_s = (uint32_t)((s->gw->settings->broadcaster.write_timeout_ms + 999) / 1000);
    if (s->is_blocked && now - s->blocked_s >= write_s) {
        s->gw->metrics->closed_slow++;
        session_close(s, CLOSE_TOO_SLOW, "slow_client");
        return;
    }
    if (is_stranger(s) && now - s->stranger_s >= LIMIT_IDLE_STRANGER_MS / 1000) {
        s->gw->metrics->closed_idle++;
        session_close(s, CLOSE_IDLE_STRANGER, "idle_stranger");
        return;
    }
    session_sub_check_times(s, now);
    if (s->state == SESSION_OPEN) {
        check_heartbeat(s, now);
    }
    if (s->state == SESSION_OPEN) {
        session_schedule(s);
    }
}

/* Seconds until the first of the deadlines that on_tick() looks at. */
void session_schedule(struct session *s)
{
    uint32_t now = session_now_s();
    uint32_t interval = (uint32_t)((s->gw->settings->broadcaster.ping_interval_ms + 999) / 1000);
    uint32_t due = (s->pong_missing ? s->pinged_s : MAX(s->heard_s, s->pinged_s)) + interval;
    if (s->is_blocked) {
        uint32_t w = (uint32_t)((s->gw->settings->broadcaster.write_timeout_ms + 999) / 1000);
        due = MIN(due, s->blocked_s + w);
    }
    if (is_stranger(s)) {
        due = MIN(due, s->stranger_s + LIMIT_IDLE_STRANGER_MS / 1000);
    }
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->waits_since_s) {
            due = MIN(due, ss->waits_since_s + LIMIT_SUBSCRIBE_WAIT_MS / 1000);
        }
        if (ss->ends_s) {
            due = MIN(due, ss->ends_s);
        }
    }
    wheel_set(s->gw->wheel, &s->tick, due > now ? due - now : 1);
}

/* ---- life ---- */

static char *copy_of(struct str text)
{
    return text.n ? strndup(text.p, text.n) : NULL;
}

/* Everything a session holds, whichever state it is in. */
static void session_free(struct session *s)
{
    session_access_forget(s);
    client_cmd_forget(s);
    legacy_resume_forget(s);
    LIST_FOR_EACH (it, next, &s->subs) {
        session_sub_free(LIST_ENTRY(it, struct session_sub, sub.session_node));
    }
    if (s->user) {
        users_detach(s->gw->users, s->user, &s->user_node);
    }
    session_drop_queue(s);
    list_del(&s->flush_node);
    room_leave(s);
    list_del(&s->all_node);
    wheel_cancel(&s->tick);
    free(s->token);
    free(s->filters);
    sse_channels_free(s->channels);
    free(s);
}

static struct session *session_alloc(struct gw *gw, const struct session_request *q)
{
    struct session *s = calloc(1, sizeof(*s));
    if (s) {
        s->gw = gw;
        s->ops = q->ops;
        s->conn = q->conn;
        s->kind = q->kind;
        s->format = q->format;
        s->id = ++gw->last_session_id;
        list_push_back(&gw->sessions, &s->all_node);
        list_init(&s->user_node);
        list_init(&s->flush_node);
        list_init(&s->room_node);
        list_init(&s->subs);
        list_init(&s->asking);
        list_init(&s->grants);
        list_init(&s->waiting);
        outq_init(&s->out);
        wheel_node_init(&s->tick, on_tick, s);
    }
    return s;
}

struct session *session_create(struct gw *gw, const struct session_request *q)
{
    struct session *s = session_alloc(gw, q);
    if (!s) {
        return NULL;
    }
    s->token = copy_of(q->credential_token);
    s->filters = copy_of(q->filters);
    log_debug("session created", LF_U64("sid", s->id), LF_S("peer", q->peer),
              LF_STR("transport", s->ops->name), LF_STR("kind", kind_str(s->kind)));
    if ((q->credential_token.n && !s->token) || (q->filters.n && !s->filters)) {
        session_free(s);
        return NULL;
    }
    s->channels = q->channels;
    return s;
}

void session_open(struct session *s)
{
    session_set_state(s, SESSION_OPEN);
    s->opened_s = session_now_s();
    s->heard_s = s->opened_s;
    s->stranger_s = s->opened_s;
    log_debug("session opened", LF_U64("sid", s->id));
    if (s->kind == SESSION_LEGACY) {
        session_legacy_open(s);
    } else if (s->kind == SESSION_ROOM) {
        room_join(s->gw->room, s);
    } else if (s->token) {
        struct str token = str_of(s->token);
        session_identify(s, token, STR_NONE, false);
    } else if (s->channels) {
        session_stream_begin(s);
    }
    if (s->state == SESSION_OPEN) {
        session_schedule(s);
    }
}

void session_on_text(struct session *s, struct str text)
{
    session_on_alive(s);
    if (s->state == SESSION_OPEN && s->kind == SESSION_DOCUMENTED) {
        client_cmd_run(s, text);
    } else if (s->state == SESSION_OPEN && s->kind == SESSION_ROOM) {
        room_on_text(s->gw->room, s, text);
    }
}

void session_on_alive(struct session *s)
{
    /* The deadline moves when it comes: not once per message. */
    s->heard_s = session_now_s();
    s->pong_missing = false;
}

void session_on_closed(struct session *s)
{
    if (s->state != SESSION_CLOSING) {
        legacy_resume_keep(s);
        session_set_state(s, SESSION_CLOSING);
    }
    log_debug("session closed", LF_U64("sid", s->id), LF_S("user", session_user_name(s)),
              LF_U64("age_s", s->opened_s ? session_now_s() - s->opened_s : 0),
              LF_U64("sent", s->sent));
    session_free(s);
}

/* Ends what the client may see: it has nothing to come back to. */
static bool close_code_is_refusal(enum close_code code)
{
    return code == CLOSE_DEAUTHENTICATED || code == CLOSE_NOT_ALLOWED ||
           code == CLOSE_NO_SUCH_THING;
}

/* The other reasons are counted by those who have them. */
static void count_close(struct gw_metrics *m, enum close_code code)
{
    m->closed_overload += code == CLOSE_OVERLOAD;
    m->closed_protocol += code == CLOSE_PROTOCOL || code == CLOSE_BINARY ||
                          code == CLOSE_BAD_UTF8 || code == CLOSE_TOO_BIG;
}

void session_close(struct session *s, enum close_code code, const char *reason)
{
    if (s->state == SESSION_CLOSING) {
        return;
    }
    log_debug("session closing", LF_U64("sid", s->id), LF_U64("code", code),
              LF_STR("reason", reason), LF_S("user", session_user_name(s)),
              LF_U64("queued", s->out.bytes));
    if (!close_code_is_refusal(code)) {
        legacy_resume_keep(s);
    }
    count_close(s->gw->metrics, code);
    session_set_state(s, SESSION_CLOSING);
    session_access_forget(s);
    client_cmd_forget(s);
    legacy_resume_forget(s);
    LIST_FOR_EACH (it, next, &s->subs) {
        session_sub_free(LIST_ENTRY(it, struct session_sub, sub.session_node));
    }
    session_drop_queue(s);
    room_leave(s);
    wheel_cancel(&s->tick);
    s->ops->close(s->conn, code, str_of(close_code_reason(code)), false);
}

bool session_is_closing(const struct session *s)
{
    return s->state == SESSION_CLOSING;
}

uint64_t session_id(const struct session *s)
{
    return s->id;
}

bool session_takes_reconnect(const struct session *s)
{
    return s->kind == SESSION_DOCUMENTED && !s->channels;
}

struct session *session_of_node(struct list *all_node)
{
    return LIST_ENTRY(all_node, struct session, all_node);
}

struct session *session_of_user_node(struct list *user_node)
{
    return LIST_ENTRY(user_node, struct session, user_node);
}

void session_ask_to_leave(struct session *s, unsigned after_ms, unsigned deadline_ms)
{
    struct buf text = {0};
    server_text_reconnect(&text, after_ms, deadline_ms);
    session_send_text(s, &text, STR("reconnect"));
}

/* ---- what the hub calls ---- */

static void hub_deliver(struct session *s, struct rendering *r, uint32_t skipped)
{
    session_send(s, r, skipped);
}

static void hub_replay(struct session *s, struct rendering *r, uint32_t skipped)
{
    session_send_within(s, r, skipped, SIZE_MAX);
}

static size_t hub_backlog(const struct session *s)
{
    return s->out.bytes + (s->is_blocked ? 1 : 0);
}

static void hub_joined(struct subscription *sub, const struct position *p, enum recovered r)
{
    struct session_sub *ss = CONTAINER_OF(sub, struct session_sub, sub);
    struct session *s = sub->session;
    ss->waits_since_s = 0;
    s->may_replay = true; /* until the first flush finds that it does not */
    bool is_silent =
        s->kind == SESSION_LEGACY || (ss->again && ss->answered && !command_ids_any(&ss->ids));
    struct str channel = {ss->text, ss->text_len};
    if (is_silent) {
        struct buf text = {0};
        ss->again = false;
        legacy_resume_joined(ss, p);
        if (s->kind != SESSION_LEGACY && r == RECOVERED_NO) { /* it could not go on where it was */
            s->gw->metrics->resets++;
            server_text_reset(&text, channel, p);
            session_send_position(s, &text, STR("reset"), channel, p);
        }
        return;
    }
    struct str id;
    for (size_t at = 0; command_ids_next(&ss->ids, &at, &id);) {
        struct buf text = {0};
        server_text_subscribed(&text, id, channel, p, r);
        session_send_position(s, &text, STR("subscribed"), channel, p);
    }
    command_ids_release(&ss->ids);
    ss->answered = true;
    ss->again = false;
}

const struct hub_handler session_hub_handler = {
    .on_joined = hub_joined,
    .deliver = hub_deliver,
    .replay = hub_replay,
    .backlog = hub_backlog,
    .is_first = session_legacy_is_first,
};
