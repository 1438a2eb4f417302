/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_tls.h"

#include <openssl/ssl.h>

#include "common/net/tls_ctx.h"
#include "common/net/tls_expiry.h"

/* What common/net/tls_ctx.c sets: these stay with lws's context, whatever certificate comes. */
bool ws_tls_secure(struct ssl_ctx_st *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

/* The files are read into a context of their own; what is good is copied in one step. */
bool ws_tls_load(struct ssl_ctx_st *ctx, const struct settings *s, struct tls_expiry *expiry,
                 const char **out_why)
{
    const struct tls_server_options o = {.cert_file = s->broadcaster.tls.cert_file,
                                         .key_file = s->broadcaster.tls.key_file,
                                         .client_auth = TLS_CLIENT_NONE,
                                         .alpn = "http/1.1"};
    struct ssl_ctx_st *loaded = tls_server_ctx(&o, out_why);
    if (!loaded) {
        return false;
    }
    STACK_OF(X509) *chain = NULL;
    bool ok = SSL_CTX_get0_chain_certs(loaded, &chain) == 1 &&
              SSL_CTX_use_cert_and_key(ctx, SSL_CTX_get0_certificate(loaded),
                                       SSL_CTX_get0_privatekey(loaded), chain, 1) == 1;
    if (ok) {
        tls_expiry_read(expiry, &o);
    } else {
        *out_why = "the certificate cannot be used";
    }
    tls_ctx_free(loaded);
    return ok;
}
