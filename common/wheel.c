/* SPDX-License-Identifier: MIT */
/* wheel: SLOTS lists, one per second; a deadline stands in the list of its second modulo SLOTS.
 *
 * A tick looks at one list only. A deadline further away than one turn of the wheel is looked at
 * once per turn and left where it is.
 */
#include "common/wheel.h"

#include <stdlib.h>

#include "common/loop.h"

enum {
    SLOTS = 1024, /* a power of two */
    TICK_MS = 1000,
    STALL_TICKS = 3
};

struct wheel {
    struct loop *loop; /* borrowed, outlives the wheel */
    struct timer timer;
    uint64_t now_s;           /* ticks so far */
    uint64_t next_ms;         /* when the next tick is due, by the loop's clock */
    bool in_tick;             /* now_s is exact, not up to a second old */
    struct list slots[SLOTS]; /* of struct wheel_node, borrowed */
};

static struct list *slot_of(struct wheel *w, uint64_t due_s)
{
    return &w->slots[due_s % SLOTS];
}

/* A loop that runs late gets its missed ticks at once, so that seconds stay seconds. After a long
 * stall (a stopped process, a sleeping machine) it does not: the signs of life that came meanwhile
 * are still unread in the sockets, and nobody must be closed before they are. */
static void on_timer(void *arg)
{
    struct wheel *w = arg;
    uint64_t now_ms = loop_now_ms(w->loop);
    if (now_ms >= w->next_ms + (uint64_t)STALL_TICKS * TICK_MS) {
        w->next_ms = now_ms;
    }
    for (; w->next_ms <= now_ms; w->next_ms += TICK_MS) {
        wheel_tick(w);
    }
    timer_start_ms(&w->timer, w->next_ms - now_ms);
}

struct wheel *wheel_create(struct loop *l)
{
    struct wheel *w = calloc(1, sizeof(*w));
    if (!w) {
        return NULL;
    }
    w->loop = l;
    for (size_t i = 0; i < SLOTS; i++) {
        list_init(&w->slots[i]);
    }
    if (!timer_init(&w->timer, l, on_timer, w)) {
        return wheel_free(w);
    }
    w->next_ms = loop_now_ms(l) + TICK_MS;
    timer_start_ms(&w->timer, TICK_MS);
    return w;
}

struct wheel *wheel_free(struct wheel *w)
{
    if (!w) {
        return NULL;
    }
    timer_release(&w->timer);
    for (size_t i = 0; i < SLOTS; i++) {
        LIST_FOR_EACH (node, next, &w->slots[i]) {
            list_del(node); /* so that a late wheel_cancel() touches nothing of ours */
        }
    }
    free(w);
    return NULL;
}

void wheel_node_init(struct wheel_node *n, wheel_fn fn, void *arg)
{
    *n = (struct wheel_node){.fn = fn, .arg = arg};
    list_init(&n->node);
}

void wheel_set(struct wheel *w, struct wheel_node *n, uint32_t seconds)
{
    list_del(&n->node);
    /* Between two ticks a part of the current second has passed already: one more, never early. */
    n->due_s = w->now_s + MAX(seconds, 1u) + (w->in_tick ? 0 : 1);
    list_push_back(slot_of(w, n->due_s), &n->node);
}

void wheel_set_earlier(struct wheel *w, struct wheel_node *n, uint32_t seconds)
{
    uint64_t due_s = w->now_s + MAX(seconds, 1u) + (w->in_tick ? 0 : 1);
    if (list_empty(&n->node) || n->due_s > due_s) {
        wheel_set(w, n, seconds);
    }
}

void wheel_cancel(struct wheel_node *n)
{
    list_del(&n->node);
}

void wheel_tick(struct wheel *w)
{
    w->now_s++;
    struct list due;
    list_init(&due);
    LIST_FOR_EACH (node, next, slot_of(w, w->now_s)) {
        if (LIST_ENTRY(node, struct wheel_node, node)->due_s <= w->now_s) {
            list_del(node);
            list_push_back(&due, node);
        }
    }
    w->in_tick = true;
    struct list *node;
    while ((node = list_first(&due)) != NULL) { /* fn may take any other out of `due` */
        struct wheel_node *n = LIST_ENTRY(node, struct wheel_node, node);
        list_del(node);
        n->fn(n->arg); /* may free n */
    }
    w->in_tick = false;
}
