/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_conn: one Server-Sent Events connection: the transport under a session, plain or in TLS.
 *
 *   HELD      -> STREAMING  admit             the answer's head is written
 *   HELD      -> ENDING     refuse, close     another answer is written
 *   STREAMING -> ENDING     close             `retry:` when it helps, and the end
 *   any       -> (freed)    the client has gone, or the last deadline passed
 *
 * Without TLS the socket is ours (sse_socket.c), else libwebsockets' (sse_tls.c).
 *
 * A documented stream is admitted when it starts; a legacy one when the frontend has said yes.
 */
#include <stdbool.h>

#include "gateway/transport/ws_server_internal.h"

struct lws;
struct request;
struct sse_conn;

/* Of a request that was admitted as ADMIT_SSE. Takes over peer's reference. NULL: it cannot be
 * served; *a has become the refusal, which is counted. */
struct sse_conn *sse_conn_create(struct ws_server *s, const struct ws_peer *peer,
                                 const struct request *r, struct admission *a);
/* Takes over c and fd. */
void sse_conn_start(struct sse_conn *c, int fd);
/* The connection is libwebsockets', inside TLS: whoever hears of it says so to sse_conn_writable()
 * and at its end to sse_conn_free(). */
void sse_conn_start_tls(struct sse_conn *c, struct lws *wsi);
void sse_conn_writable(struct sse_conn *c);
void sse_conn_free(struct sse_conn *c);
/* Nothing more will be written. */
bool sse_conn_is_ending(const struct sse_conn *c);
/* Closes all plain ones of the server's at once. */
void sse_conn_end_all(struct ws_server *s);
