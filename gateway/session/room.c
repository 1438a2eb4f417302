/* SPDX-License-Identifier: MIT */
#include "gateway/session/room.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "gateway/bus/bus.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session_internal.h"
#include "proto/limits.h"
#include "proto/room_frame.h"

#define AWAY "the room cannot be reached now: try again"

struct room {
    struct gw *gw;       /* borrowed */
    uint64_t gateway;    /* tells our clients' messages from others' */
    struct list clients; /* user_node of sessions */
};

/* ---- from a client to Redis ---- */

static void say_error(struct session *s, const char *reason)
{
    struct buf text = {0};
    s->gw->metrics->errors_sent++;
    room_text_error(&text, reason);
    writer_send_text(s, &text, STR_NONE);
}

/* A message that Redis has not confirmed yet. */
struct posting {
    struct room *room; /* borrowed */
    uint64_t sender;
};

static struct session *find_client(struct room *r, uint64_t id)
{
    LIST_FOR_EACH (it, next, &r->clients) {
        struct session *s = LIST_ENTRY(it, struct session, identity.user_node);
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

/* Redis says how many heard it. Every gateway does, this one too, so nobody means that no gateway
 * is subscribed now. */
static void on_posted(const struct redis_reply *reply, void *arg)
{
    struct posting *p = arg;
    if (!reply || reply->type != REPLY_INTEGER || reply->integer < 1) {
        struct session *s = find_client(p->room, p->sender);
        if (s) {
            say_error(s, AWAY);
        }
    }
    free(p);
}

static bool post(struct room *r, uint64_t sender, struct str message)
{
    char stamp[ROOM_TIMESTAMP_LEN + 1];
    const struct room_letter letter = {.gateway = r->gateway,
                                       .sender = sender,
                                       .timestamp = room_timestamp(clock_wall_us(), stamp),
                                       .message = message};
    struct buf bytes = {0};
    room_letter_write(&bytes, &letter);
    struct posting *p = bytes.failed ? NULL : malloc(sizeof(*p));
    bool ok = false;
    if (p) {
        *p = (struct posting){r, sender};
        const struct str argv[] = {STR("PUBLISH"), STR("room"), buf_str(&bytes)};
        const struct redis_asker who = {.fn = on_posted, .arg = p};
        ok = bus_command(r->gw->bus, &who, ARRAY_LEN(argv), argv);
    }
    if (!ok) {
        free(p);
    }
    buf_release(&bytes);
    return ok;
}

static void on_text(struct session *s, struct str text)
{
    struct gw_metrics *m = s->gw->metrics;
    struct room_frame f = {.memory = NULL};
    if (!rate_take(&s->inbox.rate, LIMIT_ROOM_MESSAGES_PER_SECOND, LIMIT_ROOM_MESSAGES_PER_SECOND,
                   session_now_s())) {
        m->rate_limited++;
        say_error(s, "more than 10 messages a second");
        return;
    }
    const char *reason = room_frame_parse(text, &f);
    if (reason) {
        say_error(s, reason);
    } else if (post(s->gw->room, s->id, f.message)) {
        m->room_messages++;
    } else {
        say_error(s, AWAY);
    }
    room_frame_release(&f);
}
_Static_assert(LIMIT_ROOM_MESSAGES_PER_SECOND == 10, "the sentence above");

/* ---- from Redis to the clients ---- */

static struct rendering *render(const struct room_letter *l)
{
    struct buf text = {0};
    room_text_message(&text, l);
    struct rendering *r = text.failed ? NULL : rendering_create(buf_str(&text), STR_NONE, 0, 0);
    buf_release(&text);
    if (r) {
        rendering_mark_event(r);
    }
    return r;
}

static void deliver(struct room *r, const struct room_letter *l)
{
    bool is_ours = l->gateway == r->gateway;
    struct rendering *rendering = render(l);
    if (!rendering) {
        log_warn("no memory for a message of the room");
        return;
    }
    LIST_FOR_EACH (it, next, &r->clients) {
        struct session *s = LIST_ENTRY(it, struct session, identity.user_node);
        if (!is_ours || s->id != l->sender) {
            writer_send(s, rendering, 0);
        }
    }
    rendering_unref(rendering);
}

static void on_message(struct str bytes, void *arg)
{
    struct room *r = arg;
    struct room_letter l;
    if (list_empty(&r->clients)) {
        return;
    }
    if (room_letter_parse(bytes, &l)) {
        deliver(r, &l);
    } else {
        r->gw->metrics->events_malformed++;
        log_debug("malformed message of the room", LF_U64("bytes", bytes.n));
    }
    room_letter_release(&l);
}

/* ---- life ---- */

struct room *room_create(struct gw *gw)
{
    static const struct bus_listener listener = {.on_message = on_message};
    struct room *r = calloc(1, sizeof(*r));
    if (r) {
        r->gw = gw;
        r->gateway = random_u64();
        list_init(&r->clients);
        bus_listen(gw->bus, BUS_ROOM, &listener, r);
    }
    return r;
}

struct room *room_free(struct room *r)
{
    free(r);
    return NULL;
}

/* ---- the protocol ---- */

static void open_room(struct session *s)
{
    list_push_back(&s->gw->room->clients, &s->identity.user_node);
}

static void end_room(struct session *s, bool is_refused)
{
    (void)is_refused;
    list_del(&s->identity.user_node);
}

const struct protocol protocol_room = {
    .name = "room",
    .gauge = offsetof(struct gw_metrics, conns_room),
    .gauge_sse = offsetof(struct gw_metrics, conns_room),
    .keeps_strangers = true,
    .open = open_room,
    .on_text = on_text,
    .end = end_room,
};
