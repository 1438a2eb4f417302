/* SPDX-License-Identifier: MIT */
#pragma once
/* certs: certificates made while a test runs. Every failure ends the test program: they are no
 * part of what is tested.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};
struct cert_spec {
    const char *name;              /* of the subject */
    const struct cert *issuer;     /* NULL: self-signed */
    const char *basic_constraints; /* OpenSSL's notation; NULL: the extension is absent */
    const char *key_usage;
    const char *extended_key_usage;
    const char *alternative_name;
    int from_days, to_days; /* 0, 0: from yesterday to tomorrow */
};
struct cert cert_make(const struct cert_spec *spec);
void cert_release(struct cert *c);
/* Writes them one after the other. */
void cert_write(const char *path, const struct cert *const *certs, size_t n);
void cert_write_key(const char *path, const struct cert *c);
