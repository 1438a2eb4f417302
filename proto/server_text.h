/* SPDX-License-Identifier: MIT */
#pragma once
/* server_text: the JSON texts that a gateway sends (section 1). `id` is the JSON text of a
 * command's id, or empty. All append to a buf; check buf.failed once at the end.
 */
#include "common/buf.h"
#include "common/str.h"
#include "proto/codes.h"
#include "proto/event.h"
#include "proto/position.h"

/* The types of a gateway's own messages. No event may be of one, or a publisher could tell clients
 * that a channel was taken away from them, or which position to go on from. */
#define SERVER_WORD_LIST(X)                                                                        \
    X(AUTH_SUCCESS, "auth_success")                                                                \
    X(SUBSCRIBED, "subscribed")                                                                    \
    X(UNSUBSCRIBED, "unsubscribed")                                                                \
    X(PONG, "pong")                                                                                \
    X(ERROR, "error")                                                                              \
    X(REVOKED, "revoked")                                                                          \
    X(RESET, "reset")                                                                              \
    X(RECONNECT, "reconnect")                                                                      \
    X(POSITION, "position")
enum server_word {
#define WORD(name, text) SERVER_WORD_##name,
    SERVER_WORD_LIST(WORD)
#undef WORD
        SERVER_WORDS
};
struct str server_word_str(enum server_word w);
bool server_word_is(struct str type); /* one of them */

enum recovered { RECOVERED_UNASKED, RECOVERED_NO, RECOVERED_YES };

void server_text_auth_success(struct buf *b, struct str id, struct str username);
void server_text_subscribed(struct buf *b, struct str id, struct str channel,
                            const struct position *p, enum recovered r);
void server_text_unsubscribed(struct buf *b, struct str id, struct str channel);
void server_text_pong(struct buf *b, struct str id);
/* channel may be empty; message NULL: the code's own sentence. */
void server_text_error(struct buf *b, struct str id, enum error_code code, struct str channel,
                       const char *message);
void server_text_reset(struct buf *b, struct str channel, const struct position *p);
void server_text_position(struct buf *b, struct str channel, const struct position *p);
void server_text_revoked(struct buf *b, struct str channel);
void server_text_reconnect(struct buf *b, unsigned after_ms, unsigned deadline_ms);
/* An event as a subscriber of the channel sees it. skipped 0 is left out. */
void server_text_event(struct buf *b, const struct event *e, struct str channel,
                       const struct position *p, unsigned skipped);
