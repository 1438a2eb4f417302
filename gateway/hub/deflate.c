/* SPDX-License-Identifier: MIT */
#include "gateway/hub/deflate.h"

#include <stdint.h>
#include <stdlib.h>
#define ZLIB_CONST /* its input is const */
#include <zlib.h>

#include "common/buf.h"
#include "common/msg.h"
#include "gateway/gw_metrics.h"
#include "proto/ws_frame.h"

enum {
    MIN_BYTES = 256, /* below, hardly anything is gained, and it costs CPU on both ends */
    /* Measured on scoreboards: level 6 leaves a tenth less than 5 and needs 12 ms per MB; the loop
     * must not stand still for what several MB would need. */
    LEVEL = 6,
    LEVEL_LARGE = 1,
    LARGE_BYTES = 1536 * 1024,
    CHUNK_BYTES = 4096,
    TAIL_BYTES = 4, /* 00 00 ff ff, which ends a sync flush and is not sent (RFC 7692, 7.2.1) */
    MEMORY_LEVEL = 8,
};

struct deflater {
    z_stream z;
    struct gw_metrics *metrics; /* borrowed */
};

struct deflater *deflater_create(struct gw_metrics *metrics)
{
    struct deflater *d = calloc(1, sizeof(*d));
    if (!d || deflateInit2(&d->z, LEVEL, Z_DEFLATED, -MAX_WBITS, MEMORY_LEVEL,
                           Z_DEFAULT_STRATEGY) != Z_OK) {
        free(d);
        return NULL;
    }
    d->metrics = metrics;
    return d;
}

struct deflater *deflater_free(struct deflater *d)
{
    if (d) {
        (void)deflateEnd(&d->z); /* says only that a message was given up in its middle */
        free(d);
    }
    return NULL;
}

/* Compresses what is in d->z. False: it does not stay below `limit` bytes, or no memory. */
static bool drain(struct deflater *d, int flush, size_t limit, struct buf *out)
{
    do {
        if (out->n >= limit || !buf_reserve(out, CHUNK_BYTES)) {
            return false;
        }
        size_t room = out->cap - out->n;
        d->z.next_out = (unsigned char *)out->p + out->n;
        d->z.avail_out = (unsigned)MIN(room, (size_t)UINT32_MAX);
        size_t before = d->z.avail_out;
        (void)deflate(&d->z, flush); /* Z_BUF_ERROR: nothing was left to do */
        out->n += before - d->z.avail_out;
    } while (d->z.avail_out == 0);
    return true;
}

/* The payloads of all frames, as one. False: as drain(). */
static bool compress_frames(struct deflater *d, const struct msg *plain, size_t limit,
                            struct buf *out)
{
    size_t len;
    for (size_t at = 0; (len = ws_frame_next(plain, at)) > 0; at += len) {
        size_t n = ws_frame_payload_at(plain, at);
        d->z.next_in = plain->bytes + at + len - n;
        d->z.avail_in = (unsigned)n;
        bool is_last = at + len == plain->len;
        if (!drain(d, is_last ? Z_SYNC_FLUSH : Z_NO_FLUSH, limit, out)) {
            return false;
        }
    }
    return true;
}

/* NULL: it is not worth it, or no memory. */
static struct msg *compressed(struct deflater *d, const struct msg *plain, size_t payload)
{
    struct buf out = {0};
    struct msg *m = NULL;
    int level = payload > LARGE_BYTES ? LEVEL_LARGE : LEVEL;
    if (deflateReset(&d->z) == Z_OK && deflateParams(&d->z, level, Z_DEFAULT_STRATEGY) == Z_OK &&
        compress_frames(d, plain, payload, &out) && out.n - TAIL_BYTES < payload) {
        m = ws_frame_text((struct str){out.p, out.n - TAIL_BYTES}, true);
    }
    buf_release(&out);
    return m;
}

struct msg *deflate_frame(struct deflater *d, struct msg *plain)
{
    size_t payload = ws_frame_payload_bytes(plain);
    struct msg *m = payload >= MIN_BYTES ? compressed(d, plain, payload) : NULL;
    if (!m) {
        return msg_ref(plain);
    }
    d->metrics->deflated++;
    d->metrics->deflated_from += plain->len;
    d->metrics->deflated_to += m->len;
    return m;
}
