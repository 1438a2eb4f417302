/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_tls: our certificates in the TLS context that libwebsockets makes for its vhost.
 */
#include "common/compiler.h"
#include "common/config/settings.h"

struct ssl_ctx_st;
struct tls_expiry;

/* Loads and checks the files of the settings, then puts them into ctx for new connections; on
 * failure ctx and expiry stay as they were. */
MUST_CHECK bool ws_tls_load(struct ssl_ctx_st *ctx, const struct settings *s,
                            struct tls_expiry *expiry, const char **out_why);
/* Versions and ciphers; once, before the first connection. */
MUST_CHECK bool ws_tls_secure(struct ssl_ctx_st *ctx);
