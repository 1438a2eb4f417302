/* SPDX-License-Identifier: MIT */
/* The documented protocol over Server-Sent Events (section 3): the channels of the request are
 * subscribed as by commands, and each message ends with the positions of all of them. */
#include "gateway/session/session_internal.h"

static void subscribe(struct session *s, const struct sse_channel *c)
{
    struct channel parsed;
    if (session_sub_find(s, c->name)) {
        return; /* named twice */
    }
    struct session_sub *ss =
        channel_parse(c->name, &parsed) ? session_sub_create_channel(s, c->name, &parsed) : NULL;
    if (!ss) {
        session_send_error(s, STR_NONE, ERROR_UNAVAILABLE, c->name, NULL);
        return;
    }
    ss->sub.has_asked = c->is_asked;
    ss->sub.asked_bad = c->is_asked && !c->is_known;
    ss->sub.asked = c->position;
    session_authorise(s, ss);
}

void session_stream_begin(struct session *s)
{
    if (s->stream_begun) {
        return;
    }
    s->stream_begun = true;
    for (size_t i = 0; i < s->channels->n && s->state == SESSION_OPEN; i++) {
        subscribe(s, &s->channels->v[i]);
    }
}

void session_stream_refuse(struct session *s, enum error_code code)
{
    s->stream_begun = true;
    for (size_t i = 0; i < s->channels->n; i++) {
        session_send_error(s, STR_NONE, code, s->channels->v[i].name, NULL);
    }
}

#define ID "id: "

size_t session_stream_end_max(const struct session *s)
{
    size_t id = s->channels ? sse_channels_id_max(s->channels) : POSITION_TEXT_MAX + 1;
    return sizeof(ID) - 1 + id + 2;
}

/* Legacy: the position in the topic that the message came by. */
static size_t write_id(struct session *s, const struct rendering *r, char *out)
{
    struct str channel;
    const struct position *p = rendering_position(r, &channel);
    if (!s->channels) {
        return p ? position_write(p, out) : 0;
    }
    if (p) {
        sse_channels_note(s->channels, channel, p);
    }
    return sse_channels_write_id(s->channels, out);
}

size_t session_stream_end(struct session *s, const struct rendering *r, char *out)
{
    size_t n = sizeof(ID) - 1;
    size_t id = write_id(s, r, out + n);
    if (id == 0) { /* an empty one would make the client forget what it has */
        out[0] = '\n';
        return 1;
    }
    memcpy(out, ID, n);
    n += id;
    out[n++] = '\n';
    out[n++] = '\n';
    return n;
}
