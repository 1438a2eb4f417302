/* SPDX-License-Identifier: MIT */
#pragma once
/* origin: may the page that makes this request use our connections? Pure.
 */
#include <stdbool.h>

struct http_head;
struct string_list;

/* The rule of AllowedOrigins (protocol.md, section 1): a listed origin, or, when none is listed, the
 * one whose host name is the request's. A request without Origin is allowed unless its browser says
 * that it comes from another site. */
bool origin_is_allowed(const struct http_head *r, const struct string_list *allowed);
