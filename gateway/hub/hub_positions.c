/* SPDX-License-Identifier: MIT */
/* Positions, sent now and then to those who would otherwise resume from too far back: nothing that has
 * been published lately was for them to see. */
#include "common/buf.h"
#include "gateway/hub/hub_internal.h"
#include "gateway/hub/rendering.h"

/* r is the shared rendering, NULL until made. */
static struct rendering *send_position(struct hub *h, const struct sub_array *subs,
                                       struct str label, const struct position *p,
                                       struct rendering *r)
{
    for (uint32_t i = 0; i < subs->n; i++) {
        struct subscription *sub = subs->v[i];
        if (sub->cursor >= p->offset) {
            continue;
        }
        if (!r) {
            struct buf text = {0};
            server_text_position(&text, label, p);
            r = replay_render_text(&text, STR("position"), label, p);
        }
        if (r) {
            sub->cursor = p->offset;
            h->handler->deliver(sub->session, r, 0);
        }
    }
    return r;
}

void hub_send_positions(struct hub *h)
{
    struct strmap_iter it = {0};
    struct topic *t;
    while ((t = strmap_next(&h->topics, &it)) != NULL) {
        const struct position *p = feed_position(t->feed);
        LIST_FOR_EACH (node, next, &t->views) {
            struct view *v = LIST_ENTRY(node, struct view, node);
            struct rendering *r = NULL;
            replay_cache_sweep(v);
            struct sub_array *const arrays[] = {&v->all, &v->rest};
            for (size_t a = 0; v->kind != VIEW_LEGACY && a < ARRAY_LEN(arrays); a++) {
                r = send_position(h, arrays[a], view_label(v), p, r);
            }
            rendering_unref(r);
        }
    }
}
