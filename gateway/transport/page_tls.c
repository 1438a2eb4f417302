/* SPDX-License-Identifier: MIT */
#include "gateway/transport/page_tls.h"

#include <libwebsockets.h>

#include "gateway/transport/page.h"

enum { PIECE_BYTES = 16384 }; /* of one record of TLS */

static void on_ready(void *arg)
{
    (void)lws_callback_on_writable(arg);
}

struct page *page_tls_create(struct gw *gw, const struct request *r, bool is_local, struct lws *wsi)
{
    const struct page_options o = {
        .gw = gw, .request = r, .is_local = is_local, .on_ready = on_ready, .arg = wsi};
    struct page *p = page_create(&o);
    if (p) {
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* ws_conn.c has a deadline for it */
        (void)lws_callback_on_writable(wsi);
    }
    return p;
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
