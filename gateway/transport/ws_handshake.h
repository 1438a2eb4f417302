/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_handshake: the answer that makes a WebSocket of a request that was admitted (RFC 6455, 4.2.2),
 * and the request from which libwebsockets makes its own half of it. Pure.
 */
#include "common/buf.h"

struct admission;
struct http_head;
struct ws_deflate;

/* Writes the 101 answer. */
void ws_handshake_answer(const struct http_head *r, const struct admission *a, struct buf *out);
/* Writes a request that the library cannot dislike; its answer is nobody's business. */
void ws_handshake_for_library(const struct ws_deflate *d, struct buf *out);
