/* SPDX-License-Identifier: MIT */
/* bus_moves: a bounded table of topics. */
#include "publisher/bus_moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moved_topic {
    uint64_t at_ms;    /* last acknowledgement; when owed: in a history that was left */
    uint64_t again_ms; /* when owed and `again`: … in the present history */
    uint64_t home;     /* when owed: hash of the history in which it was acknowledged */
    bool owed;
    bool again;
    bool asked; /* in the batch on its way */
    size_t n;
    char name[];
};

static struct moved_topic *make(struct str name, uint64_t now_ms)
{
    struct moved_topic *t = calloc(1, sizeof(*t) + name.n);
    if (t) {
        t->at_ms = now_ms;
        t->n = name.n;
        memcpy(t->name, name.p, name.n);
    }
    return t;
}

static void forget(struct bus_moves *m, const struct strmap_iter *it, struct moved_topic *t)
{
    m->owed -= t->owed;
    free(t);
    strmap_iter_remove(&m->topics, it);
}

/* Forgets what is older than MOVES_KEEP_MS, or half of that, and so on: until there is room. */
static void make_room(struct bus_moves *m, uint64_t now_ms)
{
    uint64_t keep_ms = MOVES_KEEP_MS;
    while (m->topics.count >= MOVES_TOPICS_MAX) {
        struct strmap_iter it = {0};
        struct moved_topic *t;
        while ((t = strmap_next(&m->topics, &it)) != NULL) {
            if (!t->asked && (keep_ms == 0 || now_ms - t->at_ms > keep_ms)) {
                forget(m, &it, t);
            }
        }
        keep_ms /= 2;
    }
}

static void note(struct bus_moves *m, struct str name, uint64_t now_ms)
{
    struct moved_topic *t = strmap_get(&m->topics, name);
    if (t && t->owed) {
        t->again = true;
        t->again_ms = now_ms;
    } else if (t) {
        t->at_ms = now_ms;
    } else {
        make_room(m, now_ms);
        t = make(name, now_ms);
        if (t && !strmap_add(&m->topics, (struct str){t->name, t->n}, t)) {
            free(t);
        }
    }
}

void bus_moves_note(struct bus_moves *m, const struct str *names, size_t n, uint64_t now_ms)
{
    for (size_t i = 0; i < n; i++) {
        note(m, names[i], now_ms);
    }
}

/* The history `left` was left for `here`. */
static void move(struct bus_moves *m, struct moved_topic *t, uint64_t left, uint64_t here)
{
    if (t->again || !t->owed) { /* its last acknowledgement was in the one that is left now */
        t->at_ms = t->again ? t->again_ms : t->at_ms;
        t->home = t->again ? 0 : left; /* 0: in another one, too; there is no way back to both */
        t->again = false;
    }
    m->owed -= t->owed;
    t->owed = t->home != here; /* back where it was acknowledged, nothing is lost */
    m->owed += t->owed;
}

void bus_moves_arrive(struct bus_moves *m, struct str history, uint64_t now_ms)
{
    bool moved = !str_eq(history, str_of(m->history));
    uint64_t left = strmap_hash(str_of(m->history)), here = strmap_hash(history);
    struct strmap_iter it = {0};
    struct moved_topic *t;
    while ((t = strmap_next(&m->topics, &it)) != NULL) {
        t->asked = false;
        if (moved) {
            move(m, t, left, here);
        }
        if (moved && t->at_ms + MOVES_KEEP_MS < now_ms) {
            forget(m, &it, t);
        }
    }
    m->asked = false;
    (void)snprintf(m->history, sizeof(m->history), "%.*s", (int)history.n, history.p);
}

bool bus_moves_take(struct bus_moves *m, uint64_t now_ms, struct moves_batch *batch)
{
    batch->n = 0;
    if (m->owed == 0 || m->asked) {
        return false;
    }
    struct strmap_iter it = {0};
    struct moved_topic *t;
    while (batch->n < MOVES_BATCH_MAX && (t = strmap_next(&m->topics, &it)) != NULL) {
        if (t->owed) {
            t->asked = true;
            batch->names[batch->n] = (struct str){t->name, t->n};
            batch->ages_ms[batch->n++] = now_ms - t->at_ms;
        }
    }
    m->asked = true;
    return true;
}

void bus_moves_settle(struct bus_moves *m, bool done)
{
    struct strmap_iter it = {0};
    struct moved_topic *t;
    while ((t = strmap_next(&m->topics, &it)) != NULL) {
        if (t->asked && done && t->again) {
            *t = (struct moved_topic){.at_ms = t->again_ms, .n = t->n}; /* the name stays */
            m->owed--;
        } else if (t->asked && done) {
            forget(m, &it, t);
        } else {
            t->asked = false;
        }
    }
    m->asked = false;
}

void bus_moves_release(struct bus_moves *m)
{
    struct strmap_iter it = {0};
    struct moved_topic *t;
    while ((t = strmap_next(&m->topics, &it)) != NULL) {
        free(t);
    }
    strmap_release(&m->topics);
    m->owed = 0;
}
