/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_tls: our certificates in the TLS context that libwebsockets makes for its vhost.
 */
#include <stdbool.h>

#include "common/compiler.h"

struct ssl_ctx_st;

/* Puts the certificate, key and chain of `loaded` (tls_server_ctx()) into ctx for new connections,
 * in one step; on failure ctx stays as it was. */
MUST_CHECK bool ws_tls_use(struct ssl_ctx_st *ctx, struct ssl_ctx_st *loaded);
/* Versions and ciphers; once, before the first connection. */
MUST_CHECK bool ws_tls_secure(struct ssl_ctx_st *ctx);
