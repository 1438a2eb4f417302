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

static int verify_peer(X509_STORE_CTX *peer, void *arg UNUSED)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(peer, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *own = SSL_get_certificate(ssl);
    bool is_own = X509_cmp(X509_STORE_CTX_get0_cert(peer), own) == 0;
    return is_own ? verify_own(peer, own) : X509_verify_cert(peer);
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
