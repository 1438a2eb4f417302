/* SPDX-License-Identifier: MIT */
#include "gateway/session/deadlines.h"

#include "common/config/settings.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/flusher.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"

#define NEVER UINT32_MAX

struct deadline {
    uint32_t (*due)(const struct session *s); /* the second, or NEVER */
    void (*act)(struct session *s, uint32_t now_s);
};

/* ---- a client that does not read ---- */

static uint32_t slow_due(const struct session *s)
{
    return s->writer.is_blocked ? s->writer.blocked_s +
                                      session_seconds(s->gw->settings->broadcaster.write_timeout_ms)
                                : NEVER;
}

static void close_slow(struct session *s, uint32_t now_s)
{
    (void)now_s;
    s->gw->metrics->closed_slow++;
    session_close(s, CLOSE_TOO_SLOW, "slow_client");
}

/* ---- a client that wants nothing ---- */

static uint32_t stranger_due(const struct session *s)
{
    const struct protocol *p = s->protocol;
    bool is_stranger = !p->keeps_strangers && !(p->counts_users && s->identity.user) &&
                       s->n_subs == 0 && s->identity.state == IDENTITY_SETTLED;
    return is_stranger ? s->stranger_s + LIMIT_IDLE_STRANGER_MS / 1000 : NEVER;
}

static void close_stranger(struct session *s, uint32_t now_s)
{
    (void)now_s;
    s->gw->metrics->closed_idle++;
    session_close(s, CLOSE_IDLE_STRANGER, "idle_stranger");
}

/* ---- questions and replays that wait for their turn ---- */

static void ask_next(struct session *s, uint32_t now_s)
{
    (void)now_s;
    permission_ask_next(s);
}

static uint32_t replay_due(const struct session *s)
{
    bool waits = s->writer.may_replay && pace_is_spent(&s->pace, s->pace.at_s);
    return waits ? s->pace.at_s + 1 : NEVER;
}

static void replay_more(struct session *s, uint32_t now_s)
{
    (void)now_s;
    flusher_add(s->gw->flusher, &s->writer.flush_node);
}

/* ---- heartbeat ---- */

static uint32_t heartbeat_due(const struct session *s)
{
    uint32_t since = s->pong_missing ? s->pinged_s : MAX(s->heard_s, s->pinged_s);
    return since + session_seconds(s->gw->settings->broadcaster.ping_interval_ms);
}

static void heartbeat(struct session *s, uint32_t now_s)
{
    if (s->is_paused) { /* its pong would wait unread; the question that it waits for has an end */
        s->heard_s = now_s;
        s->pong_missing = false;
    }
    if (s->pong_missing) {
        s->gw->metrics->closed_dead++;
        session_close(s, CLOSE_NORMAL, "no_sign_of_life");
        return;
    }
    if (heartbeat_due(s) > now_s) {
        return;
    }
    s->pinged_s = now_s;
    s->pong_missing = s->writer.ops->answers_pings;
    if (s->protocol->on_ping) {
        s->protocol->on_ping(s);
    }
    (void)s->writer.ops->ping(s->writer.conn); /* a broken connection reports itself */
}

static const struct deadline table[] = {
    {slow_due, close_slow},     {stranger_due, close_stranger},
    {permission_due, ask_next}, {subscriptions_due, subscriptions_tick},
    {replay_due, replay_more},  {heartbeat_due, heartbeat},
};

void deadlines_tick(void *session)
{
    struct session *s = session;
    uint32_t now = session_now_s();
    uint32_t next = NEVER;
    for (size_t i = 0; i < ARRAY_LEN(table) && s->state == SESSION_OPEN; i++) {
        if (table[i].due(s) <= now) {
            table[i].act(s, now);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(table) && s->state == SESSION_OPEN; i++) {
        next = MIN(next, table[i].due(s));
    }
    if (s->state == SESSION_OPEN) {
        wheel_set(s->gw->wheel, &s->tick, next > now ? next - now : 1);
    }
}
