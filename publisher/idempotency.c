/* SPDX-License-Identifier: MIT */
/* idempotency: hashing. */
#include "publisher/idempotency.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

#include "common/http/http_server.h"

enum { KEY_MAX = 255 };

bool idempotency_key_valid(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] < ' ' || key.p[i] > '~') {
            return false;
        }
    }
    return key.n > 0 && key.n <= KEY_MAX;
}

static void write_hex(const uint8_t digest[static SHA256_DIGEST_LENGTH],
                      char out[static SHA256_HEX_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[SHA256_HEX_LEN] = '\0';
}

void sha256_hex(struct str s, char out[static SHA256_HEX_LEN + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)s.p, s.n, digest); /* returns its argument */
    write_hex(digest, out);
}

void idempotency_make(struct str identity, struct str key, struct idempotency *out)
{
    unsigned char text[HTTP_PEER_MAX + 1 + KEY_MAX];
    assert(identity.n <= HTTP_PEER_MAX && key.n <= KEY_MAX);
    memcpy(text, identity.p, identity.n);
    text[identity.n] = 0;
    memcpy(text + identity.n + 1, key.p, key.n);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256(text, identity.n + 1 + key.n, digest); /* returns its argument */
    write_hex(digest, out->hex);
    memcpy(out->id, digest, EVENT_ID_BYTES);
}

void event_id_write(const uint8_t id[static EVENT_ID_BYTES], char out[static EVENT_ID_LEN + 1])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_";
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < EVENT_ID_BYTES; i++) {
        bits = bits << 8 | id[i];
        for (n_bits += 8; n_bits >= 6; n_bits -= 6) {
            out[at++] = alphabet[bits >> (n_bits - 6) & 63];
        }
    }
    out[at++] = alphabet[bits << (6 - n_bits) & 63]; /* the last two bits */
    out[at] = '\0';
}
