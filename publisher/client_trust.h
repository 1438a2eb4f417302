/* SPDX-License-Identifier: MIT */
#pragma once
/* client_trust: does the certificate that a connection's peer has shown still count?
 *
 * The handshake has verified it, but connections live long: a reload may have taken its authority
 * away, and it may have ended. Looked at for each request; signatures only once per reload.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/http/http_exchange.h"

struct ssl_ctx_st;

/* Zero-initialise. */
struct client_trust {
    struct ssl_ctx_st *ctx; /* borrowed: whom new connections' peers are verified by */
    uint64_t generation;
};
/* After each reload. NULL: plain HTTP. */
void client_trust_set(struct client_trust *t, struct ssl_ctx_st *ctx);
/* The handshake is done: notes what it has found. */
void client_trust_begin(const struct client_trust *t, struct http_exchange *x);
enum client_trust_verdict {
    CLIENT_TRUST_NONE, /* no certificate, or one that never counted */
    CLIENT_TRUST_GOOD,
    CLIENT_TRUST_ENDED, /* it was good */
};
enum client_trust_verdict client_trust_look(const struct client_trust *t, struct http_exchange *x);
