/* SPDX-License-Identifier: MIT */
#pragma once
/* resolve: a host name -> its addresses as numbers, without ever blocking the loop. hiredis and
 * evhttp would ask the system's resolver, and a dead one would stop the process for seconds.
 */
#include <arpa/inet.h>
#include <stddef.h>

#include "common/compiler.h"

/* All that evdns can give: 32 of each family. */
#define RESOLVE_MAX_ADDRESSES 64

struct loop;
struct resolve;

struct resolve_address {
    char text[INET6_ADDRSTRLEN];
};
/* n is 0 when the name could not be resolved; then why says so (static text), else it is NULL.
 * The addresses are valid during the call, and the resolve is gone after it. */
typedef void (*resolve_fn)(const struct resolve_address *addresses, size_t n, const char *why,
                           void *arg);

/* Calls fn once, from the loop and never inside this call. A host that is a number is its own only
 * address; `localhost` and names below it are this machine, without anybody being asked (RFC 6761). NULL when out of memory. */
MUST_CHECK struct resolve *resolve_start(struct loop *l, const char *host, resolve_fn fn,
                                         void *arg);
/* fn will not be called. Accepts NULL. */
void resolve_cancel(struct resolve *r);
