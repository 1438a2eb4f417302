/* SPDX-License-Identifier: MIT */
#pragma once
/* address_limit: how many connections each client address holds (MaxConnectionsPerAddress).
 *
 * IPv6 is counted by its first 64 bits: one customer's network, whose owner could use any of its
 * addresses. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/strmap.h"
#include "gateway/transport/address.h"

struct address_count {
    uint8_t key[16]; /* also the map's key */
    size_t key_len;
    uint32_t connections;
};
struct address_limit {
    struct strmap counts; /* of struct address_count, owned */
};

/* A zeroed one is empty. All connections have left. */
void address_limit_release(struct address_limit *l);
/* Counts one more; give the result to address_limit_leave(). NULL: out of memory, not counted. */
struct address_count *address_limit_enter(struct address_limit *l, const struct address *a);
void address_limit_leave(struct address_limit *l, struct address_count *c); /* accepts NULL */
/* Over the limit, counting the connection that asks? limit 0: never. c may be NULL: not counted. */
bool address_limit_is_over(const struct address_count *c, int64_t limit);
/* So far over it that not even a refusal is owed: the reading of requests from one address is
 * bounded as well. */
bool address_limit_is_flood(const struct address_count *c, int64_t limit);
