/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_parser: what a WebSocket server sends, read as a stream of messages.
 *
 * Of a message only the first WS_HEAD bytes are kept (what tells one message from another stands
 * there), so that a thousand receivers of a megabyte need no gigabyte here; a compressed one is kept
 * whole. A frame that lies whole in the bytes that were read is not copied at all. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

#define WS_HEAD 512

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};
/* One whole message; head is valid during the call. */
struct ws_message {
    enum ws_opcode opcode; /* never WS_CONTINUATION */
    const uint8_t *head;
    size_t head_len;           /* at most WS_HEAD */
    size_t len;                /* payload bytes, fragments joined */
    size_t wire_len;           /* the same and the headers of its frames */
    const uint8_t *compressed; /* len bytes, valid during the call; NULL: it came as it is */
};
/* False: stop parsing (the connection was closed meanwhile). */
typedef bool (*ws_message_fn)(void *arg, const struct ws_message *m);

struct ws_partial;
struct ws_parser {
    struct ws_partial *partial; /* owned; only while a message is incomplete */
    bool may_compress;          /* permessage-deflate was agreed on */
};
enum ws_parse_result { WS_PARSE_OK, WS_PARSE_STOPPED, WS_PARSE_BAD, WS_PARSE_NO_MEMORY };
MUST_CHECK enum ws_parse_result ws_parser_feed(struct ws_parser *w, const uint8_t *p, size_t n,
                                               ws_message_fn fn, void *arg);
void ws_parser_release(struct ws_parser *w);
