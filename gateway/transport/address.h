/* SPDX-License-Identifier: MIT */
#pragma once
/* address: whose connection this is: an IP address as a value, networks of them, and what trusted
 * proxies say about who stands behind them. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct http_head;
struct sockaddr;
struct string_list;

/* IPv6, or IPv4 as ::ffff:a.b.c.d, so that one address has one form. */
struct address {
    uint8_t bytes[16];
};
#define ADDRESS_TEXT_MAX 46

MUST_CHECK bool address_of_sockaddr(const struct sockaddr *sa, struct address *out);
/* A number, also as `1.2.3.4:80`, `[::1]:80` or `[::1]`, as proxies write them. */
MUST_CHECK bool address_parse(struct str text, struct address *out);
/* Where its questions stand in line (gateway/access/auth_lines.h): one number for each IPv4 address,
 * one for each /64 of IPv6, whose owner could use any of its addresses. 0 of this machine's own
 * 127.0.0.1 and ::1: a proxy that does not say for whom it speaks, perhaps. */
uint64_t address_line(const struct address *a);
/* IPv4 in its own form. Terminated; the length is returned. */
size_t address_write(const struct address *a, char out[static ADDRESS_TEXT_MAX]);

struct network {
    struct address base;
    unsigned prefix_bits; /* 0-128 */
};
struct networks {
    struct network *v; /* owned */
    size_t n;
};
/* `10.0.0.0/8`, or an address alone. False: out of memory, or *out_bad is the entry that is none. */
MUST_CHECK bool networks_parse(const struct string_list *list, struct networks *out,
                               const char **out_bad);
void networks_release(struct networks *n);
bool networks_hold(const struct networks *n, const struct address *a);

/* Who stands behind a trusted proxy: the last address of X-Forwarded-For that is not itself a
 * trusted proxy, else X-Real-IP. False: the proxy says nothing that can be read. */
MUST_CHECK bool address_forwarded(const struct networks *trusted, const struct http_head *r,
                                  struct address *out);

/* Does the request come from this machine, and not through a proxy? peer: after what
 * address_forwarded() told. A proxy on this machine that says nothing of its clients passes on their
 * Host, so that must name this machine, too (and not a site whose name was made to lead here). */
bool address_is_local(const struct networks *trusted, const struct http_head *r,
                      const struct address *peer);
