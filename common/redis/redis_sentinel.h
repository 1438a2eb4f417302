/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_sentinel: where is the master? Asks the Sentinels of a URL one after the other until one
 * knows. A private part of redis_link.
 */
#include <stdint.h>

#include "common/compiler.h"
#include "common/redis/redis_url.h"

struct loop;
struct redis_access;
struct redis_sentinel;

/* host is NULL when none could say; then why tells what the last one's trouble was. Both are valid
 * during the call, and the question is gone after it. */
typedef void (*redis_sentinel_fn)(const char *host, uint16_t port, const char *why, void *arg);

/* Calls fn once, from the loop, never inside this call. url and access are borrowed meanwhile. NULL
 * when out of memory. */
MUST_CHECK struct redis_sentinel *redis_sentinel_ask(struct loop *l, const struct redis_url *url,
                                                     struct redis_access *const *access,
                                                     redis_sentinel_fn fn, void *arg);
/* fn will not be called. Not inside a callback of a reply. Accepts NULL. */
void redis_sentinel_cancel(struct redis_sentinel *s);
