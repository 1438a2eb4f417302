/* SPDX-License-Identifier: MIT */
#pragma once
/* server_list: the Redis servers of the configuration (`Redis.URLs`, or the one `Redis.URL`) and
 * which topic lives on which of them. Publishers and gateways must agree: both compare a digest of
 * the list with the key `P:servers` on each server.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/str.h"

#define SERVER_LIST_MAX 16
#define SERVER_LIST_DIGEST_MAX 80
#define SERVER_LIST_PREFIX_MAX 216

unsigned server_list_count(const struct settings *s); /* at least 1 */
const char *server_list_url(const struct settings *s, unsigned i);
/* What every name on a server begins with: `Redis.Channel`, and in a database other than 0 `:@` and
 * its number, since channels of pub/sub belong to no database. */
void server_list_prefix(const struct settings *s, unsigned i,
                        char out[static SERVER_LIST_PREFIX_MAX]);
/* `n:` and a hash of hosts, ports and databases in order (not of users and passwords, which differ
 * from process to process); of a single server, which may go by many names, `1:` alone. */
MUST_CHECK bool server_list_digest(const struct settings *s,
                                   char out[static SERVER_LIST_DIGEST_MAX], const char **out_why);
/* The server of a topic; of `all` it is 0, of `all/2` it is 2. */
unsigned server_list_of(struct str topic, unsigned n);
