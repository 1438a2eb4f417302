/* SPDX-License-Identifier: MIT */
#pragma once
/* lws_request: a request that libwebsockets has read (inside TLS), written as text again, so that
 * request.c and admission.c see it as they see any other.
 */
#include "common/buf.h"

struct lws;

/* Appends a head for request_parse(). Check out->failed. */
void lws_request_write(struct lws *wsi, struct buf *out);
/* What is wrong with it (static text) that lws lets pass, or would end the connection for, without
 * a word and only once it was admitted; or NULL. */
const char *lws_request_check(struct lws *wsi);
