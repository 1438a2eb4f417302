/* SPDX-License-Identifier: MIT */
#pragma once
/* access: who may see which event, as pure functions (architecture.md, routing and visibility).
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "proto/channel.h"
#include "proto/event.h"

/* How a topic's events are looked at: by a documented channel or by a legacy filter. The first
 * ones are enum channel_kind. */
enum view_kind {
    VIEW_USER = CHANNEL_USER,
    VIEW_CONTEST = CHANNEL_CONTEST,
    VIEW_CONTEST_ADMIN = CHANNEL_CONTEST_ADMIN,
    VIEW_PROBLEM = CHANNEL_PROBLEM,
    VIEW_SCOREBOARD = CHANNEL_SCOREBOARD,
    VIEW_LEGACY = CHANNEL_KINDS,
    VIEW_KINDS
};

/* What a subscription sees of the events that its view carries. */
enum sight {
    SIGHT_PUBLIC, /* public events, and those of the session's own user */
    SIGHT_ALL     /* everything */
};

/* Does an event of this type belong on this kind of view at all? */
bool access_carries(enum view_kind kind, enum event_type type);
/* May a subscription with this sight, of this user ("" = nobody), see the event? */
bool access_sees(enum sight sight, struct str user, const struct event *e);
/* Is the event one of this filter's topic? (the names, not the sight) */
bool access_names(const struct filter *f, const struct event *e);
