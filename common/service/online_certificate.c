/* SPDX-License-Identifier: MIT */
#include "common/service/online_certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"

enum { SOON_S = 14 * 86400, NAME_MAX_BYTES = 256 };

/* "judge.example, *.judge.example": what the certificate is for. */
static void add_names(struct buf *out, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    const char *comma = "";
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) { /* -1 for NULL */
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            buf_addf(out, "%s%.*s", comma, ASN1_STRING_length(name->d.dNSName),
                     (const char *)ASN1_STRING_get0_data(name->d.dNSName));
            comma = ", ";
        }
    }
    buf_add(out, *comma ? STR_NONE : STR("no host"));
    GENERAL_NAMES_free(names);
}

static bool check_dates(X509 *cert, struct buf *out)
{
    time_t now = time(NULL);
    time_t soon = now + SOON_S;
    if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0) {
        buf_add(out, STR("bad: Broadcaster.TLS.CertFile: it is not valid yet\n"));
        return false;
    }
    if (X509_cmp_time(X509_get0_notAfter(cert), &now) < 0) {
        buf_add(out, STR("bad: Broadcaster.TLS.CertFile: it has expired\n"));
        return false;
    }
    if (X509_cmp_time(X509_get0_notAfter(cert), &soon) < 0) {
        buf_add(out, STR("doubtful: Broadcaster.TLS.CertFile: it expires within two weeks\n"));
    }
    return true;
}

/* Clients may know this machine by another name: no more than doubt. */
static void check_name(X509 *cert, struct buf *out)
{
    char host[NAME_MAX_BYTES] = "";
    (void)!gethostname(host, sizeof(host) - 1);
    bool matches = X509_check_host(cert, host, 0, 0, NULL) == 1;
    buf_addf(out, "%s: Broadcaster.TLS.CertFile: it is for ", matches ? "good" : "doubtful");
    add_names(out, cert);
    if (!matches) {
        buf_addf(out, ", not for this machine's name, %s: clients must use one of its names", host);
    }
    buf_addc(out, '\n');
}

bool online_certificate(const char *cert_file, struct buf *out)
{
    FILE *f = fopen(cert_file, "re");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    bool ok = cert && check_dates(cert, out);
    if (cert) {
        check_name(cert, out);
    } else {
        buf_add(out, STR("bad: Broadcaster.TLS.CertFile: it cannot be read\n"));
    }
    X509_free(cert);
    if (f) {
        (void)fclose(f); /* only read */
    }
    return ok;
}
