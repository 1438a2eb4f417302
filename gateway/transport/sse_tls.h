/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_tls: an event stream inside TLS, on a connection of libwebsockets.
 */
#include "gateway/transport/sse_link.h"

struct lws;
struct sse_conn;

extern const struct sse_link sse_tls_link; /* its arg: a struct lws */
/* The request is answered by a stream from here on: lws forgets its time-outs and header memory. */
void sse_tls_begin(struct lws *wsi);
/* lws can write. False: end the connection. */
bool sse_tls_writable(struct sse_conn *c, struct lws *wsi);
