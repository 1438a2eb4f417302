/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_deflate: permessage-deflate as an extension of libwebsockets that does nothing. Negotiated, it
 * makes lws let compressed messages pass as they are; inflate.c and deflate.c do the work, for all
 * connections alike. (lws's own keeps zlib's state for each, and promises a window that it does not
 * keep to.)
 */
struct lws_extension;

/* The list of extensions of a vhost. */
extern const struct lws_extension *const ws_deflate_extensions;
