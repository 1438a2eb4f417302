/* SPDX-License-Identifier: MIT */
#pragma once
/* http_pages: every answer that is not an upgrade or an event stream, as bytes. Each ends its
 * connection. Pure.
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
