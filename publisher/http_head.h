/* SPDX-License-Identifier: MIT */
#pragma once
/* http_head: the head of one request as the publisher takes it.
 *
 * Beyond what http_text.h refuses, a second Host or Content-Length, any Transfer-Encoding and any
 * target that does not begin with '/' are errors. Pure; allocates nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/http/http_text.h"
#include "common/str.h"
#include "proto/limits.h"

#define HTTP_HEAD_MAX (LIMIT_REQUEST_LINE_BYTES + LIMIT_REQUEST_HEADER_BYTES)

/* The fields that mean something to us; each may stand in a head once. */
enum http_field {
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_CONTENT_TYPE,
    HTTP_AUTHORIZATION,
    HTTP_IDEMPOTENCY_KEY,
    HTTP_EXPECT,
    HTTP_FIELDS
};
/* The strings point into the parsed text. */
struct http_head {
    struct str method;
    struct str path;                /* of the target, as sent; without '?' and what follows */
    struct str fields[HTTP_FIELDS]; /* p is NULL when absent */
    uint64_t content_length;        /* 0 when absent */
    bool is_http_1_0;
    bool keep_alive;
    bool expects_continue;
};

enum http_head_result {
    HTTP_HEAD_OK,
    HTTP_HEAD_BAD,           /* 400 */
    HTTP_HEAD_LINE_TOO_LONG, /* 414 */
    HTTP_HEAD_TOO_LARGE,     /* 431 */
    HTTP_HEAD_EXPECTATION    /* 417 */
};
int http_head_status(enum http_head_result r);

/* Is there a whole head in bytes, of which the first `seen` were looked at before? OK: *out_n is its
 * length with the empty line, or 0 when more must come. Else a limit is broken already. */
MUST_CHECK enum http_head_result http_head_scan(struct str bytes, size_t seen, size_t *out_n);
/* Parses a whole head. When the result is not OK, *out_why is a static sentence and *out holds what
 * stood before the trouble, and the type wherever it stands. */
MUST_CHECK enum http_head_result http_head_parse(struct str text, struct http_head *out,
                                                 const char **out_why);
/* Fills in the type alone, from what may be no head at all, or a part of one: its form decides how
 * a refusal is answered. */
void http_head_look_for_type(struct str text, struct http_head *out);
/* Is the media type of Content-Type this one, whatever its parameters? */
bool http_head_is_type(const struct http_head *h, struct str type);
