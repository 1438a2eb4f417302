/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_message: one text message from a client, put together of the pieces in which it comes, inflated
 * and checked. No memory is held but between the pieces of one. Pure but for that.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/codes.h"
#include "proto/utf8.h"

struct inflater;

/* Zero-initialise; ws_message_reset() at the end. */
struct ws_message {
    char *bytes; /* owned; what came of it before; NULL: nothing */
    uint32_t len;
    bool is_deflated;
    struct utf8_check utf8; /* of what came, unless it is deflated: bad text ends at once */
};

struct ws_piece {
    struct str bytes;
    size_t rest;        /* bytes of its frame that are still to come */
    bool begins_frame;  /* its frame's first piece */
    bool is_last;       /* its message's last piece */
    bool is_binary;     /* of its message */
    bool says_deflated; /* its frame does (RSV1) */
};

enum ws_message_state { WS_MESSAGE_PENDING, WS_MESSAGE_WHOLE, WS_MESSAGE_BAD };

struct ws_message_news {
    enum ws_message_state state;
    struct str text;      /* WHOLE: valid UTF-8, until ws_message_reset(), which must follow */
    enum close_code code; /* BAD: what the connection is to be closed with; nothing more is taken */
    const char *why;
};
/* max_bytes: of the text, and what a frame announces counts as if it had come. `f` may be NULL when
 * no piece says that it is compressed. */
MUST_CHECK struct ws_message_news ws_message_add(struct ws_message *m, const struct ws_piece *p,
                                                 size_t max_bytes, struct inflater *f);
void ws_message_reset(struct ws_message *m);
