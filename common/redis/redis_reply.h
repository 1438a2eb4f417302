/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_reply: what Redis answered, as those who ask see it: a view by value of what the protocol
 * reader holds. Text and elements are valid during the callback that got the reply.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

enum redis_reply_type {
    REPLY_NIL,
    REPLY_TEXT,    /* also a status line */
    REPLY_ERROR,   /* `text` is the message; redis_error_of() says what it means */
    REPLY_INTEGER, /* also a boolean */
    REPLY_LIST,    /* array or set */
    REPLY_MAP,     /* name, value, name, value … */
    REPLY_OTHER    /* of RESP3, and in no use here */
};
struct redis_reply {
    enum redis_reply_type type;
    struct str text;
    int64_t integer;
    size_t n;             /* elements of a list or map */
    const void *elements; /* the reader's: use redis_reply_at() */
};

/* An element of a list or map; REPLY_NIL beyond its end. */
struct redis_reply redis_reply_at(const struct redis_reply *r, size_t i);
/* The text of a REPLY_TEXT; STR_NONE of anything else, and of NULL. */
struct str redis_reply_text(const struct redis_reply *r);
struct str redis_reply_text_at(const struct redis_reply *r, size_t i);
/* The text that follows this name in a map, or in a list of names and values; else STR_NONE. */
struct str redis_reply_field(const struct redis_reply *r, struct str name);
