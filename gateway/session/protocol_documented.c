/* SPDX-License-Identifier: MIT */
/* The documented protocol over WebSocket (section 1): commands, in the order in which they come, behind
 * a pending auth, at a bounded rate. */
#include "gateway/session/protocol_documented.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/scoreboard_token.h"
#include "gateway/session/session_internal.h"
#include "proto/client_frame.h"
#include "proto/limits.h"
#include "proto/topic.h"

static void refuse_command(struct session *s, const struct client_frame *f, const char *reason)
{
    s->gw->metrics->rate_limited++;
    writer_send_error(s, f->id, ERROR_RATE_LIMITED, f->channel, reason);
}

/* ---- commands ---- */

static void run_auth(struct session *s, const struct client_frame *f)
{
    if (session_now_s() < s->identity.penalty_s) {
        refuse_command(s, f, "too many refused attempts to authenticate");
        return;
    }
    identity_ask(s, f->token, f->id, IDENTITY_BY_COMMAND);
}

static struct sub_start start_of(const struct client_frame *f)
{
    struct sub_start start = {.kind = START_NOW};
    if (f->has_position) {
        start.kind = position_parse(f->position, &start.at) ? START_AFTER : START_UNREADABLE;
    }
    return start;
}

/* The channel is subscribed already, or about to be. */
static void subscribe_again(struct session *s, struct session_sub *ss, const struct client_frame *f)
{
    bool is_replaying = ss->sub.view && ss->sub.state == SUB_REPLAYING;
    if (f->has_position && is_replaying && pace_is_by_the_second(&s->pace, session_now_s())) {
        refuse_command(s, f, "the channel is still being replayed");
        return;
    }
    if (!command_ids_add(&ss->ids, f->id)) {
        refuse_command(s, f, "too many commands for this channel wait for an answer");
        return;
    }
    /* What becomes of the first command will answer both. One that was subscribed and is asked about
     * again (another user), or waits, goes on from where it was. */
    bool goes_on = ss->sub.view ? ss->sub.state == SUB_WAITING : ss->standing != STANDING_NEW;
    if (f->has_position || !goes_on) {
        ss->sub.start = start_of(f);
    }
    if (ss->sub.view) {
        session_sub_wait(ss);
        hub_restart(s->gw->hub, &ss->sub);
    }
}

static void run_subscribe(struct session *s, const struct client_frame *f)
{
    struct channel channel;
    if (!channel_parse(f->channel, &channel)) {
        writer_send_error(s, f->id, ERROR_BAD_REQUEST, f->channel, "not a valid channel name");
        return;
    }
    struct session_sub *ss = session_sub_find(s, f->channel);
    if (ss) {
        subscribe_again(s, ss, f);
        return;
    }
    if (s->n_subs >= s->gw->settings->broadcaster.max_subscriptions) {
        writer_send_error(s, f->id, ERROR_TOO_MANY_SUBSCRIPTIONS, f->channel, NULL);
        return;
    }
    ss = session_sub_create_channel(s, f->channel, &channel);
    if (!ss || !command_ids_add(&ss->ids, f->id)) {
        if (ss) {
            session_sub_free(ss);
        }
        writer_send_error(s, f->id, ERROR_UNAVAILABLE, f->channel, NULL);
        return;
    }
    ss->sub.start = start_of(f);
    permission_ask(ss);
    permission_ask_next(s);
}

static void run_unsubscribe(struct session *s, const struct client_frame *f)
{
    struct channel channel;
    if (!channel_parse(f->channel, &channel)) {
        writer_send_error(s, f->id, ERROR_BAD_REQUEST, f->channel, "not a valid channel name");
        return;
    }
    struct session_sub *ss = session_sub_find(s, f->channel);
    if (ss) {
        session_sub_free(ss);
        permission_ask_next(s);
    }
    struct buf text = {0};
    server_text_unsubscribed(&text, f->id, f->channel);
    writer_send_text(s, &text, STR_NONE);
}

static void run_ping(struct session *s, const struct client_frame *f)
{
    struct buf text = {0};
    server_text_pong(&text, f->id);
    writer_send_text(s, &text, STR_NONE);
}

static void run_frame(struct session *s, const struct client_frame *f)
{
    switch (f->command) {
    case CLIENT_AUTH: run_auth(s, f); break;
    case CLIENT_SUBSCRIBE: run_subscribe(s, f); break;
    case CLIENT_UNSUBSCRIBE: run_unsubscribe(s, f); break;
    case CLIENT_PING: run_ping(s, f); break;
    case CLIENT_ALIVE: break;
    case CLIENT_BAD: writer_send_error(s, f->id, ERROR_BAD_REQUEST, f->channel, f->why); break;
    }
}

