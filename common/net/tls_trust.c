/* SPDX-License-Identifier: MIT */
/* tls_trust: the anchors are OpenSSL's own kind of store, so that dates, signatures and purposes
 * are checked by OpenSSL. A partial chain suffices (an anchor need not be a root), and key usage is
 * looked at only where it is there: the leaves of the installations we serve lack it.
 *
 * The files of a public site are where it gets delicate. Its certificate file holds its own leaf
 * and an intermediate of a public authority, and must not open the door to all the customers of
 * that authority:
 *
 *     peer's chain                     cert_file's certificate it ends in      verdict
 *     own leaf                         the leaf itself                         believed
 *     other leaf                       an intermediate                         no anchor, refused
 *     other leaf                       a root that the system trusts as well   no anchor, refused
 *     other leaf                       a private self-signed authority         believed
 *     other leaf, signed by own leaf   the leaf, which is not self-signed      no anchor, refused
 *     other leaf, intermediate         a private self-signed authority         too long, refused
 */
#include "common/net/tls_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <time.h>

/* Replaces the context's trust by what is in the store, which it consumes. */
static bool use_store(SSL_CTX *ctx, X509_STORE *store)
{
    bool ok = SSL_CTX_set1_verify_cert_store(ctx, store) == 1 &&
              X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN) == 1;
    X509_STORE_free(store);
    return ok;
}

bool tls_trust_file(SSL_CTX *ctx, const char *ca_file)
{
    X509_STORE *store = X509_STORE_new();
    if (!store) {
        return false;
    }
    if (X509_STORE_load_file(store, ca_file) != 1) {
        X509_STORE_free(store);
        return false;
    }
    return use_store(ctx, store);
}

/* All certificates of a PEM file; NULL when out of memory or when there is none. */
static STACK_OF(X509) * read_certificates(const char *file)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    BIO *bio = certs ? BIO_new_file(file, "r") : NULL;
    X509 *cert;
    bool ok = bio != NULL;
    while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = sk_X509_push(certs, cert) > 0;
        if (!ok) {
            X509_free(cert);
        }
    }
    BIO_free(bio);
    if (ok) {
        ERR_clear_error(); /* the end of the file is no trouble */
    }
    if (!ok || sk_X509_num(certs) == 0) {
        sk_X509_pop_free(certs, X509_free);
        return NULL;
    }
    return certs;
}

/* The name and key are compared: an authority may have been signed anew since. */
static bool is_known_to_system(X509_STORE_CTX *system_store, X509 *cert)
{
    STACK_OF(X509) *same_name =
        X509_STORE_CTX_get1_certs(system_store, X509_get_subject_name(cert));
    bool found = false;
    for (int i = 0; i < sk_X509_num(same_name); i++) { /* -1 for NULL */
        const X509 *other = sk_X509_value(same_name, i);
        found = found || EVP_PKEY_eq(X509_get0_pubkey(other), X509_get0_pubkey(cert)) == 1;
    }
    sk_X509_pop_free(same_name, X509_free);
    return found;
}

/* Adds the self-signed ones that the system does not know. */
static bool add_private_authorities(X509_STORE *store, STACK_OF(X509) * certs)
{
    X509_STORE *system_store = X509_STORE_new();
    X509_STORE_CTX *lookup = X509_STORE_CTX_new();
    bool ok = system_store && lookup && X509_STORE_set_default_paths(system_store) == 1 &&
              X509_STORE_CTX_init(lookup, system_store, NULL, NULL) == 1;
    for (int i = 0; ok && i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);
        if (X509_self_signed(cert, 1) == 1 && !is_known_to_system(lookup, cert)) {
            ok = X509_STORE_add_cert(store, cert) == 1;
        }
    }
    X509_STORE_CTX_free(lookup);
    X509_STORE_free(system_store);
    return ok;
}

/* Our own certificate is no part of the store: there it would also vouch for what it signed, and
 * a peer that sends its issuers along would be judged by those. Here it is the only anchor, of a
 * chain of one; OpenSSL still looks at dates and purpose. */
