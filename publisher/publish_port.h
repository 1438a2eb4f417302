/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_port: what the HTTP server of the publisher is told: limits, deadlines, counters.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct http_server;
struct loop;
struct pub_metrics;
struct routes;
struct ssl_ctx_st;

struct publish_port_options {
    const char *bind;            /* a name or number; "" = all addresses */
    uint16_t port;               /* 0: a free one */
    bool owns_port;              /* else other publishers may listen on the same one */
    struct ssl_ctx_st *tls;      /* a reference of its own is taken; NULL: plain HTTP */
    struct routes *routes;       /* borrowed, outlives the server */
    struct pub_metrics *metrics; /* borrowed, outlives the server */
};
/* Listens. -errno on failure. */
MUST_CHECK int publish_port_open(struct loop *l, const struct publish_port_options *o,
                                 struct http_server **out_server);
