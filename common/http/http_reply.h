/* SPDX-License-Identifier: MIT */
#pragma once
/* http_reply: the bytes of an answer.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

struct http_reply {
    int status;
    const char *type;   /* of the body; NULL: application/json */
    struct str body;    /* copied */
    const char *allow;  /* methods for a 405, or NULL */
    const char *fields; /* more lines of the head, each with its end, or NULL */
    bool close;         /* end the connection even if the peer would go on */
};
struct http_reply_options {
    const char *date;  /* of HTTP */
    bool is_http_1_0;  /* of the request */
    bool close;        /* the last one of its connection */
    bool without_body; /* Content-Length: 0 */
};
/* The head only, which is for this body. */
void http_reply_write_head(struct buf *out, const struct http_reply *r,
                           const struct http_reply_options *o);
/* {"status":"error","error":"not_found","message":"…"} */
void http_reply_error_body(struct buf *out, int status, struct str message);
/* Writes an HTTP date. */
void http_date(int64_t unix_s, char out[static 32]);
