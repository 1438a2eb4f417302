/* SPDX-License-Identifier: MIT */
/* publish_tokens: only digests are kept, so the file and a core dump give no token away. */
#include "publisher/publish_tokens.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>

struct publish_token {
    char name[PUBLISH_TOKEN_NAME_MAX + 1];
    uint8_t digest[SHA256_DIGEST_LENGTH];
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct str trim(struct str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s = str_after(s, 1);
    }
    while (s.n > 0 && is_space(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

static struct str take_line(struct str *text)
{
    const char *lf = memchr(text->p, '\n', text->n);
    struct str line = {text->p, lf ? (size_t)(lf - text->p) : text->n};
    *text = str_after(*text, lf ? line.n + 1 : line.n);
    return trim(line);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_digest(struct str s, uint8_t out[static SHA256_DIGEST_LENGTH])
{
    if (s.n != (size_t)2 * SHA256_DIGEST_LENGTH) {
        return false;
    }
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        int high = hex_value(s.p[2 * i]);
        int low = hex_value(s.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] == 0x7f) {
            return false;
        }
    }
    return s.n > 0 && s.n <= PUBLISH_TOKEN_NAME_MAX;
}

static const char *parse_line(struct str line, struct publish_token *out)
{
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon) {
        return "not of the form name:sha256-of-token";
    }
    struct str name = trim((struct str){line.p, (size_t)(colon - line.p)});
    if (!is_name(name)) {
        return "the name must have 1 to 100 characters and no blank";
    }
    if (!parse_digest(trim(str_after(line, (size_t)(colon - line.p) + 1)), out->digest)) {
        return "the digest must have 64 hexadecimal digits";
    }
    memcpy(out->name, name.p, name.n);
    out->name[name.n] = '\0';
    return NULL;
}

/* A new element at the end, or NULL. */
static struct publish_token *grow(struct publish_tokens *t)
{
    struct publish_token *v = reallocarray(t->v, t->n + 1, sizeof(*v));
    if (!v) {
        return NULL;
    }
    t->v = v;
    return &v[t->n];
}

bool publish_tokens_parse(struct str text, struct publish_tokens *out, size_t *out_line,
                          const char **out_why)
{
    struct publish_tokens t = {0};
    for (size_t number = 1; text.n > 0; number++) {
        struct str line = take_line(&text);
        if (line.n == 0 || line.p[0] == '#') {
            continue;
        }
        struct publish_token *slot = grow(&t);
        const char *why = slot ? parse_line(line, slot) : "out of memory";
        if (why) {
            *out_line = number;
            *out_why = why;
            publish_tokens_release(&t);
            return false;
        }
        t.n++;
    }
    *out = t;
    return true;
}

void publish_tokens_release(struct publish_tokens *t)
{
    free(t->v);
    *t = (struct publish_tokens){0};
}

const char *publish_tokens_find(const struct publish_tokens *t, struct str token)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)token.p, token.n, digest); /* returns its argument */
    const char *name = NULL;
    for (size_t i = 0; i < t->n; i++) {
        if (CRYPTO_memcmp(digest, t->v[i].digest, sizeof(digest)) == 0) {
            name = t->v[i].name;
        }
    }
    return name;
}
