/* SPDX-License-Identifier: MIT */
#include "bench/unpacker.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in points to what is not changed */
#include <zlib.h>

#include "common/buf.h"

/* Messages under way at once; the oldest one is forgotten first. */
#define REMEMBERED 8
#define STEP_BYTES 65536

struct known {
    struct buf payload, text;
};
struct unpacker {
    struct str holds; /* borrowed */
    z_stream z;
    struct known known[REMEMBERED]; /* owned */
    size_t next;                    /* to be forgotten */
};

struct unpacker *unpacker_create(struct str holds)
{
    struct unpacker *u = calloc(1, sizeof(*u));
    if (u && inflateInit2(&u->z, -MAX_WBITS) != Z_OK) {
        free(u);
        return NULL;
    }
    if (u) {
        u->holds = holds;
    }
    return u;
}

struct unpacker *unpacker_free(struct unpacker *u)
{
    if (u) {
        for (size_t i = 0; i < REMEMBERED; i++) {
            buf_release(&u->known[i].payload);
            buf_release(&u->known[i].text);
        }
        (void)inflateEnd(&u->z);
        free(u);
    }
    return NULL;
}

/* All of p, appended to out. False: it is no deflate stream. */
static bool inflate_all(z_stream *z, struct str p, struct buf *out)
{
    z->next_in = (const Bytef *)p.p;
    z->avail_in = (uInt)p.n;
    do {
        if (!buf_reserve(out, STEP_BYTES)) {
            return false;
        }
        z->next_out = (Bytef *)out->p + out->n;
        z->avail_out = STEP_BYTES;
        int rc = inflate(z, Z_SYNC_FLUSH);
        if (rc == Z_STREAM_END) {
            (void)inflateReset(z); /* its block was marked as the last one: another may follow */
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return false;
        }
        out->n += STEP_BYTES - z->avail_out;
    } while (z->avail_in > 0 || z->avail_out == 0);
    return true;
}

static bool unpack(struct unpacker *u, struct known *k, struct str payload)
{
    static const struct str tail = STR("\x00\x00\xff\xff"); /* RFC 7692 leaves it away */
    buf_clear(&k->payload);
    buf_clear(&k->text);
    buf_add(&k->payload, payload);
    buf_add(&k->payload, tail);
    if (k->payload.failed || inflateReset(&u->z) != Z_OK ||
        !inflate_all(&u->z, buf_str(&k->payload), &k->text)) {
        return false;
    }
    k->payload.n -= tail.n;
    return u->holds.n == 0 || memmem(k->text.p, k->text.n, u->holds.p, u->holds.n) != NULL;
}

bool unpacker_read(struct unpacker *u, struct str payload, struct str *out_text)
{
    for (size_t i = 0; i < REMEMBERED; i++) {
        struct known *k = &u->known[i];
        if (k->text.n > 0 && str_eq(payload, buf_str(&k->payload))) {
            *out_text = buf_str(&k->text);
            return true;
        }
    }
    struct known *k = &u->known[u->next];
    u->next = (u->next + 1) % REMEMBERED;
    if (!unpack(u, k, payload)) {
        buf_clear(&k->text); /* not remembered: each that comes is reported */
        return false;
    }
    *out_text = buf_str(&k->text);
    return true;
}
