/* SPDX-License-Identifier: MIT */
#pragma once
/* visibility: who may see which event, as pure functions (architecture.md, routing and visibility).
 * What keeps private events private is visibility_audience(), for live events and for replays.
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
    SIGHT_PUBLIC, /* public events, and private ones of the session's own user */
    SIGHT_ALL     /* everything */
};

/* Who sees an event besides those with SIGHT_ALL. */
enum audience { AUDIENCE_NOBODY, AUDIENCE_ITS_USER, AUDIENCE_EVERYBODY };
enum audience visibility_audience(const struct event *e);

/* Does an event of this type belong on this kind of view at all? */
bool visibility_carries(enum view_kind kind, enum event_type type);
/* May a subscription with this sight, of this user ("" = nobody), see the event? */
bool visibility_sees(enum sight sight, struct str user, const struct event *e);
/* Is the event one of this filter's topic? (the names, not the sight) */
bool visibility_names(const struct filter *f, const struct event *e);
