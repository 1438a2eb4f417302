/* SPDX-License-Identifier: MIT */
#pragma once
/* http_conn: a plain connection until it is known what it wants: it ends in an answer of
 * http_pages.c or page.c, or as a ws_conn or sse_conn.
 *
 *   READING  -> (ws_conn)   the head is there and admitted; the socket goes to libwebsockets
 *   READING  -> (sse_conn)  the same, but the socket stays ours
 *   READING  -> ANSWERING   page or refusal
 *   READING  -> ASKING      a page for which somebody has to be asked who wants it
 *   ASKING   -> ANSWERING   they have answered
 *   ANSWERING-> LINGERING   the client was still sending: closing now would reset the connection
 *                           and take the answer with it
 *   any      -> (freed)     done, gone, or the deadline has passed
 */
#include "gateway/transport/ws_server_internal.h"

struct http_conn;

/* Takes over fd and peer's reference; closes when out of memory. */
void http_conn_start(struct ws_server *s, int fd, const struct ws_peer *peer);
/* Closes all of the server's at once. */
void http_conn_end_all(struct ws_server *s);
