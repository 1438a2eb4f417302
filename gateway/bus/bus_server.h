/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_server: a gateway's two connections to one Redis (bus.h says why two).
 *
 * A server is up when both links are ready, the probe that was published on one was heard on the
 * other, and P:servers names the same list of servers as ours.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/redis/redis_call.h"
#include "common/str.h"

struct bus;
struct bus_server;
struct gw_metrics;
struct loop;
struct redis_access;
struct redis_script;

struct bus_server_options {
    struct loop *loop; /* borrowed, as the rest */
    unsigned index;
    const char *url;        /* during the call only */
    const char *channel;    /* during the call only: P */
    struct str list_digest; /* what P:servers must say */
    struct bus *bus;
    struct redis_access *const *access; /* redis_link.h */
    struct gw_metrics *metrics;
    struct redis_script *topic_script;
};
MUST_CHECK int bus_server_create(const struct bus_server_options *o, struct bus_server **out_server,
                                 const char **out_why);
struct bus_server *bus_server_free(struct bus_server *b); /* accepts NULL */
DEFINE_AUTO(bus_server)
void bus_server_start(struct bus_server *b);
bool bus_server_is_up(const struct bus_server *b);

void bus_server_subscribe(struct bus_server *b, struct str name);
void bus_server_unsubscribe(struct bus_server *b, struct str name);

/* topic.lua on this name. False: the reader is away. */
MUST_CHECK bool bus_server_eval(struct bus_server *b, struct str name,
                                const struct redis_asker *who, int argc, const struct str *argv);
/* A command whose first argument after its name gets the prefix. */
MUST_CHECK bool bus_server_command(struct bus_server *b, const struct redis_asker *who, int argc,
                                   const struct str *argv);

bool bus_server_may_evict(const struct bus_server *b);

/* bus.c: what a server tells. Names are without the prefix `P:`. */
void bus_on_links(struct bus *b);    /* bus_server_is_up() changed */
void bus_on_eviction(struct bus *b); /* bus_server_may_evict() did */
void bus_on_up(struct bus *b, unsigned server);
void bus_on_down(struct bus *b, unsigned server);
void bus_on_reader_up(struct bus *b, unsigned server);
void bus_on_subscribed(struct bus *b, unsigned server, struct str name);
void bus_on_message(struct bus *b, unsigned server, struct str name, struct str bytes);
