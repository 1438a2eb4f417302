/* SPDX-License-Identifier: MIT */
#include "tests/support/squeeze.h"

#include <assert.h>
#define ZLIB_CONST /* next_in points to what is not changed */
#include <zlib.h>

size_t squeeze(struct str text, bool ended, char *out, size_t cap)
{
    z_stream z = {.next_in = (const unsigned char *)text.p,
                  .avail_in = (unsigned)text.n,
                  .next_out = (unsigned char *)out,
                  .avail_out = (unsigned)cap};
    int rc = deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    assert(rc == Z_OK);
    rc = deflate(&z, ended ? Z_FINISH : Z_SYNC_FLUSH);
    assert(rc == (ended ? Z_STREAM_END : Z_OK) && z.avail_out > 0);
    (void)rc;
    size_t n = cap - z.avail_out;
    (void)deflateEnd(&z);
    if (ended) {
        out[n] = 0; /* RFC 7692, 7.2.3.4 */
        return n + 1;
    }
    return n - 4;
}
