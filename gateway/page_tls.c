/* SPDX-License-Identifier: MIT */
#include "gateway/page_tls.h"

#include <libwebsockets.h>

#include "gateway/page.h"

enum { PIECE_BYTES = 16384 }; /* of one record of TLS */

void page_tls_begin(struct lws *wsi)
{
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* ws_conn.c has a deadline for it */
    (void)lws_callback_on_writable(wsi);
}

bool page_tls_writable(struct page *p, struct lws *wsi)
{
    char piece[PIECE_BYTES];
    size_t n;
    if (lws_partial_buffered(wsi) || !page_is_ready(p)) {
        return true; /* this will be called again */
    }
    if (!page_read(p, piece, sizeof(piece), &n) || n == 0 ||
        lws_write(wsi, (unsigned char *)piece, n, LWS_WRITE_RAW) < 0) {
        return false;
    }
    page_took(p, n);
    (void)lws_callback_on_writable(wsi);
    return true;
}
