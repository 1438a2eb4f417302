/* SPDX-License-Identifier: MIT */
/* peer_auth: whether a certificate is genuine was decided in the handshake (tls_ctx.c); here only
 * its names count.
 */
#include "publisher/peer_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/http/http_text.h"
#include "publisher/idempotency.h"
#include "publisher/publish_tokens.h"

enum { TOKENS_FILE_MAX = 1 << 20, COMMON_NAME_MAX = 64, NAME_MAX_BYTES = 190 };

struct peer_auth {
    struct publish_tokens tokens;
    struct string_list names; /* owned */
    bool trust_all;
};

static bool read_all(int fd, struct buf *out)
{
    for (;;) {
        if (out->n > TOKENS_FILE_MAX || !buf_reserve(out, 4096)) {
            errno = out->failed ? ENOMEM : EFBIG;
            return false;
        }
        ssize_t n = read(fd, out->p + out->n, 4096);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n == 0) {
            return true;
        }
        out->n += n > 0 ? (size_t)n : 0;
    }
}

static bool read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = read_all(fd, out);
    int saved = errno;
    (void)close(fd); /* only read */
    errno = saved;
    return ok;
}

static bool load_tokens(struct peer_auth *a, const char *path, struct buf *out_problem)
{
    struct buf text = {0};
    if (!read_file(path, &text)) {
        buf_addf(out_problem, "%s: %s", path, strerror(errno));
        buf_release(&text);
        return false;
    }
    size_t line;
    const char *why;
    bool ok = publish_tokens_parse(buf_str(&text), &a->tokens, &line, &why);
    if (!ok) {
        buf_addf(out_problem, "%s:%zu: %s", path, line, why);
    }
    buf_release(&text);
    return ok;
}

static bool copy_names(struct peer_auth *a, const struct string_list *names)
{
    if (names->n == 0) {
        return true;
    }
    a->names.v = calloc(names->n, sizeof(*a->names.v));
    if (!a->names.v) {
        return false;
    }
    for (size_t i = 0; i < names->n; i++) {
        a->names.v[i] = strdup(names->v[i]);
        if (!a->names.v[i]) {
            return false;
        }
        a->names.n++;
    }
    return true;
}

struct peer_auth *peer_auth_create(const struct peer_auth_options *o, struct buf *out_problem)
{
    struct peer_auth *a = calloc(1, sizeof(*a));
    if (!a || !copy_names(a, o->client_names)) {
        buf_add(out_problem, STR("out of memory"));
        return peer_auth_free(a);
    }
    a->trust_all = o->trust_all;
    if (o->tokens_file[0] != '\0' && !load_tokens(a, o->tokens_file, out_problem)) {
        return peer_auth_free(a);
    }
    return a;
}

struct peer_auth *peer_auth_free(struct peer_auth *a)
{
    if (a) {
        publish_tokens_release(&a->tokens);
        for (size_t i = 0; i < a->names.n; i++) {
            free(a->names.v[i]);
        }
        free(a->names.v);
        free(a);
    }
    return NULL;
}

bool peer_auth_has_tokens(const struct peer_auth *a)
{
    return a->tokens.n > 0;
}

/* The subject's common name; false: there is none that can be shown. */
static bool common_name(X509 *cert, char out[static COMMON_NAME_MAX + 1])
{
    int n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out,
                                      COMMON_NAME_MAX + 1);
    for (int i = 0; i < n; i++) {
        unsigned char c = (unsigned char)out[i];
        if (c < ' ' || c >= 0x7f) { /* whatever the encoding of the rest is */
            return false;
        }
    }
    return n > 0;
}

/* The first of the names that the certificate has, or NULL. */
static const char *accepted_name(X509 *cert, const struct string_list *names)
{
    char cn[COMMON_NAME_MAX + 1];
    bool has_cn = common_name(cert, cn);
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->v[i];
        if (X509_check_host(cert, name, 0,
                            X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS,
                            NULL) == 1 ||
            (has_cn && strcmp(cn, name) == 0)) {
            return name;
        }
    }
    return NULL;
}

/* By its key, whatever names its authority has let it write into the certificate. */
static void name_key(const X509 *cert, char out[static HTTP_PEER_MAX + 1])
{
    static const struct str prefix = {"key:", 4};
    const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(cert);
    struct str bytes = {(const char *)ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key)};
    memcpy(out, prefix.p, prefix.n);
    sha256_hex(bytes, out + prefix.n);
}

/* False: it has none of the names that are accepted. */
static bool identify(const struct peer_auth *a, X509 *cert, char out[static HTTP_PEER_MAX + 1])
{
    if (a->names.n == 0) {
        name_key(cert, out);
        return true;
    }
    const char *name = accepted_name(cert, &a->names);
    if (name && strlen(name) <= NAME_MAX_BYTES) {
        (void)snprintf(out, HTTP_PEER_MAX + 1, "name:%s", name);
    } else if (name) {
        name_key(cert, out);
    }
    return name != NULL;
}

/* The token of `Bearer TOKEN`; empty when it is anything else. */
static struct str bearer_token(struct str authorization)
{
    static const struct str scheme = {"bearer ", 7};
    if (authorization.n <= scheme.n ||
        !http_same_word((struct str){authorization.p, scheme.n}, scheme)) {
        return STR_NONE;
    }
    struct str token = str_after(authorization, scheme.n);
    while (token.n > 0 && token.p[0] == ' ') {
        token = str_after(token, 1);
    }
    return token;
}

enum peer_verdict peer_auth_check(const struct peer_auth *a, const struct ssl_st *ssl,
                                  struct str authorization, char name[static HTTP_PEER_MAX + 1])
{
    if (a->trust_all) {
        (void)snprintf(name, HTTP_PEER_MAX + 1, "loopback");
        return PEER_KNOWN;
    }
    X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    bool genuine = cert && SSL_get_verify_result(ssl) == X509_V_OK;
    if (genuine && identify(a, cert, name)) {
        return PEER_KNOWN;
    }
    struct str token = bearer_token(authorization);
    const char *owner = token.n > 0 ? publish_tokens_find(&a->tokens, token) : NULL;
    if (owner) {
        (void)snprintf(name, HTTP_PEER_MAX + 1, "token:%s", owner);
        return PEER_KNOWN;
    }
    return genuine ? PEER_FORBIDDEN : PEER_UNKNOWN;
}
