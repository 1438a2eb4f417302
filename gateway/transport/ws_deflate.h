/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_deflate: permessage-deflate as an extension of libwebsockets that does nothing. Negotiated, it
 * makes lws let compressed messages pass as they are, in both directions; inflate.c and deflate.c do
 * the work, for all connections alike. (lws's own keeps zlib's state for each, promises a window that
 * it does not keep to, and does not answer that it goes without context takeover.)
 */
#include <stdbool.h>

#include "gateway/transport/ws_extensions.h"

struct lws_extension;
struct lws_process_html_args;

/* The list of extensions of a vhost. */
extern const struct lws_extension *const ws_deflate_extensions;

/* lws asks at each mention of the extension: may it be applied? */
bool ws_deflate_confirm(struct ws_deflate *d);
/* lws has written the response's headers: completes ours. False: they cannot be sent. */
bool ws_deflate_add_headers(const struct ws_deflate *d, struct lws_process_html_args *args);
