/* SPDX-License-Identifier: MIT */
#include "gateway/bus/topic_names.h"

#include <stdlib.h>
#include <string.h>

#include "common/strmap.h"

struct name {
    size_t index; /* in `names` */
    struct str s; /* points at text */
    char text[];
};
struct topic_names {
    struct strmap by_name; /* struct name, owned */
    struct name **names;   /* in order; NULL where one was removed */
    struct str *taken;     /* what take() handed out; its texts are the first n_old of `old` */
    struct name **old;
    size_t n, cap, n_old;
    size_t prefix_len;
    char *prefix; /* owned */
};

struct topic_names *topic_names_create(struct str prefix)
{
    struct topic_names *t = calloc(1, sizeof(*t));
    if (t) {
        t->prefix = malloc(prefix.n);
        if (!t->prefix) {
            free(t);
            return NULL;
        }
        memcpy(t->prefix, prefix.p, prefix.n);
        t->prefix_len = prefix.n;
    }
    return t;
}

static void forget_taken(struct topic_names *t)
{
    for (size_t i = 0; i < t->n_old; i++) {
        free(t->old[i]);
    }
    t->n_old = 0;
}

struct topic_names *topic_names_free(struct topic_names *t)
{
    if (t) {
        size_t n;
        (void)topic_names_take(t, &n);
        forget_taken(t);
        strmap_release(&t->by_name);
        free(t->names);
        free(t->old);
        free(t->taken);
        free(t->prefix);
        free(t);
    }
    return NULL;
}

/* Room for one more name in all three arrays. */
static bool reserve(struct topic_names *t)
{
    if (t->n < t->cap) {
        return true;
    }
    size_t cap = t->cap ? t->cap * 2 : 16;
    struct name **names = realloc(t->names, cap * sizeof(struct name *));
    if (names) {
        t->names = names;
    }
    struct name **old = realloc(t->old, cap * sizeof(struct name *));
    if (old) {
        t->old = old;
    }
    struct str *taken = realloc(t->taken, cap * sizeof(*taken));
    if (taken) {
        t->taken = taken;
    }
    if (!names || !old || !taken) {
        return false;
    }
    t->cap = cap;
    return true;
}

static struct name *make_name(const struct topic_names *t, struct str topic)
{
    struct name *n = malloc(sizeof(*n) + t->prefix_len + topic.n);
    if (n) {
        memcpy(n->text, t->prefix, t->prefix_len);
        memcpy(n->text + t->prefix_len, topic.p, topic.n);
        n->s = (struct str){n->text, t->prefix_len + topic.n};
    }
    return n;
}

void topic_names_add(struct topic_names *t, struct str topic)
{
    forget_taken(t);
    struct name *n = reserve(t) ? make_name(t, topic) : NULL;
    if (!n) {
        return;
    }
    if (strmap_get(&t->by_name, n->s) || !strmap_add(&t->by_name, n->s, n)) {
        free(n);
        return;
    }
    n->index = t->n;
    t->names[t->n++] = n;
}

void topic_names_remove(struct topic_names *t, struct str topic)
{
    forget_taken(t);
    struct name *key = make_name(t, topic);
    if (!key) {
        return;
    }
    struct name *n = strmap_remove(&t->by_name, key->s);
    if (n) {
        t->names[n->index] = NULL;
        free(n);
    }
    free(key);
}

const struct str *topic_names_take(struct topic_names *t, size_t *out_n)
{
    forget_taken(t);
    for (size_t i = 0; i < t->n; i++) {
        if (t->names[i]) {
            (void)strmap_remove(&t->by_name, t->names[i]->s);
            t->taken[t->n_old] = t->names[i]->s;
            t->old[t->n_old++] = t->names[i];
        }
    }
    t->n = 0;
    *out_n = t->n_old;
    return t->taken;
}
