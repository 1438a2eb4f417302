/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_deflate.h"

#include <libwebsockets.h>

static const struct lws_ext_options no_options[] = {{NULL, EXTARG_NONE}};

/* lws wants something to keep, and options to look for. Otherwise 0: nothing was done. */
static int on_extension(struct lws_context *context UNUSED, const struct lws_extension *extension,
                        struct lws *wsi UNUSED, enum lws_extension_callback_reasons why, void *user,
                        void *in, size_t n UNUSED)
{
    if (why == LWS_EXT_CB_CONSTRUCT) {
        *(const void **)user = extension;
        *(const struct lws_ext_options **)in = no_options;
    }
    return 0;
}

static const struct lws_extension extensions[] = {
    {WS_DEFLATE_NAME, on_extension, WS_DEFLATE_NAME},
    {NULL, NULL, NULL},
};
const struct lws_extension *const ws_deflate_extensions = extensions;

/* Which offer is taken was found out before (ws_extensions.c), and lws is not to know: it drops a
 * client that mentions an extension again after it was applied. Hence at the last mention. */
bool ws_deflate_confirm(struct ws_deflate *d)
{
    return d->is_agreed && --d->mentions == 0;
}

/* The answer's parameters go behind the name, which is the last that lws wrote. */
bool ws_deflate_add_headers(const struct ws_deflate *d, struct lws_process_html_args *args)
{
    static const char end[] = WS_DEFLATE_NAME "\r\n";
    const size_t end_len = sizeof(end) - 1;
    struct str answer = ws_deflate_answer(d);
    if (!d->is_agreed) {
        return true;
    }
    if (args->max_len < (int)answer.n || memcmp(args->p - end_len, end, end_len) != 0) {
        return false;
    }
    args->p -= 2;
    memcpy(args->p, answer.p, answer.n);
    args->p += answer.n;
    memcpy(args->p, "\r\n", 2);
    args->p += 2;
    return true;
}
