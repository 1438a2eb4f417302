/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_known: credentials that the judge has accepted in the last AUTH_KNOWN_MS, by a keyed hash.
 * Bounded; the one that was accepted longest ago goes first. Pure: the time is an argument.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/strmap.h"

enum { AUTH_KNOWN_MS = 600000, AUTH_KNOWN_MAX = 65536 };

struct auth_known {
    struct strmap by_key; /* of struct known, owned */
    struct list by_age;   /* the oldest first */
};
void auth_known_init(struct auth_known *k);
void auth_known_release(struct auth_known *k);
uint64_t auth_known_key(struct str token);
bool auth_known_has(const struct auth_known *k, uint64_t key, uint64_t now_ms);
/* Without memory it is not known. */
void auth_known_accept(struct auth_known *k, uint64_t key, uint64_t now_ms);
void auth_known_forget(struct auth_known *k, uint64_t key);
