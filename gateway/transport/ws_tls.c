/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_tls.h"

#include <openssl/ssl.h>

/* What common/net/tls_ctx.c sets: these stay with lws's context, whatever certificate comes. */
bool ws_tls_secure(struct ssl_ctx_st *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

bool ws_tls_use(struct ssl_ctx_st *ctx, struct ssl_ctx_st *loaded)
{
    STACK_OF(X509) *chain = NULL;
    return SSL_CTX_get0_chain_certs(loaded, &chain) == 1 &&
           SSL_CTX_use_cert_and_key(ctx, SSL_CTX_get0_certificate(loaded),
                                    SSL_CTX_get0_privatekey(loaded), chain, 1) == 1;
}
