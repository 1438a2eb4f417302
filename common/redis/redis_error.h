/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_error: what an error reply means, of a command or from inside a script, on any supported
 * server.
 */
#include "common/redis/redis_reply.h"

enum redis_error {
    REDIS_ERROR_NONE,     /* not an error reply */
    REDIS_ERROR_NOSCRIPT, /* send again */
    REDIS_ERROR_READONLY, /* a replica: not executed */
    REDIS_ERROR_AWAY,     /* LOADING BUSY MASTERDOWN CLUSTERDOWN TRYAGAIN: not executed */
    REDIS_ERROR_FULL,     /* OOM MISCONF NOREPLICAS: not executed */
    REDIS_ERROR_DENIED,   /* NOAUTH WRONGPASS NOPERM, or the ACL refused a script's command */
    REDIS_ERROR_OTHER
};
/* NULL is no error. */
enum redis_error redis_error_of(const struct redis_reply *r);
/* The same of the error's text. */
enum redis_error redis_error_of_text(struct str text);
