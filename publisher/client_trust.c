/* SPDX-License-Identifier: MIT */
#include "publisher/client_trust.h"

#include <openssl/ssl.h>

#include "common/clock.h"
#include "common/net/tls_trust.h"

void client_trust_set(struct client_trust *t, struct ssl_ctx_st *ctx)
{
    t->ctx = ctx;
    t->generation++;
}

void client_trust_begin(const struct client_trust *t, struct http_exchange *x)
{
    x->trusted_until_s = tls_trust_end(x->ssl);
    /* A reload may have come in the middle of the handshake. */
    x->trusted_by = SSL_get_SSL_CTX(x->ssl) == t->ctx ? t->generation : 0;
}

enum client_trust_verdict client_trust_look(const struct client_trust *t, struct http_exchange *x)
{
    if (!x->ssl || x->trusted_until_s == 0) {
        return CLIENT_TRUST_NONE;
    }
    if (x->trusted_by != t->generation) {
        if (!tls_trust_again(t->ctx, x->ssl, &x->trusted_until_s)) {
            return CLIENT_TRUST_ENDED;
        }
        x->trusted_by = t->generation;
    }
    return clock_wall_ms() / 1000 <= x->trusted_until_s ? CLIENT_TRUST_GOOD : CLIENT_TRUST_ENDED;
}
