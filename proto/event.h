/* SPDX-License-Identifier: MIT */
#pragma once
/* event: one thing that happened, and its msgpack envelope (event.md).
 *
 * A published message is [epoch, offset, envelope]; the envelope is made by the publisher, epoch and
 * offset are put before it by publish.lua. Decoding allocates nothing, believes no length that a
 * header claims, and leaves views into the message.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/str.h"
#include "proto/position.h"
#include "proto/topic.h"

enum event_type {
    EVENT_RUN_UPDATE,
    EVENT_SCOREBOARD_UPDATE,
    EVENT_CLARIFICATION,
    EVENT_CONTEST_UPDATE,
    EVENT_OTHER,
    EVENT_TYPES
};
enum event_type event_type_of(struct str name);

#define EVENT_ID_LEN 22
#define EVENT_DATA_PARTS 8
#define EVENT_VERSION 1
#define EVENT_NAME_MAX (3 * LIMIT_NAME_BYTES) /* contest, problem, user */

struct event {
    struct str id;        /* EVENT_ID_LEN characters of base64url */
    struct str type_name; /* as the backend gave it, or what its form became */
    enum event_type type; /* of type_name */
    int64_t timestamp_s;  /* Unix time, as the backend gave it or of acceptance */
    int64_t accepted_ms;  /* Unix time when the publisher accepted it (for latencies) */
    struct str contest, problem, user; /* "" when absent */
    int64_t problemset;                /* 0 when absent */
    bool is_public;
    /* A marker stands in a topic's log for a scoreboard whose text is in the topic's state: it has
     * neither text nor data. */
    bool is_marker;
    uint8_t topics;  /* bit (1 << enum topic_kind) for each topic it was written to */
    struct str text; /* what legacy clients get, byte for byte */
    /* `data` of the documented form is the concatenation of these: slices of text, and literals. */
    struct str data[EVENT_DATA_PARTS];
    size_t n_data;
};
static inline bool event_names_topic(const struct event *e, enum topic_kind k)
{
    return (e->topics & (1u << k)) != 0;
}
size_t event_data_bytes(const struct event *e);

/* May an event be of a type of this name? 1 to LIMIT_TYPE_BYTES of UTF-8 without control
 * characters (the name becomes a line of a Server-Sent Event). */
bool event_type_name_valid(struct str name);

/* Appends the envelope. Parts of data that lie inside text are written as references to it; text
 * and data of a marker are left out. (Failure of memory shows in out->failed.) */
void event_encode(const struct event *e, struct buf *out);

enum event_result {
    EVENT_OK,
    EVENT_TRUNCATED,   /* ends too early, or a length points past the end */
    EVENT_MALFORMED,   /* not the shape of event.md */
    EVENT_NEW_VERSION, /* a version this program does not know */
};
const char *event_result_str(enum event_result r);
struct published {
    struct position position;
    struct event event; /* its strings point into the bytes that were decoded */
};
MUST_CHECK enum event_result published_decode(struct str bytes, struct published *out);
/* The header alone: cheap, for ordering. */
MUST_CHECK enum event_result published_position(struct str bytes, struct position *out);
/* For tests and tools: what publish.lua puts before an envelope. */
void published_header(const struct position *p, struct buf *out);
