/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_url: redis://[user:pass@]host[:port][/db], unix://[user:pass@]path[?db=N] and
 * redis+sentinel://[user:pass@]h1[:p],h2[:p]/name[/db]; rediss:// and rediss+sentinel:// for TLS.
 * User and password are percent-decoded: / ? # and % in them must be encoded, @ and : may be.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

#define REDIS_URL_MAX_HOSTS 8

enum redis_url_kind { REDIS_URL_TCP, REDIS_URL_UNIX, REDIS_URL_SENTINEL };
struct redis_url {
    enum redis_url_kind kind;
    char *text; /* owned: the strings below point into it */
    struct redis_url_host {
        const char *name; /* host, or the socket's path; IPv6 without brackets */
        uint16_t port;
    } hosts[REDIS_URL_MAX_HOSTS];
    size_t n_hosts;
    const char *user, *password, *service; /* NULL when absent; service: Sentinel's name */
    int db;
    bool tls; /* to Redis and to Sentinels */
};
/* On failure returns false and *out_why a static sentence. */
MUST_CHECK bool redis_url_parse(struct str s, struct redis_url *out, const char **out_why);
void redis_url_release(struct redis_url *u);
