/* SPDX-License-Identifier: MIT */
#include "tests/support/certs.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY = 24 * 60 * 60 };

static void need(int ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "certs: %s failed\n", what);
        abort();
    }
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    if (!value) {
        return;
    }
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    need(e && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

static void set_serial(X509 *x)
{
    unsigned char bytes[4];
    need(RAND_bytes(bytes, sizeof(bytes)) == 1, "RAND_bytes");
    long serial = (long)bytes[0] << 16 | (long)bytes[1] << 8 | bytes[2] | 1;
    need(ASN1_INTEGER_set(X509_get_serialNumber(x), serial), "serial");
}

struct cert cert_make(const struct cert_spec *spec)
{
    struct cert c = {.x509 = X509_new(), .key = EVP_EC_gen("P-256")};
    need(c.x509 && c.key, "allocation");
    X509 *x = c.x509;
    X509 *issuer = spec->issuer ? spec->issuer->x509 : x;
    int to_days = spec->from_days || spec->to_days ? spec->to_days : 1;
    int from_days = spec->from_days || spec->to_days ? spec->from_days : -1;
    need(X509_set_version(x, X509_VERSION_3) == 1, "version");
    set_serial(x);
    X509_NAME *name = X509_get_subject_name(x);
    need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)spec->name, -1,
                                    -1, 0) == 1,
         "name");
    need(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1, "issuer");
    need(X509_gmtime_adj(X509_getm_notBefore(x), (long)from_days * DAY) != NULL, "notBefore");
    need(X509_gmtime_adj(X509_getm_notAfter(x), (long)to_days * DAY) != NULL, "notAfter");
    need(X509_set_pubkey(x, c.key) == 1, "public key");
    add_extension(x, issuer, NID_basic_constraints, spec->basic_constraints);
    add_extension(x, issuer, NID_key_usage, spec->key_usage);
    add_extension(x, issuer, NID_ext_key_usage, spec->extended_key_usage);
    add_extension(x, issuer, NID_subject_alt_name, spec->alternative_name);
    need(X509_sign(x, spec->issuer ? spec->issuer->key : c.key, EVP_sha256()) > 0, "sign");
    return c;
}

void cert_release(struct cert *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    *c = (struct cert){0};
}

void cert_write(const char *path, const struct cert *const *certs, size_t n)
{
    FILE *f = fopen(path, "w");
    need(f != NULL, path);
    for (size_t i = 0; i < n; i++) {
        need(PEM_write_X509(f, certs[i]->x509) == 1, path);
    }
    need(fclose(f) == 0, path);
}

void cert_write_key(const char *path, const struct cert *c)
{
    FILE *f = fopen(path, "w");
    need(f != NULL, path);
    need(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL) == 1, path);
    need(fclose(f) == 0, path);
}
