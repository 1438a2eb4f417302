/* SPDX-License-Identifier: MIT */
#include "gateway/access/access.h"

bool access_carries(enum view_kind kind, enum event_type type)
{
    return kind == VIEW_LEGACY || channel_carries((enum channel_kind)kind, type);
}

bool access_sees(enum sight sight, struct str user, const struct event *e)
{
    if (sight == SIGHT_ALL || e->is_public) {
        return true;
    }
    /* Nobody is not nobody's equal. */
    return user.n > 0 && str_eq(user, e->user);
}

bool access_names(const struct filter *f, const struct event *e)
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