static int verify_own(X509_STORE_CTX *peer, X509 *own)
{
    STACK_OF(X509) *anchors = sk_X509_new_null();
    int verdict = 0;
    if (anchors && sk_X509_push(anchors, own) > 0) {
        X509_STORE_CTX_set0_trusted_stack(peer, anchors);
        X509_STORE_CTX_set0_untrusted(peer, NULL);
        verdict = X509_verify_cert(peer);
    } else {
        X509_STORE_CTX_set_error(peer, X509_V_ERR_OUT_OF_MEM);
    }
    sk_X509_free(anchors); /* the certificate in it is the context's */
    return verdict;
}

static int verify_with(X509_STORE_CTX *peer, X509 *own)
{
    bool is_own = X509_cmp(X509_STORE_CTX_get0_cert(peer), own) == 0;
    return is_own ? verify_own(peer, own) : X509_verify_cert(peer);
}

static int verify_peer(X509_STORE_CTX *peer, void *arg UNUSED)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(peer, SSL_get_ex_data_X509_STORE_CTX_idx());
    return verify_with(peer, SSL_get_certificate(ssl));
}

bool tls_trust_own(SSL_CTX *ctx, const char *cert_file)
{
    STACK_OF(X509) *certs = read_certificates(cert_file);
    X509_STORE *store = X509_STORE_new();
    bool ok = certs && store && add_private_authorities(store, certs);
    sk_X509_pop_free(certs, X509_free);
    if (!ok) {
        X509_STORE_free(store);
        return false;
    }
    SSL_CTX_set_verify_depth(ctx, 0); /* between leaf and anchor: nothing */
    SSL_CTX_set_cert_verify_callback(ctx, verify_peer, NULL);
    return use_store(ctx, store);
}

/* --- connections that live on --- */

static int64_t end_of(const X509 *cert)
{
    struct tm end;
    return ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1 ? (int64_t)timegm(&end) : 0;
}

static int64_t end_of_chain(const STACK_OF(X509) * chain)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        first = MIN(first, end_of(sk_X509_value(chain, i)));
    }
    return first;
}

int64_t tls_trust_end(const SSL *ssl)
{
    const X509 *cert = SSL_get0_peer_certificate(ssl);
    if (!cert || SSL_get_verify_result(ssl) != X509_V_OK) {
        return 0;
    }
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    return chain ? MIN(end_of(cert), end_of_chain(chain)) : end_of(cert);
}

/* As OpenSSL prepares the verification in a handshake. */
static bool prepare(X509_STORE_CTX *v, SSL_CTX *ctx, const SSL *ssl)
{
    X509_STORE *store = NULL;
    return SSL_CTX_get0_verify_cert_store(ctx, &store) == 1 && store &&
           X509_STORE_CTX_init(v, store, SSL_get0_peer_certificate(ssl),
                               SSL_get_peer_cert_chain(ssl)) == 1 &&
           X509_STORE_CTX_set_default(v, "ssl_client") == 1 &&
           X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(v), SSL_CTX_get0_param(ctx)) == 1;
}

bool tls_trust_again(SSL_CTX *ctx, const SSL *ssl, int64_t *out_end)
{
    X509_STORE_CTX *v = X509_STORE_CTX_new();
    bool ok = v && prepare(v, ctx, ssl);
    if (ok) {
        bool is_own = SSL_CTX_get_verify_depth(ctx) == 0; /* by tls_trust_own() */
        ok = (is_own ? verify_with(v, SSL_CTX_get0_certificate(ctx)) : X509_verify_cert(v)) == 1;
    }
    if (ok) {
        *out_end = end_of_chain(X509_STORE_CTX_get0_chain(v));
    }
    X509_STORE_CTX_free(v);
    ERR_clear_error(); /* SSL_get_error() of another connection must not see what is over */
    return ok;
}
