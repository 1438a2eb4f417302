/* SPDX-License-Identifier: MIT */
#include "gateway/transport/inflate.h"

#include <assert.h>
#include <stdlib.h>
#define ZLIB_CONST /* its input is const */
#include <zlib.h>

/* What the sender left out (RFC 7692, 7.2.2). */
static const unsigned char tail[] = {0x00, 0x00, 0xff, 0xff};
/* In z_stream.data_type: inflate() stopped between two blocks. */
#define AT_BLOCK_BOUNDARY 128

struct inflater {
    z_stream z;
    size_t capacity;
    unsigned char text[]; /* capacity + 1: to see that there is one too many */
};

struct inflater *inflater_create(size_t capacity)
{
    struct inflater *f = calloc(1, sizeof(*f) + capacity + 1);
    if (!f || inflateInit2(&f->z, -MAX_WBITS) != Z_OK) {
        free(f);
        return NULL;
    }
    f->capacity = capacity;
    return f;
}

struct inflater *inflater_free(struct inflater *f)
{
    if (f) {
        (void)inflateEnd(&f->z);
        free(f);
    }
    return NULL;
}

/* A block may be marked as the last one; others, and the tail, come behind it all the same (7.2.3.4).
 * INFLATE_OK: all of it was taken. */
static enum inflate_result feed(struct inflater *f, const unsigned char *p, size_t n)
{
    f->z.next_in = p;
    f->z.avail_in = (unsigned)n;
    while (f->z.avail_in > 0) {
        int rc = inflate(&f->z, Z_SYNC_FLUSH);
        if (f->z.avail_out == 0) {
            return INFLATE_TOO_BIG;
        }
        if (rc == Z_STREAM_END) {
            rc = inflateReset(&f->z);
        }
        if (rc != Z_OK) {
            return rc == Z_MEM_ERROR ? INFLATE_NO_MEMORY : INFLATE_BROKEN;
        }
    }
    return INFLATE_OK;
}

enum inflate_result inflate_message(struct inflater *f, struct str payload, size_t max_bytes,
                                    struct str *out_text)
{
    assert(max_bytes <= f->capacity);
    if (inflateReset(&f->z) != Z_OK) {
        return INFLATE_BROKEN;
    }
    f->z.next_out = f->text;
    f->z.avail_out = (unsigned)max_bytes + 1;
    enum inflate_result r = feed(f, (const unsigned char *)payload.p, payload.n);
    if (r == INFLATE_OK) {
        r = feed(f, tail, sizeof(tail));
    }
    if (r == INFLATE_OK && !(f->z.data_type & AT_BLOCK_BOUNDARY)) {
        r = INFLATE_BROKEN; /* it was cut off */
    }
    if (r == INFLATE_OK) {
        *out_text = (struct str){(char *)f->text, max_bytes + 1 - f->z.avail_out};
    }
    return r;
}
