/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_cache: recent answers of the frontend, least recently used first out. Keys are SHA-256 of the
 * whole question, so that no token stays in memory for it. Pure: the time is an argument.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "gateway/access/auth.h"

struct auth_cache;
struct held_answer;

#define AUTH_KEY_BYTES 32
struct auth_key {
    uint8_t bytes[AUTH_KEY_BYTES];
};
/* Of kind, token and filters. False: OpenSSL is out of memory. */
MUST_CHECK bool auth_key_make(const struct auth_question *q, struct auth_key *out);
static inline struct str auth_key_str(const struct auth_key *k)
{
    return (struct str){(const char *)k->bytes, sizeof(k->bytes)};
}

struct auth_cache *auth_cache_create(size_t max_entries);
struct auth_cache *auth_cache_free(struct auth_cache *c); /* accepts NULL */
/* How long an AUTH_OK serves; refusals serve 1 s. 0 keeps nothing at all. */
void auth_cache_set_lifetime(struct auth_cache *c, uint64_t positive_ms);
/* The answer, borrowed until the next call to the cache, or NULL. */
struct held_answer *auth_cache_get(struct auth_cache *c, const struct auth_key *k, uint64_t now_ms);
/* Keeps a reference to the answer to a question that was asked at asked_ms: its age counts from
 * then. AUTH_UNAVAILABLE is no answer and is not kept; nor is what is too old already, or older
 * than the one that is there. Without memory nothing is kept. */
void auth_cache_put(struct auth_cache *c, const struct auth_key *k, struct held_answer *h,
                    uint64_t asked_ms, uint64_t now_ms);
/* Drops every answer that names this user. Looks at all entries: those are what was asked in the
 * last two seconds. */
void auth_cache_forget_user(struct auth_cache *c, struct str user);
/* Drops what has been unused and is too old. */
void auth_cache_sweep(struct auth_cache *c, uint64_t now_ms);
void auth_cache_clear(struct auth_cache *c);
size_t auth_cache_count(const struct auth_cache *c);
