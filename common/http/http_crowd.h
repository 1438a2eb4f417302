/* SPDX-License-Identifier: MIT */
#pragma once
/* http_crowd: the connections of a server whose peers nobody knows yet, by address (of IPv6, by the
 * network of 64 bits), so that it is known whose give way when there are too many.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"

struct sockaddr;

struct http_crowd {
    struct list groups; /* owned */
    size_t n;
};
/* Embedded in its connection. */
struct http_crowd_member {
    struct list node;
    struct http_crowd_group *group; /* ref; NULL: in no crowd */
};

void http_crowd_init(struct http_crowd *c);
/* False: out of memory. */
MUST_CHECK bool http_crowd_enter(struct http_crowd *c, struct http_crowd_member *m,
                                 const struct sockaddr *peer);
void http_crowd_leave(struct http_crowd *c, struct http_crowd_member *m); /* harmless twice */
/* Has it last in the order in which its address gives way. */
void http_crowd_renew(struct http_crowd_member *m);
/* The oldest of the address that holds most; NULL: there is nobody. */
struct http_crowd_member *http_crowd_weakest(struct http_crowd *c);
