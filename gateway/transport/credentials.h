/* SPDX-License-Identifier: MIT */
#pragma once
/* credentials: the one credential of an upgrade request: the `ouat` cookie, else `Authorization:
 * token T`, else the `api_token` cookie. Pure.
 */
#include <stdbool.h>

#include "common/str.h"

struct http_head;

/* The token, which points into the request; STR_NONE when there is none. Text outside the grammar
 * of tokens is no credential. Cookies count only when the request's origin is allowed: another
 * site's page must not act with its visitor's cookies. */
struct str credentials_find(const struct http_head *r, bool cookies_allowed);
