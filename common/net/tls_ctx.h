/* SPDX-License-Identifier: MIT */
#pragma once
/* tls_ctx: OpenSSL contexts from files, with secure defaults (TLS 1.2 and 1.3, no renegotiation,
 * no compression, server's cipher order), and what a reload needs: build anew, keep the old on error.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct ssl_ctx_st; /* SSL_CTX */
struct ssl_st;     /* SSL */

struct tls_server_options {
    const char *cert_file; /* PEM, leaf first */
    const char *key_file;
    const char *client_ca_file; /* NULL or "": see client_auth */
    /* NONE: no client certificate is asked for. REQUEST: asked for, must verify if sent.
     * REQUIRE: the handshake fails without. */
    enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_REQUEST, TLS_CLIENT_REQUIRE } client_auth;
    /* The one protocol we speak, "http/1.1"; others offered are passed over. Static text. */
    const char *alpn;
};
/* On failure NULL, and why (a sentence with the file's name) in out_why, static or thread-local
 * storage valid until the next call. */
struct ssl_ctx_st *tls_server_ctx(const struct tls_server_options *o, const char **out_why);
/* For clients (Redis, the frontend): system's CAs, or ca_file when not NULL. */
struct ssl_ctx_st *tls_client_ctx(const char *ca_file, const char **out_why);
/* The certificate, leaf first, that a client shows when it is asked for one. */
MUST_CHECK bool tls_client_identity(struct ssl_ctx_st *ctx, const char *cert_file,
                                    const char *key_file, const char **out_why);
/* A client's half of one connection to host (a name or a number), which the peer's certificate must
 * be for. NULL when out of memory. SSL_free() it, or hand it to who does. */
struct ssl_st *tls_client_ssl(struct ssl_ctx_st *ctx, const char *host);
/* Why the peer's certificate was refused (static text), or NULL when that was not the trouble. */
const char *tls_verify_problem(const struct ssl_st *ssl);
void tls_ctx_free(struct ssl_ctx_st *ctx); /* accepts NULL */
/* Unix time when the certificate of the file that ends first does; 0 when none can be read. */
int64_t tls_certificate_expiry(const char *cert_file);
