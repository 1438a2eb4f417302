/* SPDX-License-Identifier: MIT */
#include "gateway/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "common/msg.h"
#include "proto/ws_frame.h"

/* Below this the frame with its deflate overhead is hardly smaller, and costs CPU on both ends. */
#define DEFLATE_MIN_BYTES 256
#define DEFLATE_LEVEL 5
#define DEFLATE_TAIL 4 /* 00 00 ff ff at the end of a sync flush, which RFC 7692 leaves out */

/* Compresses text into out (of at least deflateBound + tail); 0 on failure. */
static size_t deflate_into(struct str text, unsigned char *out, size_t out_len)
{
    z_stream z = {0};
    if (deflateInit2(&z, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    z.next_in = (unsigned char *)(uintptr_t)text.p;
    z.avail_in = (unsigned)text.n;
    z.next_out = out;
    z.avail_out = (unsigned)out_len;
    int rc = deflate(&z, Z_SYNC_FLUSH);
    size_t n = out_len - z.avail_out;
    deflateEnd(&z);
    return rc == Z_OK && z.avail_in == 0 && n > DEFLATE_TAIL ? n - DEFLATE_TAIL : 0;
}

struct msg *deflate_frame(struct str text)
{
    if (text.n < DEFLATE_MIN_BYTES || text.n > UINT32_MAX / 2) {
        return ws_frame_text(text, false);
    }
    size_t cap = compressBound(text.n) + 64;
    unsigned char *out = malloc(cap);
    if (!out) {
        return NULL;
    }
    size_t n = deflate_into(text, out, cap);
    struct msg *m = n > 0 && n < text.n ? ws_frame_text((struct str){(char *)out, n}, true)
                                        : ws_frame_text(text, false);
    free(out);
    return m;
}
