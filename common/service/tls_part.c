/* SPDX-License-Identifier: MIT */
#include "common/service/tls_part.h"

#include <stdlib.h>

#include "common/buf.h"

struct tls_part *tls_part_create(const struct tls_server_options *o, struct buf *out_problems)
{
    const char *reason = "out of memory";
    struct tls_part *p = calloc(1, sizeof(*p));
    if (p) {
        p->ctx = tls_server_ctx(o, &reason);
    }
    if (!p || !p->ctx) {
        buf_addf(out_problems, "Broadcaster.TLS: %s\n", reason);
        free(p);
        return NULL;
    }
    tls_expiry_read(&p->expiry, o);
    return p;
}

void tls_part_free(void *part)
{
    struct tls_part *p = part;
    if (p) {
        tls_ctx_free(p->ctx);
        free(p);
    }
}
