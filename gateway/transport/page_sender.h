/* SPDX-License-Identifier: MIT */
#pragma once
/* page_sender: a connection that gets one page, in pieces, and then ends.
 *
 *   ASKING  -> SENDING    it is known what the page says (most begin here)
 *   SENDING -> FINISHING  all is written; the stream ends by itself
 *   any     -> (freed)    done, gone, or the deadline has passed
 */
#include "gateway/transport/ws_server_internal.h"

struct http_head;
struct stream;

/* Takes over the stream and the peer's reference. linger: more may come from the client. */
void page_sender_start(struct ws_server *s, struct stream *stream, const struct ws_peer *peer,
                       const struct http_head *h, bool linger);
/* Closes all of the server's at once. */
void page_sender_end_all(struct ws_server *s);
