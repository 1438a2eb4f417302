/* SPDX-License-Identifier: MIT */
#pragma once
/* rendering: what one event looks like on one channel, made once and shared by all receivers.
 *
 * Holds one complete message per format (WebSocket frame, compressed WebSocket frame, SSE block, line),
 * each made when the first receiver of that format needs it, and per number of scoreboards that it
 * replaced ("skipped"). Reference counted; queues point at it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct deflater;
struct msg;
struct position;
struct rendering;

enum rendering_format {
    RENDERING_WS,         /* WebSocket text frame(s) */
    RENDERING_WS_DEFLATE, /* the same, permessage-deflate without context takeover */
    RENDERING_SSE,        /* event and data lines; the session adds the id line */
    RENDERING_LINE,       /* the JSON text as one line */
    RENDERING_FORMATS
};
/* Not in frames: on an HTTP answer that goes on. */
static inline bool rendering_is_stream(enum rendering_format f)
{
    return f == RENDERING_SSE || f == RENDERING_LINE;
}

/* The JSON text (or a backend's text) of a message, copied; `type` names the SSE event, empty for
 * none. `tag` not 0: of renderings with one tag a session's queue keeps the newest (scoreboards).
 * `skip_at`: where in the text `"skipped":n,` goes when it replaced others; 0: nowhere.
 * NULL: out of memory. */
struct rendering *rendering_create(struct str text, struct str type, uint64_t tag, size_t skip_at);
struct rendering *rendering_ref(struct rendering *r);
struct rendering *rendering_unref(struct rendering *r); /* accepts NULL; always NULL */
/* The message in this format, borrowed until the rendering goes; NULL: out of memory. `d` is needed
 * for RENDERING_WS_DEFLATE; what does not become smaller is the plain message there, too. */
struct msg *rendering_msg(struct rendering *r, enum rendering_format f, uint32_t skipped,
                          struct deflater *d);
/* What it counts for in a queue: the bytes of its plain frame. */
size_t rendering_bytes(const struct rendering *r);
uint64_t rendering_tag(const struct rendering *r);
/* Says that this is an event, not an answer: messages_sent_total counts events. */
void rendering_mark_event(struct rendering *r);
bool rendering_is_event(const struct rendering *r);
/* Says where a channel (empty: a legacy filter's topic) stands after this message; for the `id:` of
 * Server-Sent Events, so that it is known once per message and not once per receiver. Without
 * memory it stays unsaid: then an id lags, which repeats events and never skips any. */
void rendering_set_position(struct rendering *r, struct str channel, const struct position *p);
/* NULL: not said. */
const struct position *rendering_position(const struct rendering *r, struct str *out_channel);
