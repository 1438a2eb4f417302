/* SPDX-License-Identifier: MIT */
#include "gateway/transport/lws_events.h"

#include <libwebsockets.h>
#include <stdlib.h>

#include "common/loop.h"
#include "gateway/transport/lws_link.h"

enum {
    FORCED_AGAIN_MS = 1, /* somebody still has something after having been served once */
    SETTLE_MAX_MS = 60000,
};

struct lws_events {
    struct loop *loop;       /* borrowed */
    struct lws_context *lws; /* borrowed; NULL before it and after it */
    struct deferred settle;
    struct timer later;
};

static void settle(void *arg)
{
    struct lws_events *e = arg;
    if (!e->lws) {
        return;
    }
    int wait_ms = lws_service_adjust_timeout(e->lws, SETTLE_MAX_MS, 0); /* runs its timers, too */
    if (wait_ms == 0) {
        (void)_lws_plat_service_forced_tsi(e->lws, 0);
        wait_ms = FORCED_AGAIN_MS;
    }
    timer_start_ms(&e->later, (uint64_t)wait_ms);
}

void lws_events_settle(struct lws_events *e)
{
    loop_defer(e->loop, &e->settle);
}

/* A descriptor without a link is the library's own pipe, by which other threads would wake it. */
static void on_wanted(struct lws *wsi, unsigned flags)
{
    struct lws_events *e = *(struct lws_events **)lws_evlib_wsi_to_evlib_pt(wsi);
    struct lws_link *l = lws_link_of(lws_get_socket_fd(wsi));
    if (!e || !l) {
        return;
    }
    if (flags & LWS_EV_WRITE) {
        bool wanted = l->wants_write;
        l->wants_write = flags & LWS_EV_START;
        if (l->wants_write && !wanted) {
            l->handler->on_wants_write(l->arg);
        }
    }
    lws_events_settle(e);
}

static int on_context(struct lws_context *lws, void *foreign_loop, int tsi)
{
    struct lws_events *e = foreign_loop;
    *(struct lws_events **)lws_evlib_tsi_to_evlib_pt(lws, tsi) = e;
    e->lws = lws;
    lws_events_settle(e);
    return 0;
}

static void on_context_end(struct lws_context *lws, int tsi)
{
    struct lws_events **e = lws_evlib_tsi_to_evlib_pt(lws, tsi);
    if (*e) {
        (*e)->lws = NULL;
        *e = NULL;
    }
}

static const struct lws_event_loop_ops ops = {
    .name = "lws_events",
    .init_pt = on_context,
    .io = on_wanted,
    .destroy_pt = on_context_end,
    .evlib_size_pt = sizeof(struct lws_events *),
};

const struct lws_plugin_evlib lws_events_plugin = {
    .hdr = {"lws_events", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC},
    .ops = &ops,
};

struct lws_events *lws_events_create(struct loop *loop)
{
    AUTO(lws_events) *e = calloc(1, sizeof(*e));
    if (!e) {
        return NULL;
    }
    e->loop = loop;
    deferred_init(&e->settle, settle, e);
    return timer_init(&e->later, loop, settle, e) ? TAKE(e) : NULL;
}

struct lws_events *lws_events_free(struct lws_events *e)
{
    if (e) {
        deferred_cancel(&e->settle);
        timer_release(&e->later);
        free(e);
    }
    return NULL;
}
