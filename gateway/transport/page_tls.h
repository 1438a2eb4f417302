/* SPDX-License-Identifier: MIT */
#pragma once
/* page_tls: a page inside TLS, on a connection of libwebsockets.
 */
#include <stdbool.h>

struct gw;
struct lws;
struct page;
struct request;

/* The request is answered by a page from here on; see page_create(). NULL: out of memory. */
struct page *page_tls_create(struct gw *gw, const struct request *r, bool is_local,
                             struct lws *wsi);
/* lws can write. False: the page has been sent, or it cannot be: end the connection. */
bool page_tls_writable(struct page *p, struct lws *wsi);
