/* SPDX-License-Identifier: MIT */
#pragma once
/* http_conn: a connection, plain or TLS, until it is known what it wants: it ends in an answer of
 * http_pages.c or page.c, or as a ws_conn or sse_conn, which takes over the stream.
 *
 *   READING  -> (ws_conn)   the head is there and admitted
 *   READING  -> (sse_conn)  the same
 *   READING  -> FINISHING   a refusal or a small page is written
 *   READING  -> ASKING      a page for which somebody has to be asked who wants it
 *   READING, ASKING -> SENDING   it is known; in pieces
 *   SENDING  -> FINISHING   all is written; the stream ends by itself
 *   any      -> (freed)     done, gone, or the deadline has passed
 */
#include "gateway/transport/ws_server_internal.h"

struct http_conn;

/* Takes over fd and peer's reference; closes when out of memory. */
void http_conn_start(struct ws_server *s, int fd, const struct ws_peer *peer);
/* Closes all of the server's at once. */
void http_conn_end_all(struct ws_server *s);
