/* SPDX-License-Identifier: MIT */
#pragma once
/* request: the head of one HTTP request, read strictly.
 *
 * We read heads ourselves because libwebsockets drops in silence what it does not like, and takes
 * what a strict server must refuse. What passes here is read the same way by everybody: one header
 * field per line, no folding, no bare line feeds, no control characters, nothing twice that may
 * stand only once. Pure; all text points into the bytes that were read.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"

#define REQUEST_VALUES_MAX 4

/* The values of a header field that may be repeated, in their order. */
struct request_values {
    struct str v[REQUEST_VALUES_MAX];
    size_t n;
};

struct request {
    struct str method, path, query; /* path and query as sent, not decoded */
    bool is_http_1_1;
    bool has_body;
    /* p is NULL when the field is absent. */
    struct str host, origin, sec_fetch_site, authorization, real_ip, last_event_id;
    struct str ws_key, ws_version, content_length, transfer_encoding;
    struct request_values accept, connection, cookie, if_none_match, upgrade, forwarded_for;
    struct request_values ws_protocol, ws_extensions;
};

enum request_progress {
    REQUEST_INCOMPLETE,
    REQUEST_COMPLETE,
    REQUEST_NOT_HTTP,          /* does not begin as a request does (a TLS hello, for example) */
    REQUEST_LINE_TOO_LONG,     /* over LIMIT_REQUEST_LINE_BYTES */
    REQUEST_HEADERS_TOO_LARGE, /* over LIMIT_REQUEST_HEADER_BYTES */
};
/* Is the whole head in bytes? The first `seen` bytes were looked at before, so that a head that
 * comes byte by byte is not searched from its beginning each time. COMPLETE: its length, with the
 * empty line, in *out_head. */
MUST_CHECK enum request_progress request_progress(struct str bytes, size_t seen, size_t *out_head);
/* Reads a complete head. Returns NULL, or what is wrong with it (static text). */
MUST_CHECK const char *request_parse(struct str head, struct request *out);
/* Is token (lower case) an element of these comma-separated lists? Case does not matter, and
 * neither do parameters (`text/event-stream;q=0.9`). */
bool request_lists(const struct request_values *values, struct str token);
