/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_channels: the channels of one Server-Sent Events stream and where its client is in each; what
 * the `id:` of a message says and Last-Event-ID brings back. Pure.
 *
 * The positions move when a message is handed to the transport, not when it is queued: an id that
 * was ahead of what the client has would skip events after a lost connection.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/position.h"

struct rendering;

struct sse_channel {
    struct str name;          /* `/contest/a` */
    struct position position; /* while is_known */
    bool is_asked;            /* the client wants to go on from somewhere … */
    bool is_known;            /* … that could be read; later: any message told the position */
};
struct sse_channels {
    size_t n;
    struct sse_channel v[]; /* in the order of the parameters; behind them, their names */
};

/* `list`: n names joined by commas. last_event_id: as the client sent it, empty when it did not:
 * one position for each name, joined by commas; of another count, none can be used.
 * NULL: out of memory. */
struct sse_channels *sse_channels_create(struct str list, size_t n, struct str last_event_id);
struct sse_channels *sse_channels_free(struct sse_channels *c); /* accepts NULL */
DEFINE_AUTO(sse_channels)
/* The channel is there now. */
void sse_channels_note(struct sse_channels *c, struct str channel, const struct position *p);
/* What ends an event in a stream, `id:` line and empty line, with the positions as they are after the
 * message r; at most sse_channels_end_max() bytes. Returns the length. c NULL: the legacy protocol,
 * whose id is the position in the topic that the message came by. */
size_t sse_channels_end(struct sse_channels *c, const struct rendering *r, char *out);
size_t sse_channels_end_max(const struct sse_channels *c);
/* All positions joined by commas, those that are not known empty; nothing when none is known.
 * Returns the length, at most sse_channels_end_max(). */
size_t sse_channels_write_id(const struct sse_channels *c, char *out);
