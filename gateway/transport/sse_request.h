/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_request: what a request for Server-Sent Events asks for: the legacy protocol (`filter`) or
 * the documented one (`channel`, with positions to resume from). Pure.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/compiler.h"

struct http_head;
struct sse_channels;

struct sse_request {
    struct buf filters;            /* legacy: their canonical text; owned */
    struct sse_channels *channels; /* documented; owned; NULL: legacy */
    /* When it cannot be served: */
    int status;
    const char *why; /* a sentence for people, static */
};

/* False: status and why say what is wrong. Release it in both cases. */
MUST_CHECK bool sse_request_read(const struct http_head *r, struct sse_request *out);
void sse_request_release(struct sse_request *q);
