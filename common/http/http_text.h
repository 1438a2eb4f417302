/* SPDX-License-Identifier: MIT */
#pragma once
/* http_text: the head of an HTTP/1.x request as text: where it ends, its lines, and the words in
 * them, by the letter of RFC 9112.
 *
 * Nothing is forgiven that another server on the way might read in another way: bare line feeds,
 * folded lines, a blank before a colon, control characters. What a target or a field means, and
 * which fields may stand twice, is for http_reader.h to say. Pure: allocates nothing, and all spans point into the bytes given.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"

/* Bytes, the ends of lines included. */
struct http_limits {
    size_t line;   /* the request line */
    size_t fields; /* what follows it, up to and with the empty line */
};
enum http_scan {
    HTTP_SCAN_INCOMPLETE,
    HTTP_SCAN_COMPLETE,
    HTTP_SCAN_LINE_TOO_LONG,
    HTTP_SCAN_FIELDS_TOO_LARGE,
};
/* Is there a whole head in bytes? The first `seen` of them were looked at before, so that a head
 * that comes byte by byte is not searched from its beginning each time. COMPLETE: its length, with
 * the empty line, in *out_n. A limit is passed as soon as no rest could keep it. Bare line feeds end
 * a head, too: waiting would bring nothing, and http_text_field() refuses them. */
MUST_CHECK enum http_scan http_text_scan(struct str bytes, size_t seen, struct http_limits limits,
                                         size_t *out_n);

struct http_line {
    struct str method;     /* a token */
    struct str target;     /* 0x21 to 0x7e, not empty */
    bool is_http_1_1;      /* else 1.0 */
    bool is_later_version; /* of an error: it is HTTP/2.0, or later */
};
struct http_pair {
    struct str name;  /* a token */
    struct str value; /* trimmed, without control characters */
};
/* Take the next line off *text, which begins as a whole head. NULL, or what is wrong with it (static
 * text). The empty line at the end is a pair without a name. After an error *text is as before. */
MUST_CHECK const char *http_text_line(struct str *text, struct http_line *out);
MUST_CHECK const char *http_text_field(struct str *text, struct http_pair *out);

/* Takes the next element off a comma-separated list, trimmed (it may be empty). False: no more. A
 * list of nothing has none. */
bool http_text_element(struct str *list, struct str *out);
/* Without the blanks and tabs around it. */
struct str http_text_trim(struct str s);
/* A host with or without a port, as in Host: a name (with underscores, too) or an IP literal. */
bool http_is_authority(struct str s);
/* May it stand in a token (RFC 9110, 5.6.2)? */
bool http_is_token_char(char c);
bool http_is_token(struct str s); /* which is not empty */
/* Are the two equal but for the case of ASCII letters? */
bool http_same_word(struct str a, struct str b);
