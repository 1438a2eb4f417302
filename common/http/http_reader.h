/* SPDX-License-Identifier: MIT */
#pragma once
/* http_reader: the head of one HTTP request, read strictly, the same way for every server.
 *
 * What passes here is read the same way by everybody on the path: one header field per line, no
 * folding, no bare line feeds, no control characters, one Host, one way to tell where the body ends
 * (RFC 9112). http_text.h has the letters; here is what they mean. Pure: allocates nothing, and all
 * text points into the bytes that were read.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

/* What a server wants to know beside what every server must. A field that is not looked for may
 * stand as often as it likes. */
enum http_interest {
    HTTP_BASIC = 0,
    HTTP_EVENTS = 1,     /* browsers: origins, cookies, upgrades, proxies */
    HTTP_PUBLISHING = 2, /* backends: credentials, types, keys, Expect */
};
struct http_rules {
    unsigned interest;         /* HTTP_EVENTS, HTTP_PUBLISHING or HTTP_BASIC */
    size_t max_line_bytes;     /* of the request line, its end included */
    size_t max_fields_bytes;   /* of what follows, the empty line included */
    int line_too_long_status;  /* 414 or 431 */
    const char *line_too_long; /* static sentences */
    const char *fields_too_large;
};

#define HTTP_VALUES_MAX 4
/* The values of a field that may be repeated, in their order. */
struct http_values {
    struct str v[HTTP_VALUES_MAX];
    size_t n;
};
struct http_head {
    struct str method;
    struct str path, query; /* as sent, not decoded; `*` of OPTIONS is a path */
    bool is_http_1_1;       /* else 1.0 */
    bool keep_alive;
    bool has_body;   /* one of more than 0 bytes is announced */
    bool is_chunked; /* by Transfer-Encoding; else by its length */
    bool expects_continue;
    bool is_forwarded;    /* some field says that a proxy passed it on */
    bool is_from_browser; /* HTTP_PUBLISHING: Origin or any Sec-Fetch-* is there */
    uint64_t content_length;
    /* p is NULL when the field is absent. In absolute form the host is the target's. */
    struct str host, content_length_text, transfer_encoding;
    struct str authorization, content_type, idempotency_key, expect;
    struct str origin, sec_fetch_site, real_ip, last_event_id, ws_key, ws_version;
    struct http_values accept, connection, cookie, if_none_match, upgrade, forwarded_for;
    struct http_values ws_protocol, ws_extensions;
};

/* Why a request is not taken. */
struct http_fault {
    int status;
    const char *reason; /* static sentence; NULL: nothing is wrong */
};
enum http_find { HTTP_FIND_MORE, HTTP_FIND_HEAD, HTTP_FIND_FAULT };

/* How many of the bytes are empty lines (CR LF) before a request: to be skipped (RFC 9112, 2.2). */
size_t http_reader_empty_lines(struct str bytes);
/* Is there a whole head in bytes, which begin where the request does? The first `seen` of them were
 * looked at before. HEAD: its length, with the empty line, in *out_n. */
MUST_CHECK enum http_find http_reader_find(struct str bytes, size_t seen,
                                           const struct http_rules *rules, size_t *out_n,
                                           struct http_fault *out_fault);
/* Reads a whole head. After a fault *out holds what stood before the trouble, and, for
 * HTTP_PUBLISHING, the type wherever it stands. */
MUST_CHECK struct http_fault http_reader_parse(struct str text, const struct http_rules *rules,
                                               struct http_head *out);
/* The value of Content-Type in what may be no head at all, or a part of one; p is NULL without. */
struct str http_reader_type(struct str text);

/* Does Host name this machine: localhost, 127.x.x.x or [::1], with any port or none? */
bool http_is_local_host(struct str host);
/* Did this request begin on this machine, if its peer's address is of it? A proxy would have left a
 * word, or the Host of its site; a page of somebody's site, whose name was made to lead here, too. */
static inline bool http_is_local(const struct http_head *h)
{
    return !h->is_forwarded && http_is_local_host(h->host);
}

/* Is it this media type, whatever its parameters? */
bool http_is_type(struct str content_type, struct str type);
/* Is token an element of these comma-separated lists? Case does not matter, and neither do
 * parameters (`text/event-stream;q=0.9`). */
bool http_lists(const struct http_values *values, struct str token);
