/* SPDX-License-Identifier: MIT */
/* Where a session of the documented protocol is told `reset`, a legacy one, whose clients know no
 * such thing, is sent the topic's newest scoreboards that it may see. */
#include "gateway/hub/hub_internal.h"
#include "gateway/hub/rendering.h"
#include "gateway/hub/users.h"

/* What was found, on its way through one view. */
struct scoreboards {
    struct hub *hub;
    const struct published *found;
    size_t n;
    struct rendering *r[2]; /* made for the first receiver */
};

void scoreboards_ask(struct subscription *sub)
{
    sub->wants_scoreboards = true;
    feed_ask_scoreboards(sub->view->topic->feed);
}

static bool may_see(const struct hub *h, const struct subscription *sub, const struct event *e)
{
    struct str user = sub->user ? user_name(sub->user) : STR_NONE;
    return visibility_carries(sub->view->kind, e->type) && visibility_sees(sub->sight, user, e) &&
           (!sub->check_first || h->handler->is_first(sub, e));
}

static void give(struct scoreboards *s, struct subscription *sub)
{
    bool wanted = sub->wants_scoreboards;
    sub->wants_scoreboards = false;
    for (size_t i = 0; wanted && i < s->n; i++) {
        if (!may_see(s->hub, sub, &s->found[i].event)) {
            continue;
        }
        if (!s->r[i]) {
            s->r[i] = view_render(sub->view, &s->found[i]);
        }
        if (s->r[i]) {
            s->hub->handler->replay(sub->session, s->r[i], 0);
        }
    }
}

static void give_to_view(struct scoreboards *s, struct view *v)
{
    const struct sub_array *const arrays[] = {&v->all, &v->rest};
    for (size_t a = 0; a < ARRAY_LEN(arrays); a++) {
        for (uint32_t i = 0; i < arrays[a]->n; i++) {
            give(s, arrays[a]->v[i]);
        }
    }
    LIST_FOR_EACH (it, next, &v->catching) {
        give(s, LIST_ENTRY(it, struct subscription, catching_node));
    }
}

void scoreboards_on_found(void *owner, const struct published *found, size_t n)
{
    struct topic *t = owner;
    LIST_FOR_EACH (it, next, &t->views) {
        struct scoreboards s = {.hub = t->hub, .found = found, .n = n};
        give_to_view(&s, LIST_ENTRY(it, struct view, node));
        rendering_unref(s.r[0]);
        rendering_unref(s.r[1]);
    }
}
