/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_access: what opens Redis and its Sentinels beside the URL: certificates, and the Sentinels'
 * own user. A value made whole from the settings, so that a reload can replace it; links look at it
 * each time they connect.
 */
#include "common/compiler.h"

struct settings;
struct ssl_st;

struct redis_access {
    struct ssl_ctx_st *tls; /* owned; NULL: no URL asks for TLS */
    char *server_name;      /* owned; what servers' certificates must name; "": the URL's host */
    char *sentinel_user, *sentinel_password; /* owned; "": none */
};

/* Reads the files. NULL with *out_reason, a sentence ("Redis.TLS: …") that is valid until the next
 * call. */
MUST_CHECK struct redis_access *redis_access_create(const struct settings *s,
                                                    const char **out_reason);
struct redis_access *redis_access_free(struct redis_access *a); /* accepts NULL */
DEFINE_AUTO(redis_access)
/* For a connection to this host. NULL: out of memory, or there is no TLS. */
MUST_CHECK struct ssl_st *redis_access_ssl(const struct redis_access *a, const char *host);
