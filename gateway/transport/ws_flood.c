/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_flood.h"

#include <time.h>

#include "gateway/transport/ws_conn.h"

enum {
    LOOK_EVERY_MS = 250,
    BUSY_US = 250 * 1000 / 5, /* of the processor within that: a fifth of it */
    LOT = 256,                /* connections at once, about a microsecond each */
};

static uint64_t thread_cpu_us(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* there since Linux 2.6 */
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void on_look(void *arg)
{
    struct ws_flood *f = arg;
    uint64_t before_us = f->cpu_us;
    f->cpu_us = thread_cpu_us();
    if (f->cpu_us - before_us < BUSY_US) {
        return;
    }
    struct list *first = list_first(&f->conns);
    struct list *node = first;
    for (int i = 0; i < LOT && node; i++) {
        list_del(node);
        list_push_back(&f->conns, node);
        ws_conn_look(node);
        node = list_first(&f->conns);
        if (node == first) {
            break; /* once around */
        }
    }
}

bool ws_flood_init(struct ws_flood *f, struct loop *l)
{
    list_init(&f->conns);
    if (!timer_init(&f->timer, l, on_look, f)) {
        return false;
    }
    timer_start_every_ms(&f->timer, LOOK_EVERY_MS);
    return true;
}

void ws_flood_release(struct ws_flood *f)
{
    timer_release(&f->timer);
}
