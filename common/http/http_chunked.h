/* SPDX-License-Identifier: MIT */
#pragma once
/* http_chunked: takes a chunked body apart (RFC 9112, 7.1), in whatever pieces it comes.
 *
 * Strict, since two readers that disagree make a hole: line ends are CR LF, sizes have at most 15
 * hexadecimal digits, a line with a chunk's size and extensions at most 256 bytes, trailers (dropped)
 * at most 4 KiB, and all of it together at most twice the largest body and 64 KiB.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/http/http_reader.h"

/* Zero-initialise. */
struct http_chunked {
    int state;         /* http_chunked.c's */
    unsigned digits;   /* of the present chunk's size */
    uint64_t left;     /* bytes of the present chunk */
    size_t line_bytes; /* of the present line */
    size_t trailer_bytes;
    uint64_t wire_bytes; /* of all */
};
enum http_chunked_result { HTTP_CHUNKED_MORE, HTTP_CHUNKED_WHOLE, HTTP_CHUNKED_FAULT };
/* Appends to `body`, which may hold max_body bytes. *out_n: how many of the bytes belong to it. A
 * buffer without memory is to be looked for in body->failed. */
MUST_CHECK enum http_chunked_result http_chunked_add(struct http_chunked *c, struct str bytes,
                                                     uint64_t max_body, struct buf *body,
                                                     size_t *out_n, struct http_fault *out_fault);
