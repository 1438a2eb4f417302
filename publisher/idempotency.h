/* SPDX-License-Identifier: MIT */
#pragma once
/* idempotency: event ids, and what an Idempotency-Key becomes. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "proto/event.h"

#define SHA256_HEX_LEN 64
#define EVENT_ID_BYTES 16

/* 1 to 255 printable ASCII characters. */
bool idempotency_key_valid(struct str key);
/* What names a request with a key: SHA-256 of (identity, 0, key). The key's own place in Redis is
 * its hexadecimal form; an event's id is its first 16 bytes, so that whoever completes an event over
 * several servers makes the same one. */
struct idempotency {
    char hex[SHA256_HEX_LEN + 1];
    uint8_t id[EVENT_ID_BYTES];
};
void idempotency_make(struct str identity, struct str key, struct idempotency *out);
/* base64url without padding. */
void event_id_write(const uint8_t id[static EVENT_ID_BYTES], char out[static EVENT_ID_LEN + 1]);
void sha256_hex(struct str s, char out[static SHA256_HEX_LEN + 1]);
