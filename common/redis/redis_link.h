/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_link: one asynchronous RESP3 connection to one Redis, made again for ever.
 *
 * States (the only place that changes them is redis_link.c):
 *   CLOSED     -> CONNECTING  redis_link_start, or the end of a back-off
 *   CONNECTING -> READY       TCP/TLS up, HELLO 3 (role master, not a cluster), AUTH, SELECT, INFO
 *                             server + replication read, scripts loaded
 *   CONNECTING, READY -> BACKOFF  any failure; jittered delay 100 ms … 5 s
 *   any        -> CLOSED      redis_link_free
 *
 * Every command's callback fires exactly once: with the reply, or with NULL when the link was lost
 * first (whether Redis executed it is then unknown). Callbacks run from the loop, never inside the
 * call that asked, and may call anything here but redis_link_free(); who no longer wants an answer
 * cancels (redis_call.h). A PING every 5 s and a limit on
 * unanswered time find a dead link; a limit on unsent bytes is checked on each command.
 * Host names are resolved without blocking. The library that speaks the protocol stays inside.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/redis/redis_call.h"
#include "common/redis/redis_error.h"
#include "common/redis/redis_url.h"
#include "common/str.h"

struct loop;
struct redis_access;
struct redis_link;

enum redis_link_state {
    REDIS_LINK_CLOSED,
    REDIS_LINK_CONNECTING,
    REDIS_LINK_READY,
    REDIS_LINK_BACKOFF
};

/* A Lua script, loaded on every connection before READY; a static text. */
struct redis_script {
    const char *name;
    const char *text;
    size_t len;
    char sha[41]; /* filled in by redis_script_init() */
};
void redis_script_init(struct redis_script *s, const char *name, const char *text, size_t len);

struct redis_link_handler {
    void (*on_ready)(void *arg);
    /* Also when a first connection fails. Every pending command's callback has run by then. */
    void (*on_lost)(const char *why, void *arg);
    /* Only for links that subscribe; may be NULL. Strings are valid during the call. */
    void (*on_subscribed)(struct str channel, void *arg);
    void (*on_message)(struct str channel, struct str payload, void *arg);
    /* redis_link_eviction() says something else than before; asked again every 10 s. May be NULL:
     * then it is asked for at the connect only. */
    void (*on_eviction)(void *arg);
};
struct redis_link_options {
    const char *name;            /* for the log: "writer", "subscriber", "reader"; static */
    const struct redis_url *url; /* borrowed, outlives the link */
    /* Borrowed; looked at at each connect, so that another one may be put there. May be NULL for
     * URLs without TLS. */
    struct redis_access *const *access;
    const struct redis_link_handler *handler; /* static */
    void *arg;
    struct redis_script **scripts; /* borrowed, outlive the link */
    size_t n_scripts;
    uint32_t reply_timeout_ms; /* 0: 5,000 */
    size_t max_unsent_bytes;   /* 0: 64 MiB */
};

MUST_CHECK int redis_link_create(struct loop *l, const struct redis_link_options *o,
                                 struct redis_link **out_link);
/* Also fires what is pending with NULL. Not from a callback of this link. Accepts NULL. */
struct redis_link *redis_link_free(struct redis_link *r);
DEFINE_AUTO(redis_link)
void redis_link_start(struct redis_link *r);
/* Closes and connects anew at once (for a link that accepts commands but delivers nothing). */
void redis_link_restart(struct redis_link *r, const char *why);

enum redis_link_state redis_link_state(const struct redis_link *r);
static inline bool redis_link_is_ready(const struct redis_link *r)
{
    return redis_link_state(r) == REDIS_LINK_READY;
}
/* `run_id:master_replid` as of the last connect, "" before. */
const char *redis_link_history(const struct redis_link *r);
/* Does that still hold, by this answer to INFO replication? A demotion and promotion in place cuts no
 * connection. True when the answer does not say. */
bool redis_link_is_same_history(const struct redis_link *r, const struct redis_reply *info);
/* Redis' maxmemory_policy: "noeviction", another name, or "" unknown. */
const char *redis_link_eviction(const struct redis_link *r);
/* It is known, and lets Redis drop what nobody may lose. */
bool redis_link_may_evict(const struct redis_link *r);
uint64_t redis_link_connects(const struct redis_link *r); /* times it became READY */
size_t redis_link_unsent_bytes(const struct redis_link *r);

/* Sends one command. False when not READY or over max_unsent_bytes: then nobody is called.
 * Arguments and *who are copied. who NULL: the reply is ignored. */
MUST_CHECK bool redis_link_command(struct redis_link *r, const struct redis_asker *who, int argc,
                                   const struct str *argv);
/* EVALSHA. argv: the keys, then the arguments. A NOSCRIPT reply makes the link load the script
 * again before the asker sees the reply, so that it may simply send again. */
MUST_CHECK bool redis_link_eval(struct redis_link *r, const struct redis_script *s,
                                const struct redis_asker *who, int n_keys, int argc,
                                const struct str *argv);
/* SUBSCRIBE/UNSUBSCRIBE of all names in commands of at most 256; confirmations and messages come
 * to the handler. False as above. */
MUST_CHECK bool redis_link_subscribe(struct redis_link *r, const struct str *names, size_t n);
MUST_CHECK bool redis_link_unsubscribe(struct redis_link *r, const struct str *names, size_t n);
