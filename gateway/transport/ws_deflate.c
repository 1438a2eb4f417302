/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_deflate.h"

#include <libwebsockets.h>

#include "gateway/transport/ws_extensions.h"

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
