/* SPDX-License-Identifier: MIT */
#pragma once
/* lws_events: libwebsockets on our loop. It watches no sockets: its connections are streams of ours,
 * and whoever owns one calls lws_service_fd() when there is something to read or to write.
 */
#include "common/compiler.h"

struct loop;
struct lws_events;
struct lws_plugin_evlib;

/* NULL: out of memory. */
struct lws_events *lws_events_create(struct loop *loop);
/* After the context. Accepts NULL; always returns NULL. */
struct lws_events *lws_events_free(struct lws_events *e);
DEFINE_AUTO(lws_events)
/* The library was given something to do, or reading was resumed: what it wants to do without any
 * socket's help (its timers; what it has read and not used) it does at the end of this turn. */
void lws_events_settle(struct lws_events *e);
/* For lws_context_creation_info.event_lib_custom; `foreign_loops` then holds the lws_events. */
extern const struct lws_plugin_evlib lws_events_plugin;
