/* SPDX-License-Identifier: MIT */
/* The plain WebSocket frame is the one copy of the text; other formats are made from it. */
#include "gateway/hub/rendering.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/msg.h"
#include "gateway/hub/deflate.h"
#include "proto/limits.h"
#include "proto/position.h"
#include "proto/ws_frame.h"

struct place {
    struct position position;
    size_t channel_len;
    char channel[];
};

struct rendering {
    uint32_t refs;
    uint32_t skipped; /* of this variant */
    bool is_event;
    uint64_t tag;
    size_t skip_at;
    struct msg *form[RENDERING_FORMATS]; /* refs; RENDERING_WS is always there */
    struct rendering *variant;           /* owned; the same with another `skipped`, chained */
    struct place *place;                 /* owned; NULL: none (and in variants) */
    size_t type_len;
    char type[]; /* SSE event name */
};

struct rendering *rendering_create(struct str text, struct str type, uint64_t tag, size_t skip_at)
{
    struct rendering *r = calloc(1, sizeof(*r) + type.n);
    if (!r) {
        return NULL;
    }
    r->form[RENDERING_WS] = ws_frame_text(text, false);
    if (!r->form[RENDERING_WS]) {
        free(r);
        return NULL;
    }
    r->refs = 1;
    r->tag = tag;
    r->skip_at = skip_at;
    r->type_len = type.n;
    if (type.n) {
        memcpy(r->type, type.p, type.n);
    }
    return r;
}

struct rendering *rendering_ref(struct rendering *r)
{
    r->refs++;
    return r;
}

struct rendering *rendering_unref(struct rendering *r)
{
    if (!r || --r->refs > 0) {
        return NULL;
    }
    for (size_t f = 0; f < RENDERING_FORMATS; f++) {
        msg_unref(r->form[f]);
    }
    rendering_unref(r->variant);
    free(r->place);
    free(r);
    return NULL;
}

/* Joins the payloads of the plain frame's fragments again. */
static void append_text(const struct rendering *r, struct buf *out)
{
    const struct msg *m = r->form[RENDERING_WS];
    size_t at = 0;
    size_t len;

    while ((len = ws_frame_next(m, at)) > 0) {
        size_t payload = ws_frame_payload_at(m, at);
        buf_add(out, (struct str){(const char *)m->bytes + at + len - payload, payload});
        at += len;
    }
}

static struct msg *make_sse(const struct rendering *r)
{
    struct buf text = {0};
    append_text(r, &text);
    struct msg *m =
        text.failed ? NULL : sse_frame((struct str){r->type, r->type_len}, buf_str(&text));
    buf_release(&text);
    return m;
}

/* Within JSON a line end is only ever white space between its parts. */
static struct msg *make_line(const struct rendering *r)
{
    struct buf text = {0};
    append_text(r, &text);
    for (size_t i = 0; i < text.n; i++) {
        bool ends_line = text.p[i] == '\n' || text.p[i] == '\r';
        text.p[i] = ends_line ? ' ' : text.p[i];
    }
    buf_addc(&text, '\n');
    struct msg *m = text.failed ? NULL : msg_copy(buf_str(&text));
    buf_release(&text);
    return m;
}

static struct msg *make_form(const struct rendering *r, enum rendering_format f, struct deflater *d)
{
    switch (f) {
    case RENDERING_WS: break; /* always there */
    case RENDERING_WS_DEFLATE: return deflate_frame(d, r->form[RENDERING_WS]);
    case RENDERING_SSE: return make_sse(r);
    case RENDERING_LINE: return make_line(r);
    case RENDERING_FORMATS: break;
    }
    return NULL;
}

/* The same event with `"skipped":n,` in its text. */
static struct rendering *make_variant(const struct rendering *r, uint32_t skipped)
{
    struct buf text = {0};
    struct buf whole = {0};
    struct rendering *v = NULL;

    append_text(r, &text);
    if (!text.failed) {
        buf_add(&whole, (struct str){text.p, r->skip_at});
        buf_addf(&whole, "\"skipped\":%u,", skipped);
        buf_add(&whole, str_after(buf_str(&text), r->skip_at));
    }
    if (!text.failed && !whole.failed) {
        v = rendering_create(buf_str(&whole), (struct str){r->type, r->type_len}, r->tag, 0);
    }
    buf_release(&text);
    buf_release(&whole);
    if (v) {
        v->is_event = r->is_event;
        v->skipped = skipped;
    }
    return v;
}

/* The variant that says so many were skipped; the plain one when memory is short. */
static struct rendering *variant_of(struct rendering *r, uint32_t skipped)
{
    if (skipped == 0 || r->skip_at == 0) {
        return r;
    }
    for (struct rendering *v = r->variant; v; v = v->variant) {
        if (v->skipped == skipped) {
            return v;
        }
    }
    struct rendering *v = make_variant(r, skipped);
    if (!v) {
        return r;
    }
    v->variant = r->variant;
    r->variant = v;
    return v;
}

struct msg *rendering_msg(struct rendering *r, enum rendering_format f, uint32_t skipped,
                          struct deflater *d)
{
    struct rendering *v = variant_of(r, skipped);
    if (!v->form[f]) {
        v->form[f] = make_form(v, f, d);
    }
    return v->form[f];
}

size_t rendering_bytes(const struct rendering *r)
{
    return r->form[RENDERING_WS]->len;
}

uint64_t rendering_tag(const struct rendering *r)
{
    return r->tag;
}

void rendering_mark_event(struct rendering *r)
{
    r->is_event = true;
}

bool rendering_is_event(const struct rendering *r)
{
    return r->is_event;
}

void rendering_set_position(struct rendering *r, struct str channel, const struct position *p)
{
    struct place *place = malloc(sizeof(*place) + channel.n);
    if (place) {
        place->position = *p;
        place->channel_len = channel.n;
        if (channel.n) {
            memcpy(place->channel, channel.p, channel.n);
        }
        free(r->place);
        r->place = place;
    }
}

const struct position *rendering_position(const struct rendering *r, struct str *out_channel)
{
    if (!r->place) {
        return NULL;
    }
    *out_channel = (struct str){r->place->channel, r->place->channel_len};
    return &r->place->position;
}
