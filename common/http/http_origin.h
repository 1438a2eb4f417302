/* SPDX-License-Identifier: MIT */
#pragma once
/* http_origin: the server of a base URL. A private part of http_client, but for the check.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct ssl_ctx_st;

struct http_origin {
    char *host;        /* owned; name or number, without brackets */
    char *host_header; /* owned; with brackets and port, as HTTP wants it */
    char *prefix;      /* owned; of every path: "" or "/…" without a last slash */
    uint16_t port;
    struct ssl_ctx_st *tls; /* owned; NULL: plain HTTP */
    size_t max_answer_bytes;
};

/* NULL, or why http_origin_init() would refuse this URL (static text). */
MUST_CHECK const char *http_origin_check(const char *base_url);
/* NULL, or why the URL or the file of authorities (NULL: the system's) cannot be used. What it
 * filled meanwhile http_origin_release() frees. */
MUST_CHECK const char *http_origin_init(struct http_origin *o, const char *base_url,
                                        const char *ca_file);
void http_origin_release(struct http_origin *o);

/* Without control characters, and then without spaces: what may stand in a line of HTTP. */
bool http_is_one_line(const char *s);
bool http_is_one_word(const char *s);
