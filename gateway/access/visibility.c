/* SPDX-License-Identifier: MIT */
#include "gateway/access/visibility.h"

enum audience visibility_audience(const struct event *e)
{
    if (e->is_public) {
        return AUDIENCE_EVERYBODY;
    }
    return e->user.n > 0 ? AUDIENCE_ITS_USER : AUDIENCE_NOBODY; /* nobody is not nobody's equal */
}

bool visibility_carries(enum view_kind kind, enum event_type type)
{
    return kind == VIEW_LEGACY || channel_carries((enum channel_kind)kind, type);
}

bool visibility_sees(enum sight sight, struct str user, const struct event *e)
{
    if (sight == SIGHT_ALL) {
        return true;
    }
    switch (visibility_audience(e)) {
    case AUDIENCE_EVERYBODY: return true;
    case AUDIENCE_ITS_USER: return str_eq(user, e->user);
    case AUDIENCE_NOBODY: break;
    }
    return false;
}

bool visibility_names(const struct filter *f, const struct event *e)
{
    if (!event_names_topic(e, f->kind)) {
        return false;
    }
    switch (f->kind) {
    case TOPIC_ALL: return true;
    case TOPIC_PROBLEMSET: return e->problemset == f->problemset;
    case TOPIC_CONTEST: return str_eq(e->contest, f->name);
    case TOPIC_PROBLEM: return str_eq(e->problem, f->name);
    case TOPIC_USER: return str_eq(e->user, f->name);
    case TOPIC_KINDS: break;
    }
    return false;
}
