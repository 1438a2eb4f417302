/* SPDX-License-Identifier: MIT */
#pragma once
/* routes: which path and method is whose, who may use it, and how large its body may be.
 */
#include <stdint.h>

#include "common/http/http_server.h"
#include "publisher/client_trust.h"

struct broadcast;
struct control;
struct peer_auth;
struct pub_metrics;
struct service;

struct routes {
    const struct peer_auth *auth; /* borrowed; replaced at a reload */
    struct broadcast *broadcast;  /* borrowed */
    struct control *control;      /* borrowed */
    struct service *service;      /* borrowed */
    struct client_trust trust;    /* set anew at a reload */
    struct pub_metrics *metrics;  /* borrowed */
    uint64_t max_body_bytes;      /* of an event */
};
/* Its argument is a struct routes. */
extern const struct http_handler routes_handler;

/* What follows a route's prefix, percent-decoded, with or without a last slash. False: a bad escape, a
 * slash within, or no memory. Exposed for its test. */
bool routes_decode_name(struct str rest, struct buf *out);
