/* SPDX-License-Identifier: MIT */
#include "common/redis/redis_access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/settings.h"
#include "common/net/tls_ctx.h"
#include "common/redis/redis_url.h"
#include "common/redis/server_list.h"

static bool asks_for_tls(const struct settings *s)
{
    bool tls = false;
    for (unsigned i = 0; i < server_list_count(s); i++) {
        struct redis_url url;
        const char *why;
        if (redis_url_parse(str_of(server_list_url(s, i)), &url, &why)) {
            tls |= url.tls;
            redis_url_release(&url);
        }
    }
    return tls;
}

/* Also when no URL needs them, files that are named must be right. */
static bool make_tls(struct redis_access *a, const struct settings *s, const char **out_why)
{
    const char *ca = s->redis.tls.ca_file, *cert = s->redis.tls.cert_file;
    const char *key = s->redis.tls.key_file;
    if (!*cert != !*key) {
        *out_why = "CertFile and KeyFile need each other";
        return false;
    }
    if (!*ca && !*cert && !asks_for_tls(s)) {
        return true;
    }
    a->tls = tls_client_ctx(*ca ? ca : NULL, out_why);
    return a->tls && (!*cert || tls_client_identity(a->tls, cert, key, out_why));
}

/* *out_reason is "out of memory" at first. */
static bool fill(struct redis_access *a, const struct settings *s, const char **out_reason)
{
    static _Thread_local char text[600];
    const char *why = *out_reason;
    a->server_name = strdup(s->redis.tls.server_name);
    a->sentinel_user = strdup(s->redis.sentinel.username);
    a->sentinel_password = strdup(s->redis.sentinel.password);
    if (!a->server_name || !a->sentinel_user || !a->sentinel_password) {
        return false;
    }
    if (*a->sentinel_user && !*a->sentinel_password) {
        *out_reason = "Redis.Sentinel.Username: needs Redis.Sentinel.Password";
        return false;
    }
    bool ok = make_tls(a, s, &why);
    if (!ok) {
        (void)snprintf(text, sizeof(text), "Redis.TLS: %s", why);
        *out_reason = text;
    }
    return ok;
}

struct redis_access *redis_access_create(const struct settings *s, const char **out_reason)
{
    struct redis_access *a = calloc(1, sizeof(*a));
    *out_reason = "out of memory";
    return a && !fill(a, s, out_reason) ? redis_access_free(a) : a;
}

struct redis_access *redis_access_free(struct redis_access *a)
{
    if (a) {
        tls_ctx_free(a->tls);
        free(a->server_name);
        free(a->sentinel_user);
        free(a->sentinel_password);
        free(a);
    }
    return NULL;
}

struct ssl_st *redis_access_ssl(const struct redis_access *a, const char *host)
{
    if (!a || !a->tls) {
        return NULL;
    }
    return tls_client_ssl(a->tls, *a->server_name ? a->server_name : host);
}
