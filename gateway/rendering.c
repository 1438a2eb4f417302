/* SPDX-License-Identifier: MIT */
/* The plain WebSocket frame is the one copy of the text; other formats are made from it. */
#include "gateway/rendering.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/msg.h"
#include "gateway/deflate.h"
#include "proto/limits.h"
#include "proto/ws_frame.h"

struct rendering {
    uint32_t refs;
    uint32_t skipped; /* of this variant */
    bool is_event;
    uint64_t tag;
    size_t skip_at;
    struct msg *form[RENDERING_FORMATS]; /* refs; RENDERING_WS is always there */
    struct rendering *variant;           /* owned; the same with another `skipped`, chained */
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

static struct msg *make_form(const struct rendering *r, enum rendering_format f)
{
    struct buf text = {0};
    struct msg *m = NULL;

    append_text(r, &text);
    if (text.failed) {
        buf_release(&text);
        return NULL;
    }
    switch (f) {
    case RENDERING_WS: break;
    case RENDERING_WS_DEFLATE: m = deflate_frame(buf_str(&text)); break;
    case RENDERING_SSE:
        m = sse_frame((struct str){r->type, r->type_len}, buf_str(&text), STR_NONE);
        break;
    case RENDERING_FORMATS: break;
    }
    buf_release(&text);
    return m;
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

struct msg *rendering_msg(struct rendering *r, enum rendering_format f, uint32_t skipped)
{
    struct rendering *v = variant_of(r, skipped);
    if (!v->form[f]) {
        v->form[f] = make_form(v, f);
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
