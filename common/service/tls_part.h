/* SPDX-License-Identifier: MIT */
#pragma once
/* tls_part: the certificates of a server, as a part that takes new settings (parts.h).
 */
#include "common/compiler.h"
#include "common/net/tls_ctx.h"
#include "common/net/tls_expiry.h"

struct buf;

struct tls_part {
    struct ssl_ctx_st *ctx; /* owned */
    struct tls_expiry expiry;
};
/* Reads the files. NULL with a line in out_problems. */
struct tls_part *tls_part_create(const struct tls_server_options *o, struct buf *out_problems);
void tls_part_free(void *part); /* accepts NULL */
