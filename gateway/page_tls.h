/* SPDX-License-Identifier: MIT */
#pragma once
/* page_tls: a page inside TLS, on a connection of libwebsockets.
 */
#include <stdbool.h>

struct lws;
struct page;

/* The request is answered by a page from here on. */
void page_tls_begin(struct lws *wsi);
/* lws can write. False: the page has been sent, or it cannot be: end the connection. */
bool page_tls_writable(struct page *p, struct lws *wsi);
