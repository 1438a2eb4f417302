/* SPDX-License-Identifier: MIT */
#pragma once
/* http_pages: every answer that is not an upgrade, as bytes. Each ends its connection. Pure.
 */
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

struct admission;
struct request;

/* The answer to an admitted plain request or to a refused one (then the request may be NULL: it
 * could not be read). `connections` is what the pages say. Check out->failed. */
void http_pages_answer(const struct admission *a, const struct request *r, int64_t connections,
                       struct buf *out);
/* A text of somebody else's, at most 4 KiB of it, as an answer that nobody takes for anything but
 * text. cors_origin: see admission.h. */
void http_pages_text(int status, struct str text, struct str cors_origin, struct buf *out);
/* The head of an event stream, which ends with the connection. */
void http_pages_stream_head(struct str cors_origin, struct buf *out);
