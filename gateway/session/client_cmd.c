/* SPDX-License-Identifier: MIT */
#include "gateway/session/client_cmd.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"
#include "proto/topic.h"

static void reply_plain(struct session *s, struct buf *text)
{
    session_send_text(s, text, STR_NONE);
}

static void run_auth(struct session *s, const struct client_frame *f)
{
    if (session_now_s() < s->penalty_until_s) {
        s->gw->metrics->rate_limited++;
        session_send_error(s, f->id, ERROR_RATE_LIMITED, STR_NONE,
                           "too many refused attempts to authenticate");
        return;
    }
    session_identify(s, f->token, f->id, true);
}

static void set_asked(struct session_sub *ss, const struct client_frame *f)
{
    ss->sub.has_asked = f->has_position;
    ss->sub.is_held = false;
    ss->sub.asked_bad = f->has_position && !position_parse(f->position, &ss->sub.asked);
}

/* The channel is subscribed already, or about to be. */
static void subscribe_again(struct session *s, struct session_sub *ss, const struct client_frame *f)
{
    if (!command_ids_add(&ss->ids, f->id)) {
        s->gw->metrics->rate_limited++;
        session_send_error(s, f->id, ERROR_RATE_LIMITED, f->channel,
                           "too many commands for this channel wait for an answer");
        return;
    }
    if (!ss->sub.view) {
        /* What becomes of the first command will answer both. One that was subscribed and is
         * asked about again (another user) goes on from where it was. */
        if (f->has_position || !ss->answered) {
            set_asked(ss, f);
        }
        return;
    }
    bool was_waiting = ss->sub.state == SUB_WAITING;
    if (!was_waiting || f->has_position) {
        set_asked(ss, f);
    }
    ss->waits_since_s = session_now_s();
    hub_restart(s->gw->hub, &ss->sub);
    session_schedule(s);
}

static void run_subscribe(struct session *s, const struct client_frame *f)
{
    struct channel channel;
    if (!channel_parse(f->channel, &channel)) {
        session_send_error(s, f->id, ERROR_BAD_REQUEST, f->channel, "not a valid channel name");
        return;
    }
    struct session_sub *ss = session_sub_find(s, f->channel);
    if (ss) {
        subscribe_again(s, ss, f);
        return;
    }
    if (s->n_subs >= s->gw->settings->broadcaster.max_subscriptions) {
        session_send_error(s, f->id, ERROR_TOO_MANY_SUBSCRIPTIONS, f->channel, NULL);
        return;
    }
    ss = session_sub_create_channel(s, f->channel, &channel);
    if (!ss || !command_ids_add(&ss->ids, f->id)) {
        if (ss) {
            session_sub_free(ss);
        }
        session_send_error(s, f->id, ERROR_UNAVAILABLE, f->channel, NULL);
        return;
    }
    set_asked(ss, f);
    session_authorise(s, ss);
}

static void run_unsubscribe(struct session *s, const struct client_frame *f)
{
    struct channel channel;
    if (!channel_parse(f->channel, &channel)) {
        session_send_error(s, f->id, ERROR_BAD_REQUEST, f->channel, "not a valid channel name");
        return;
    }
    struct session_sub *ss = session_sub_find(s, f->channel);
    if (ss) {
        session_sub_free(ss);
        session_ask_next(s);
    }
    struct buf text = {0};
    server_text_unsubscribed(&text, f->id, f->channel);
    reply_plain(s, &text);
}

static void run_frame(struct session *s, const struct client_frame *f)
{
    struct buf text = {0};
    switch (f->command) {
    case CLIENT_AUTH: run_auth(s, f); break;
    case CLIENT_SUBSCRIBE: run_subscribe(s, f); break;
    case CLIENT_UNSUBSCRIBE: run_unsubscribe(s, f); break;
    case CLIENT_PING:
        server_text_pong(&text, f->id);
        reply_plain(s, &text);
        break;
    case CLIENT_ALIVE: break;
    case CLIENT_BAD: session_send_error(s, f->id, ERROR_BAD_REQUEST, f->channel, f->why); break;
    }
}

/* ---- order and rate ---- */

static void run_now(struct session *s, struct str text)
{
    struct client_frame f;
    s->gw->metrics->commands++;
    client_frame_parse(text, &f);
    if (!session_take_token(&s->commands, LIMIT_COMMANDS_PER_SECOND, LIMIT_COMMANDS_BURST)) {
        s->gw->metrics->rate_limited++;
        session_send_error(s, f.id, ERROR_RATE_LIMITED, f.channel, NULL);
    } else {
        run_frame(s, &f);
    }
    client_frame_release(&f);
}

static void wait_behind_auth(struct session *s, struct str text)
{
    struct waiting_command *w = malloc(sizeof(*w) + text.n);
    if (!w) {
        session_close(s, CLOSE_OVERLOAD, "no_memory");
        return;
    }
    w->len = text.n;
    memcpy(w->text, text.p, text.n);
    list_push_back(&s->waiting, &w->node);
    if (++s->n_waiting >= LIMIT_COMMANDS_WAITING && !s->is_paused) {
        s->is_paused = true;
        s->ops->pause_reading(s->conn, true);
    }
}

void client_cmd_run(struct session *s, struct str text)
{
    if (s->is_identifying || !list_empty(&s->waiting)) {
        wait_behind_auth(s, text);
        return;
    }
    run_now(s, text);
}

void client_cmd_resume(struct session *s)
{
    struct list *node;
    while (s->state == SESSION_OPEN && !s->is_identifying &&
           (node = list_first(&s->waiting)) != NULL) {
        struct waiting_command *w = LIST_ENTRY(node, struct waiting_command, node);
        list_del(&w->node);
        s->n_waiting--;
        run_now(s, (struct str){w->text, w->len});
        free(w);
    }
    if (s->state == SESSION_OPEN && s->is_paused && s->n_waiting < LIMIT_COMMANDS_WAITING / 2) {
        s->is_paused = false;
        s->ops->pause_reading(s->conn, false);
    }
}

void client_cmd_forget(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->waiting) {
        struct waiting_command *w = LIST_ENTRY(it, struct waiting_command, node);
        list_del(&w->node);
        free(w);
    }
    s->n_waiting = 0;
}
