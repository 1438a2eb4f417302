/* SPDX-License-Identifier: MIT */
#pragma once
/* lws_events: libwebsockets on our loop. All its sockets are in one epoll of their own, which is the
 * only one of them that libevent sees.
 *
 * libwebsockets' own way to join libevent makes two events of each connection (400 bytes with what
 * libevent keeps of them); here a connection costs one byte.
 */
#include <stdbool.h>

#include "common/compiler.h"

struct loop;
struct lws;
struct lws_events;
struct lws_plugin_evlib;

struct lws_events_options {
    struct loop *loop; /* borrowed */
    /* libwebsockets was told that this connection can be written to, and may have written. */
    void (*on_written)(struct lws *wsi);
};
/* NULL: out of memory or descriptors. */
struct lws_events *lws_events_create(const struct lws_events_options *o);
/* After the context. Accepts NULL; always returns NULL. */
struct lws_events *lws_events_free(struct lws_events *e);
DEFINE_AUTO(lws_events)
/* For lws_context_creation_info.event_lib_custom; `foreign_loops` then holds the lws_events. */
extern const struct lws_plugin_evlib lws_events_plugin;
