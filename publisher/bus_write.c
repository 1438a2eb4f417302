/* SPDX-License-Identifier: MIT */
/* bus_write: all names in one buffer, whose size is computed first, so that pointers into it stay. */
#include "publisher/bus_write.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

static const struct str idem_ms = {"300000", 6};

/* Appends a text that is made of up to three parts, and returns where it stands. */
static struct str join(struct buf *b, struct str first, struct str second, struct str third)
{
    size_t start = b->n;
    buf_add(b, first);
    buf_add(b, second);
    buf_add(b, third);
    return (struct str){b->p + start, b->n - start};
}

static size_t names_size(const struct bus_event *e, struct str prefix)
{
    size_t n = e->state.n + e->refresh_contest.n + e->digest.n + e->result.n;
    for (size_t i = 0; i < e->n_topics; i++) {
        n += TOPIC_KEYS * (prefix.n + 1 + e->topics[i].n) + TOPIC_KEYS_SUFFIX_BYTES;
    }
    n += prefix.n + sizeof(":idem:") + e->idem.n;
    n += prefix.n + sizeof(":refresh:due");
    return n + prefix.n + sizeof(":refresh:") + e->refresh_contest.n + sizeof(":");
}

static void add_topic_keys(struct bus_write *w, struct str prefix, const struct topic_name *topic)
{
    struct buf *b = &w->names;
    size_t n = prefix.n + 1 + topic->n;
    for (size_t i = 0; i < TOPIC_KEYS; i++) {
        size_t start = b->n;
        (void)join(b, prefix, STR(":"), topic_name_str(topic));
        buf_add(b, topic_key_suffix(i));
        w->argv[w->n_keys++] = (struct str){b->p + start, b->n - start};
    }
    w->topics[w->n_topics++] = (struct str){w->argv[w->n_keys - 1].p, n};
}

static void add_keys(struct bus_write *w, const struct bus_event *e, struct str prefix)
{
    struct buf *b = &w->names;
    for (size_t i = 0; i < e->n_topics; i++) {
        add_topic_keys(w, prefix, &e->topics[i]);
    }
    if (e->idem.n > 0) {
        w->argv[w->n_keys++] = join(b, prefix, STR(":idem:"), e->idem);
    }
    if (e->refresh_contest.n > 0) {
        w->argv[w->n_keys++] = join(b, prefix, STR(":refresh:"), STR("due"));
        /* As refresh.lua: `due` is the list's own name. */
        struct str own = str_eq(e->refresh_contest, STR("due")) ? STR("due:") : e->refresh_contest;
        w->argv[w->n_keys++] = join(b, prefix, STR(":refresh:"), own);
    }
}

static void fill(struct bus_write *w, const struct bus_event *e, struct str prefix)
{
    static const struct str counts[TOPIC_KINDS + 1] = {{"0", 1}, {"1", 1}, {"2", 1},
                                                       {"3", 1}, {"4", 1}, {"5", 1}};
    struct buf *b = &w->names;
    add_keys(w, e, prefix);
    struct str *arg = w->argv + w->n_keys;
    arg[ARG_STATE] = e->marker ? join(b, e->state, STR_NONE, STR_NONE) : STR_NONE;
    arg[ARG_REFRESH_CONTEST] = join(b, e->refresh_contest, STR_NONE, STR_NONE);
    arg[ARG_TOPICS] = counts[w->n_topics];
    arg[ARG_FIRST_IS_ALL] = str_eq(topic_name_str(&e->topics[0]), STR("all")) ? STR("1") : STR("");
    arg[ARG_IDEM_MS] = idem_ms;
    w->keyed = e->idem.n > 0;
    if (w->keyed) {
        arg[ARG_IDEM] = STR("1");
        arg[ARG_DIGEST] = join(b, e->digest, STR_NONE, STR_NONE);
        arg[ARG_RESULT] = join(b, e->result, STR_NONE, STR_NONE);
    }
}
_Static_assert(TOPIC_KINDS == 5, "counts[] in fill()");

struct bus_write *bus_write_create(const struct bus_event *e, struct str prefix)
{
    assert(e->n_topics >= 1 && e->n_topics <= TOPIC_KINDS);
    struct bus_write *w = calloc(1, sizeof(*w));
    if (!w || !buf_reserve(&w->names, names_size(e, prefix))) {
        free(w);
        return NULL;
    }
    list_init(&w->node);
    list_init(&w->due);
    const char *before = w->names.p;
    fill(w, e, prefix);
    assert(w->names.p == before); /* names_size() was right */
    (void)before;
    w->keep = e->keep && !w->keyed;
    w->envelope = *e->envelope;
    *e->envelope = (struct buf){0};
    if (e->marker) {
        w->marker = *e->marker;
        *e->marker = (struct buf){0};
    }
    w->argv[w->n_keys + ARG_ENVELOPE] = buf_str(&w->envelope);
    w->argv[w->n_keys + ARG_MARKER] = buf_str(&w->marker);
    w->bytes = sizeof(*w) + w->envelope.cap + w->marker.cap + w->names.cap;
    return w;
}

void bus_write_free(struct bus_write *w)
{
    buf_release(&w->envelope);
    buf_release(&w->marker);
    buf_release(&w->names);
    free(w);
}

void bus_write_prepare(struct bus_write *w, const struct str history[static 3])
{
    (void)snprintf(w->epoch, sizeof(w->epoch), "%016" PRIx64, random_u64());
    struct str *arg = w->argv + w->n_keys;
    arg[ARG_EPOCH] = (struct str){w->epoch, EPOCH_LEN};
    arg[ARG_MAX_EVENTS] = history[0];
    arg[ARG_MAX_MS] = history[1];
    arg[ARG_MAX_BYTES] = history[2];
    w->attempts++;
}
