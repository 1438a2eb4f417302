/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_conn: one Server-Sent Events connection: the transport under a session, plain or in TLS.
 *
 *   HELD      -> STREAMING  admit             the answer's head is written
 *   HELD      -> ENDING     refuse, close     another answer is written
 *   STREAMING -> ENDING     close             `retry:` when it helps, and the end
 *   any       -> (freed)    the client has gone, or the last deadline passed
 *
 * A documented stream is admitted when it starts; a legacy one when the frontend has said yes.
 */
#include <stdbool.h>

#include "gateway/transport/ws_server_internal.h"

struct http_head;
struct sse_conn;
struct stream;

/* Of a request that was admitted as ADMIT_SSE. Takes over stream and peer's reference. NULL: it
 * cannot be served, and nothing is taken; *a has become the refusal, which is counted. */
struct sse_conn *sse_conn_create(struct ws_server *s, struct stream *stream,
                                 const struct ws_peer *peer, const struct http_head *r,
                                 struct admission *a);
/* Follows at once. */
void sse_conn_start(struct sse_conn *c);
/* Closes all of the server's at once. */
void sse_conn_end_all(struct ws_server *s);
