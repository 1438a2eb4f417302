/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_conn: one connection to a Redis or a Sentinel, from the host's name to the end. A private
 * part of redis_link; the rules by which hiredis frees its context are known here and nowhere else.
 *
 * on_closed() is called once, after every pending command's callback has had its NULL, unless the
 * owner was quicker with redis_conn_free(). The owner frees, also inside on_closed().
 */
#include <hiredis/async.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct loop;
struct redis_conn;
struct redis_access;

struct redis_conn_handler {
    void (*on_open)(void *arg); /* TCP is up; TLS may still fail */
    void (*on_closed)(const char *why, void *arg);
};
struct redis_conn_target {
    const char *host; /* or the path of a socket; copied */
    uint16_t port;
    bool is_unix;
    size_t first; /* of its addresses, modulo their number, so that attempts begin with others */
    bool tls;
    struct redis_access *const *access; /* borrowed; looked at when TLS begins */
};
/* Resolves and tries one address after the other. NULL when out of memory. */
MUST_CHECK struct redis_conn *redis_conn_open(struct loop *l, const struct redis_conn_target *to,
                                              const struct redis_conn_handler *handler, void *arg);
/* At once, with NULL for every pending command but without on_closed(). Not inside a reply's
 * callback of this connection. Accepts NULL. */
struct redis_conn *redis_conn_free(struct redis_conn *c);
/* Anywhere; on_closed(why) follows, inside this call or at the end of the running callback. */
void redis_conn_close(struct redis_conn *c, const char *why);
/* To send with; NULL before on_open() and once it is closing. Its `data` is ours. */
redisAsyncContext *redis_conn_hiredis(struct redis_conn *c);
/* Before each SUBSCRIBE, for each name: a confirmation that is not awaited ends the connection. */
MUST_CHECK bool redis_conn_await_subscribed(struct redis_conn *c, struct str name);
size_t redis_conn_unsent_bytes(const struct redis_conn *c);
