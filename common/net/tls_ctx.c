/* SPDX-License-Identifier: MIT */
/* tls_ctx: everything is set on a fresh SSL_CTX, which is dropped when anything fails; nobody ever
 * holds a half-made one. Whom a server believes is tls_trust.c's.
 */
#include "common/net/tls_ctx.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/net/tls_trust.h"

/* Forward secrecy and authenticated encryption only; TLS 1.3's own suites are all like that. */
#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
enum { SESSION_SECONDS = 300 };

static const char *reason(const char *what, const char *file)
{
    static _Thread_local char text[512];
    unsigned long code = ERR_peek_error();
    const char *why = NULL;
    if (code != 0 && ERR_SYSTEM_ERROR(code)) {
        why = strerror(ERR_GET_REASON(code));
    } else if (code != 0) {
        why = ERR_reason_error_string(code);
    }
    (void)snprintf(text, sizeof(text), "%s%s%s%s%s", what, file ? " " : "", file ? file : "",
                   why ? ": " : "", why ? why : "");
    ERR_clear_error();
    return text;
}

static bool fail(const char **out_why, const char *what, const char *file)
{
    *out_why = reason(what, file);
    return false;
}

/* Without it OpenSSL would ask for the pass phrase on the terminal. */
static int no_passphrase(char *buf UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
    return -1;
}

static bool set_defaults(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* 34 kB less per idle connection */
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) == 1;
}

static SSL_CTX *create(const SSL_METHOD *method, const char **out_why)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx || !set_defaults(ctx)) {
        *out_why = reason("cannot set up TLS", NULL);
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* A client that offers other protocols only (h2) is served http/1.1 all the same. */
static int choose_alpn(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *offered, unsigned int offered_len, void *arg)
{
    const char *ours = arg;
    size_t ours_len = strlen(ours);
    /* OpenSSL has checked the framing: each name behind a byte that holds its length. */
    for (unsigned int i = 0; i < offered_len; i += 1U + offered[i]) {
        if (offered[i] == ours_len && memcmp(offered + i + 1, ours, ours_len) == 0) {
            *out = offered + i + 1;
            *out_len = offered[i];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static bool load_identity(SSL_CTX *ctx, const char *cert_file, const char *key_file,
                          const char **out_why)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        return fail(out_why, "cannot use certificate file", cert_file);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        return fail(out_why, "cannot use key file", key_file);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return fail(out_why, "the key does not belong to the certificate: key file", key_file);
    }
    return true;
}

/* The list of authorities that is sent to clients stays empty: Go's client sends no certificate
 * when its own is of none in the list. */
static bool load_client_trust(SSL_CTX *ctx, const struct tls_server_options *o,
                              const char **out_why)
{
    if (o->client_auth == TLS_CLIENT_NONE) {
        return true;
    }
    bool require = o->client_auth == TLS_CLIENT_REQUIRE;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    if (o->client_ca_file && o->client_ca_file[0] != '\0') {
        return tls_trust_file(ctx, o->client_ca_file) ||
               fail(out_why, "cannot use client CA file", o->client_ca_file);
    }
    return tls_trust_own(ctx, o->cert_file) ||
           fail(out_why, "cannot trust the certificates of", o->cert_file);
}

struct ssl_ctx_st *tls_server_ctx(const struct tls_server_options *o, const char **out_why)
{
    SSL_CTX *ctx = create(TLS_server_method(), out_why);
    if (!ctx) {
        return NULL;
    }
    /* A resumed session brings its verified certificate along, within this context only. */
    static const unsigned char session_id[] = "broadcaster";
    (void)SSL_CTX_set_session_id_context(ctx, session_id, sizeof(session_id) - 1);
    (void)SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    if (o->alpn) {
        SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, (void *)o->alpn);
    }
    if (!load_identity(ctx, o->cert_file, o->key_file, out_why) ||
        !load_client_trust(ctx, o, out_why)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    ERR_clear_error(); /* SSL_get_error() of the next connection must not see what is over */
    return ctx;
}

struct ssl_ctx_st *tls_client_ctx(const char *ca_file, const char **out_why)
{
    SSL_CTX *ctx = create(TLS_client_method(), out_why);
    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    int ok =
        ca_file ? SSL_CTX_load_verify_file(ctx, ca_file) : SSL_CTX_set_default_verify_paths(ctx);
    if (ok != 1) {
        *out_why = reason("cannot use CA file", ca_file ? ca_file : "of the system");
        SSL_CTX_free(ctx);
        return NULL;
    }
    ERR_clear_error();
    return ctx;
}

bool tls_client_identity(struct ssl_ctx_st *ctx, const char *cert_file, const char *key_file,
                         const char **out_why)
{
    ERR_clear_error();
    return load_identity(ctx, cert_file, key_file, out_why);
}

struct ssl_st *tls_client_ssl(struct ssl_ctx_st *ctx, const char *host)
{
    SSL *ssl = SSL_new(ctx);
    if (!ssl) {
        return NULL;
    }
    /* Fails for what is no number. With one there is no server name (RFC 6066). */
    bool ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    if (!ok) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
    }
    if (!ok) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

const char *tls_verify_problem(const struct ssl_st *ssl)
{
    long result = SSL_get_verify_result(ssl);
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

void tls_ctx_free(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}

int64_t tls_certificate_expiry(const char *cert_file)
{
    FILE *f = fopen(cert_file, "re");
    if (!f) {
        return 0;
    }
    int64_t first = 0;
    X509 *cert;
    while ((cert = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
        struct tm end;
        int64_t at = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1 ? timegm(&end) : 0;
        first = at != 0 && (first == 0 || at < first) ? at : first;
        X509_free(cert);
    }
    (void)fclose(f); /* only read */
    ERR_clear_error();
    return first;
}
