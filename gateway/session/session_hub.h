/* SPDX-License-Identifier: MIT */
#pragma once
/* session_hub: how the hub and the flusher reach sessions; for app.c, which joins them.
 */
#include "gateway/hub/hub.h"

struct gather;
struct list;
struct session;

extern const struct hub_handler session_hub_handler;
/* The flusher's function: node is a session's flush_node. */
void session_flush_node(struct list *node, const struct list *next, struct gather *g);
