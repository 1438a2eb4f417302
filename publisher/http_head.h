/* SPDX-License-Identifier: MIT */
#pragma once
/* http_head: the head of one HTTP/1.x request (request line and fields), by the letter of RFC 9112.
 *
 * Nothing is forgiven: bare line feeds, folded lines, a blank before a colon, a second Host or
 * Content-Length, any Transfer-Encoding and any target that does not begin with '/' are errors,
 * because another server on the way might read them in another way. Pure; allocates nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
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

/* Length of the head that bytes begin with, its empty line included; 0: it is not whole yet.
 * *scanned is where to go on looking: 0 at first, then what the last call left there. */
size_t http_head_end(struct str bytes, size_t *scanned);
/* Whether a head of which only `bytes` have come breaks a limit already. */
enum http_head_result http_head_check_limits(struct str bytes);
/* Parses a whole head. When the result is not OK, *out_why is a static sentence and *out holds what
 * stood before the trouble. */
MUST_CHECK enum http_head_result http_head_parse(struct str text, struct http_head *out,
                                                 const char **out_why);
/* Compares without regard to the case of ASCII letters. */
bool http_same_word(struct str a, struct str b);
/* Is the media type of Content-Type this one, whatever its parameters? */
bool http_head_is_type(const struct http_head *h, struct str type);
