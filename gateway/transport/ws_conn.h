/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_conn: one WebSocket connection, plain or TLS: the transport under a session.
 *
 *     stream ──input──▶ ws_walk ──▶ libwebsockets ──messages──▶ session
 *     stream ◀────────────────────────── session's frames; libwebsockets' pongs and close frames
 *
 *   HANDSHAKE -> OPEN      on_established       the library has its half; the 101 is written
 *   OPEN      -> CLOSING   transport's close    our close frame is written; theirs is awaited
 *   OPEN      -> ENDING    ws_conn_ends         theirs came; the library answers it and ends
 *   any       -> BROKEN    the stream is over, a deadline has passed, or politeness is pointless
 *   any       -> (freed)   the library has let go of the socket; what is queued is still sent
 *
 * OPEN writes, and ENDING until the library has answered. Every write is of whole frames into one queue, so a pong never lands inside one
 * of our frames.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "gateway/transport/ws_server_internal.h"

struct http_head;
struct stream;

/* Of an admitted request: takes over stream and peer's reference, answers, and opens a session.
 * `behind`: what came behind the request. False: out of memory; nothing is taken. */
MUST_CHECK bool ws_conn_start(struct ws_server *s, struct stream *stream,
                              const struct ws_peer *peer, const struct http_head *r,
                              const struct admission *a, struct str behind);

/* From the library's callback (ws_server.c): */
struct lws;
void ws_conn_bind(struct ws_conn *c, struct lws *wsi);
void ws_conn_opened(struct ws_conn *c);
void ws_conn_received(struct ws_conn *c, const void *bytes, size_t n);
/* Their close frame came, of which `in` is the body. True: the library may answer it; false: ours is
 * out already, just end. */
bool ws_conn_ends(struct ws_conn *c, void *in, size_t n);
/* The library has let go of the socket. */
void ws_conn_gone(struct ws_conn *c);
