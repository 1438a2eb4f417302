/* SPDX-License-Identifier: MIT */
#pragma once
/* writer: what a session has to send, from its queue to its transport: bounded, several messages in one
 * write, always whole frames. Embedded as the first member of struct session: what each message looks
 * at stands in its first two cache lines.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "gateway/hub/rendering.h"
#include "gateway/session/outq.h"
#include "proto/codes.h"

struct buf;
struct gather;
struct gw;
struct position;
struct session;
struct sse_channels;
struct transport_ops;

enum writer_state {
    WRITER_SHUT, /* before the handshake is over and after the close: takes nothing */
    WRITER_OPEN,
    WRITER_FULL /* takes nothing more: closed at the end of the turn */
};

struct writer {
    struct list flush_node;          /* in the flusher */
    void *conn;                      /* borrowed: the transport's */
    const struct transport_ops *ops; /* static */
    enum writer_state state : 8;
    enum rendering_format format : 8;
    bool is_blocked; /* the transport keeps bytes of ours */
    bool may_replay; /* a subscription may be REPLAYING */
    uint32_t blocked_s;
    uint64_t sent; /* messages, for the log */
    struct outq out;
    struct sse_channels *channels; /* owned: documented Server-Sent Events, else NULL */
};

/* Drops what waits, and takes nothing more. */
void writer_shut(struct session *s);

/* All of these take nothing unless WRITER_OPEN. */
void writer_send(struct session *s, struct rendering *r, uint32_t skipped);
/* What a replay brings: not bounded by QueueBytes, but paced (pace.h). */
void writer_replay(struct session *s, struct rendering *r, uint32_t skipped);
/* The text of a buf, which is released; used for answers. */
void writer_send_text(struct session *s, struct buf *text, struct str type);
/* The same; the message says where the channel stands. */
void writer_send_position(struct session *s, struct buf *text, struct str type, struct str channel,
                          const struct position *p);
void writer_send_error(struct session *s, struct str id, enum error_code code, struct str channel,
                       const char *message);

/* May a replay bring more now? When little waits, and it is not paced. */
bool writer_may_replay(const struct session *s);
