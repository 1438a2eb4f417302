/* SPDX-License-Identifier: MIT */
#pragma once
/* events_port: requests of the gateway's port, plain or TLS: what they ask for is admitted or
 * refused, answered, or begins as a page_sender, an sse_conn or a ws_conn, which takes the stream.
 */
#include "gateway/transport/ws_server_internal.h"

struct http_server;

/* NULL: out of memory. */
MUST_CHECK struct http_server *events_port_create(struct ws_server *s);
/* Takes over fd and peer's reference; closes when out of memory. */
void events_port_take(struct ws_server *s, int fd, const struct ws_peer *peer);
