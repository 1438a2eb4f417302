/* SPDX-License-Identifier: MIT */
#pragma once
/* tls_trust: which client certificates a server context believes. A part of tls_ctx.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

/* All certificates of the file are trust anchors. The reason of a failure is in OpenSSL's queue. */
MUST_CHECK bool tls_trust_file(SSL_CTX *ctx, const char *ca_file);
/* The context's own certificate is trusted as itself, and those that were signed by a self-signed
 * certificate of cert_file, unless the whole system trusts that one. */
MUST_CHECK bool tls_trust_own(SSL_CTX *ctx, const char *cert_file);

/* When the first certificate of the chain that the handshake has verified ends, as Unix time; of a
 * resumed session the peer's own alone. 0: the peer has shown none, or none that is good. */
int64_t tls_trust_end(const SSL *ssl);
/* Would the context believe this connection's peer now? True: *out_end is as above. */
bool tls_trust_again(SSL_CTX *ctx, const SSL *ssl, int64_t *out_end);
