/* SPDX-License-Identifier: MIT */
#pragma once
/* http_pages: every answer that is not an upgrade, as bytes. Each ends its connection.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

struct admission;
struct http_head;

/* The answer to an admitted plain request or to a refused one (then the request may be NULL: it
 * could not be read). `connections` is what the pages say. Check out->failed. */
void http_pages_answer(const struct admission *a, const struct http_head *r, int64_t connections,
                       struct buf *out);
/* A text of somebody else's, at most 4 KiB of it, as an answer that nobody takes for anything but
 * text. cors_origin: see admission.h. */
void http_pages_text(int status, struct str text, struct str cors_origin, struct buf *out);
/* One sentence for people. */
void http_pages_sentence(int status, const char *why, bool head_only, struct buf *out);
void http_pages_json(struct str body, bool head_only, struct buf *out);
/* To a path relative to the one that was asked for. */
void http_pages_redirect(const char *to, struct buf *out);
/* The head of a page of our own, with what its scripts may do: load and connect to nothing but what
 * comes from here. */
struct http_page_head {
    const char *type;
    size_t bytes;      /* of the body that follows */
    const char *etag;  /* with its quotes; NULL: none */
    bool is_immutable; /* what has this name never changes */
    bool is_unchanged; /* the client has it already: 304, and no body follows */
};
void http_pages_head(const struct http_page_head *h, struct buf *out);
/* The head of an event stream, which ends with the connection. */
void http_pages_stream_head(const char *type, struct str cors_origin, struct buf *out);
#define HTTP_EVENT_STREAM "text/event-stream"
#define HTTP_JSON_LINES "application/x-ndjson"
