/* SPDX-License-Identifier: MIT */
#pragma once
/* https_server: the publisher's port: listens, takes connections, ends them at their deadlines.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "publisher/https_conn.h"

struct https_server;
struct https_server_options {
    const char *bind;                   /* a name or number; "" = all addresses */
    uint16_t port;                      /* 0: a free one */
    struct ssl_ctx_st *tls;             /* a reference of its own is taken; NULL: plain HTTP */
    const struct http_handler *handler; /* static */
    void *handler_arg;                  /* borrowed, outlives the server */
    struct pub_metrics *metrics;        /* borrowed, outlives the server */
};

/* Listens. -errno on failure. */
MUST_CHECK int https_server_create(struct loop *l, const struct https_server_options *o,
                                   struct https_server **out_server);
/* No exchange may be waiting for its reply. Accepts NULL. */
struct https_server *https_server_free(struct https_server *s);
DEFINE_AUTO(https_server)
/* For connections that come from now on. Takes a reference of its own. */
void https_server_set_tls(struct https_server *s, struct ssl_ctx_st *tls);
/* Stops listening; connections end with the answer they are waiting for. */
void https_server_stop(struct https_server *s);
size_t https_server_connections(const struct https_server *s);
uint16_t https_server_port(const struct https_server *s);
