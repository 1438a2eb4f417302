/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_conn: one WebSocket connection: the transport under a session, over a socket that
 * libwebsockets owns.
 *
 *   HANDSHAKE -> OPEN         ws_conn_opened       the 101 is written
 *   OPEN      -> CLOSING      transport's close    our close frame is written; theirs is awaited
 *   OPEN      -> ENDING       ws_conn_ends         lws ends it: their close frame came, or one that
 *                                                  breaks the protocol; lws sends the answer
 *   any       -> BROKEN                            a write failed, or a deadline passed
 *   any       -> (freed)      ws_conn_free         lws has let go of the socket
 *
 * Only OPEN writes. Every write is of whole frames, and lws queues what the kernel does not take
 * (its own control frames too), so a pong never lands inside one of our frames.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "gateway/transport/ws_server_internal.h"

struct page;
struct sse_conn;

/* Takes over peer's reference; not yet on a socket. NULL: out of memory (nothing taken). */
struct ws_conn *ws_conn_create(struct ws_server *s, const struct ws_peer *peer);
/* Its socket has gone, or never reached lws: ends the session. */
void ws_conn_free(struct ws_conn *c);
/* Makes the session of an admitted request. False: out of memory. */
MUST_CHECK bool ws_conn_admit(struct ws_conn *c, const struct admission *a);
bool ws_conn_is_admitted(const struct ws_conn *c);
struct ws_peer *ws_conn_peer(struct ws_conn *c);
/* What was agreed about compression when it was admitted. */
struct ws_deflate *ws_conn_deflate(struct ws_conn *c);
/* The connection turned out to be no WebSocket but an event stream, which has the peer from now on
 * and is freed with the connection. */
void ws_conn_become_stream(struct ws_conn *c, struct sse_conn *stream);
struct sse_conn *ws_conn_stream(const struct ws_conn *c); /* NULL: it is none */
/* The same with a page; c has its own deadline for it. */
void ws_conn_become_page(struct ws_conn *c, struct page *page);
struct page *ws_conn_page(const struct ws_conn *c);

/* Before adoption, without TLS: the request's head had so many bytes. From here on the client's
 * frames must be masked. */
void ws_conn_watch_masking(struct ws_conn *c, int fd, size_t head_bytes);

/* From the callback of ws_server.c: */
void ws_conn_bind(struct ws_conn *c, struct lws *wsi);
void ws_conn_opened(struct ws_conn *c);
void ws_conn_received(struct ws_conn *c, const void *bytes, size_t n);
void ws_conn_ponged(struct ws_conn *c, size_t n);
void ws_conn_writable(struct ws_conn *c);
/* libwebsockets may have written by itself, for example the answer to a ping. */
void ws_conn_note_written(struct ws_conn *c);
/* From ws_flood.c, by the node in its list: counts frames that lws did not show us, closes a flood. */
void ws_conn_look(struct list *flood_node);
/* True: lws may send a close frame; false: ours is out already, just end. */
bool ws_conn_ends(struct ws_conn *c);