static void run(struct session *s, struct str text)
{
    struct client_frame f;
    s->gw->metrics->commands++;
    client_frame_parse(text, &f);
    if (rate_take(&s->inbox.rate, LIMIT_COMMANDS_PER_SECOND, LIMIT_COMMANDS_BURST,
                  session_now_s())) {
        run_frame(s, &f);
    } else {
        refuse_command(s, &f, NULL);
    }
    client_frame_release(&f);
}

/* ---- their order ---- */

static void pause_reading(struct session *s, bool is_paused)
{
    s->is_paused = is_paused;
    s->writer.ops->pause_reading(s->writer.conn, is_paused);
}

static void on_text(struct session *s, struct str text)
{
    if (s->identity.state == IDENTITY_SETTLED && list_empty(&s->inbox.waiting)) {
        run(s, text);
    } else if (!inbox_put(&s->inbox, text)) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
    } else if (inbox_is_full(&s->inbox) && !s->is_paused) {
        pause_reading(s, true);
    }
}

static void run_waiting(struct session *s)
{
    struct inbox_command *c;
    while (s->state == SESSION_OPEN && s->identity.state == IDENTITY_SETTLED &&
           (c = inbox_take(&s->inbox)) != NULL) {
        run(s, (struct str){c->text, c->len});
        free(c);
    }
    if (s->state == SESSION_OPEN && s->is_paused && inbox_has_room(&s->inbox)) {
        pause_reading(s, false);
    }
}

/* ---- the operations that it shares with protocol_stream.c ---- */

void documented_on_joined(struct session_sub *ss, const struct position *p, enum recovered r)
{
    struct session *s = ss->sub.session;
    struct str channel = session_sub_text(ss), id;
    bool is_silent = ss->standing >= STANDING_AGAIN && !command_ids_any(&ss->ids);
    ss->standing = STANDING_TOLD;
    if (is_silent && r == RECOVERED_NO) { /* it could not go on where it was */
        struct buf text = {0};
        s->gw->metrics->resets++;
        server_text_reset(&text, channel, p);
        writer_send_position(s, &text, STR("reset"), channel, p);
    }
    if (is_silent) {
        return;
    }
    for (size_t at = 0; command_ids_next(&ss->ids, &at, &id);) {
        struct buf text = {0};
        server_text_subscribed(&text, id, channel, p, r);
        writer_send_position(s, &text, STR("subscribed"), channel, p);
    }
    command_ids_release(&ss->ids);
}

void documented_on_late(struct session_sub *ss)
{
    static const char reason[] = "events cannot be had now, try again later";
    if (ss->standing >= STANDING_AGAIN) {
        session_sub_tell(ss, ERROR_UNAVAILABLE, reason);
        ss->waits_since_s = 0;
    } else {
        session_sub_refuse(ss, ERROR_UNAVAILABLE, reason);
    }
}

bool documented_is_first(const struct subscription *sub, const struct event *e)
{
    (void)sub;
    (void)e;
    return true; /* each channel shows what it carries */
}

void documented_recheck_scoreboard(struct session *s, struct str token)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        if (ss->kind == VIEW_SCOREBOARD && str_eq(session_sub_name(ss), token)) {
            scoreboard_token_changed(ss);
        }
    }
    permission_ask_next(s);
}

void documented_end(struct session *s, bool is_refused)
{
    (void)is_refused;
    identity_stop(s);
    permission_release(s);
    inbox_clear(&s->inbox);
    subscriptions_release(s);
}

static void open_documented(struct session *s)
{
    if (s->identity.token) { /* of the upgrade's cookie */
        char *token = s->identity.token;
        s->identity.token = NULL;
        identity_ask(s, str_of(token), STR_NONE, IDENTITY_BY_REQUEST);
        free(token);
    }
}

const struct protocol protocol_documented = {
    .name = "documented",
    .gauge = offsetof(struct gw_metrics, conns_websocket),
    .gauge_sse = offsetof(struct gw_metrics, conns_sse),
    .takes_reconnect = true,
    .counts_users = true,
    .open = open_documented,
    .on_text = on_text,
    .end = documented_end,
    .recheck = identity_recheck,
    .recheck_scoreboard = documented_recheck_scoreboard,
    .on_joined = documented_on_joined,
    .on_late = documented_on_late,
    .replay_more = subscriptions_pump,
    .is_first = documented_is_first,
    .on_asked = identity_settle,
    .on_settled = run_waiting,
};
