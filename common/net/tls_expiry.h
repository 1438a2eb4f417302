/* SPDX-License-Identifier: MIT */
#pragma once
/* tls_expiry: when the certificates of a server's files end, as metrics.
 */
#include <stdint.h>

struct buf;
struct tls_server_options;

/* Unix times; 0: there is none. */
struct tls_expiry {
    int64_t server;    /* of cert_file: the leaf or an intermediate, whichever ends first */
    int64_t client_ca; /* of client_ca_file: the authority that ends first */
};
/* Reads the files that tls_server_ctx(o) has just accepted. */
void tls_expiry_read(struct tls_expiry *e, const struct tls_server_options *o);
/* Appends one gauge for each file there is: nothing at all without TLS. */
void tls_expiry_render(const struct tls_expiry *e, struct buf *out);
