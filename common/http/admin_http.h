/* SPDX-License-Identifier: MIT */
#pragma once
/* admin_http: a plain HTTP port for machines: /health, /ready, /metrics and what its owner adds.
 * GET and HEAD only, without bodies; answers are built at once by a function of the owner. One request
 * per connection, and few connections at once, so that nobody can take the process's descriptors here.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"

struct loop;
struct admin_http;

struct admin_answer {
    int status;               /* 200 unless set */
    const char *content_type; /* static */
    struct buf body;          /* released by admin_http */
};
struct admin_route {
    const char *path;
    /* Fills *a (zeroed but for status 200). */
    void (*fn)(struct admin_answer *a, void *arg);
    bool loopback_only; /* 403 for anybody else */
};
/* Listens on bind:port (a number; "" = all addresses; port 0 = a free one). -errno on failure. */
MUST_CHECK int admin_http_create(struct loop *l, const char *bind, uint16_t port,
                                 const struct admin_route *routes, size_t n_routes, void *arg,
                                 struct admin_http **out_admin);
struct admin_http *admin_http_free(struct admin_http *a); /* accepts NULL */
DEFINE_AUTO(admin_http)
uint16_t admin_http_port(const struct admin_http *a);
