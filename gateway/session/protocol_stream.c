/* SPDX-License-Identifier: MIT */
/* The documented protocol over Server-Sent Events (section 3): the channels of the request are
 * subscribed as by commands, once it is known who asks. */
#include "common/config/settings.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/protocol_documented.h"
#include "gateway/session/session_internal.h"
#include "gateway/session/sse_channels.h"

static struct sub_start start_of(const struct sse_channel *c)
{
    if (!c->is_asked) {
        return (struct sub_start){.kind = START_NOW};
    }
    return (struct sub_start){.kind = c->is_known ? START_AFTER : START_UNREADABLE,
                              .at = c->position};
}

static void subscribe(struct session *s, const struct sse_channel *c)
{
    struct channel parsed;
    if (session_sub_find(s, c->name)) {
        return; /* named twice */
    }
    if (s->n_subs >= s->gw->settings->broadcaster.max_subscriptions) {
        writer_send_error(s, STR_NONE, ERROR_TOO_MANY_SUBSCRIPTIONS, c->name, NULL);
        return;
    }
    struct session_sub *ss =
        channel_parse(c->name, &parsed) ? session_sub_create_channel(s, c->name, &parsed) : NULL;
    if (!ss) {
        writer_send_error(s, STR_NONE, ERROR_UNAVAILABLE, c->name, NULL);
        return;
    }
    ss->sub.start = start_of(c);
    permission_ask(ss);
}

/* Only the first time: it has no commands, so later it is settled after a recheck. */
static void subscribe_all(struct session *s)
{
    const struct sse_channels *c = s->writer.channels;
    if (s->has_begun) {
        return;
    }
    s->has_begun = true;
    for (size_t i = 0; i < c->n && s->state == SESSION_OPEN; i++) {
        subscribe(s, &c->v[i]);
    }
    permission_ask_next(s);
}

/* It cannot ask again, as with `auth`. */
static void refuse_all(struct session *s)
{
    const struct sse_channels *c = s->writer.channels;
    s->has_begun = true;
    for (size_t i = 0; i < c->n; i++) {
        writer_send_error(s, STR_NONE, ERROR_UNAVAILABLE, c->v[i].name, NULL);
    }
}

static void open_stream(struct session *s)
{
    if (s->identity.token) {
        protocol_documented.open(s);
    } else {
        subscribe_all(s);
    }
}

const struct protocol protocol_stream = {
    .name = "documented",
    .gauge = offsetof(struct gw_metrics, conns_sse),
    .gauge_sse = offsetof(struct gw_metrics, conns_sse),
    .open = open_stream,
    .end = documented_end,
    .recheck = identity_recheck,
    .recheck_scoreboard = documented_recheck_scoreboard,
    .on_joined = documented_on_joined,
    .on_late = documented_on_late,
    .replay_more = subscriptions_pump,
    .is_first = documented_is_first,
    .on_asked = identity_settle,
    .on_settled = subscribe_all,
    .on_unknown = refuse_all,
};
