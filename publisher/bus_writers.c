/* SPDX-License-Identifier: MIT */
#include "publisher/bus_writers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/redis/redis_access.h"
#include "common/redis/redis_url.h"
#include "common/redis/server_list.h"
#include "publisher/pub_metrics.h"

struct bus_writers {
    struct redis_url urls[SERVER_LIST_MAX];   /* owned */
    struct redis_access *access;              /* owned */
    struct bus_writer *each[SERVER_LIST_MAX]; /* owned */
    unsigned n;
    struct pub_metrics *metrics; /* borrowed */
    char *refresh_due;           /* owned: `P:refresh:due` */
    char digest[SERVER_LIST_DIGEST_MAX];
};

/* ---- life ---- */

static int create_each(struct loop *l, const struct bus_writers_options *o, struct bus_writers *w,
                       const char **out_why)
{
    unsigned n = server_list_count(o->list);
    if (n > SERVER_LIST_MAX) {
        *out_why = "too many servers in Redis.URLs";
        return -EINVAL;
    }
    if (!server_list_digest(o->list, w->digest, out_why)) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < n; i++) {
        char prefix[SERVER_LIST_PREFIX_MAX];
        struct bus_writer_options each = o->each;
        server_list_prefix(o->list, i, prefix);
        each.prefix = prefix;
        each.url = &w->urls[i];
        each.access = &w->access;
        each.list_digest = str_of(w->digest);
        each.n_scripts = i == 0 ? each.n_scripts : 0;
        if (!redis_url_parse(str_of(server_list_url(o->list, i)), &w->urls[i], out_why)) {
            return -EINVAL;
        }
        w->n = i + 1;
        int rc = bus_writer_create(l, &each, &w->each[i]);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int bus_writers_create(struct loop *l, const struct bus_writers_options *o,
                       struct bus_writers **out_writers, const char **out_why)
{
    AUTO(bus_writers) *w = calloc(1, sizeof(*w));
    *out_why = "out of memory";
    if (!w) {
        return -ENOMEM;
    }
    w->metrics = o->each.metrics;
    char prefix[SERVER_LIST_PREFIX_MAX];
    server_list_prefix(o->list, 0, prefix);
    if (asprintf(&w->refresh_due, "%s:refresh:due", prefix) < 0) {
        w->refresh_due = NULL;
        return -ENOMEM;
    }
    int rc = create_each(l, o, w, out_why);
    if (rc < 0) {
        return rc;
    }
    *out_writers = TAKE(w);
    return 0;
}

struct bus_writers *bus_writers_free(struct bus_writers *w)
{
    if (w) {
        for (unsigned i = 0; i < w->n; i++) {
            bus_writer_free(w->each[i]);
            redis_url_release(&w->urls[i]);
        }
        bus_writers_use_access(w, NULL);
        free(w->refresh_due);
        free(w);
    }
    return NULL;
}

void bus_writers_use_access(struct bus_writers *w, struct redis_access *access)
{
    (void)redis_access_free(w->access);
    w->access = access;
}

void bus_writers_start(struct bus_writers *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        bus_writer_start(w->each[i]);
    }
}

void bus_writers_configure(struct bus_writers *w, const struct bus_writer_settings *s)
{
    for (unsigned i = 0; i < w->n; i++) {
        bus_writer_configure(w->each[i], s);
    }
}

bool bus_writers_are_ready(const struct bus_writers *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (!bus_writer_is_ready(w->each[i])) {
            return false;
        }
    }
    return true;
}

bool bus_writers_are_idle(const struct bus_writers *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (!bus_writer_is_idle(w->each[i])) {
            return false;
        }
    }
    return true;
}

struct redis_link *bus_writers_first_link(struct bus_writers *w)
{
    return bus_writer_link(w->each[0]);
}

void bus_writers_measure(const struct bus_writers *w)
{
    w->metrics->redis_ready = bus_writers_are_ready(w);
    w->metrics->redis_connects = 0;
    w->metrics->redis_unsafe = 0;
    for (unsigned i = 0; i < w->n; i++) {
        w->metrics->redis_unsafe |= redis_link_may_evict(bus_writer_link(w->each[i]));
        w->metrics->redis_connects += redis_link_connects(bus_writer_link(w->each[i]));
    }
}

/* ---- an event for several servers ---- */

/* Waits for every part. */
struct join {
    bus_done_fn fn;
    void *arg;
    unsigned parts;
    enum bus_outcome worst;
    bool some_written; /* now, not before: a repetition that completed something */
};

static void join_part_done(struct join *j)
{
    if (--j->parts > 0) {
        return;
    }
    /* BUS_REPEATED of all parts has the same kept result everywhere: the event's own. */
    enum bus_outcome outcome = j->worst;
    if (outcome == BUS_REPEATED && j->some_written) {
        outcome = BUS_WRITTEN;
    }
    j->fn(outcome == BUS_REPEATED ? BUS_WRITTEN : outcome, STR_NONE, j->arg);
    free(j);
}

static void on_part(enum bus_outcome outcome, struct str kept, void *arg)
{
    struct join *j = arg;
    (void)kept;
    j->some_written |= outcome == BUS_WRITTEN;
    j->worst = MAX(j->worst, outcome); /* enum bus_outcome goes from good to bad */
    join_part_done(j);
}

/* The topics of one server, `all` first where it belongs. */
static size_t topics_of(const struct bus_writers *w, const struct bus_event *e, unsigned server,
                        unsigned server_of_all, struct topic_name *out)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_topics; i++) {
        unsigned of = i == 0 ? server_of_all : server_list_of(topic_name_str(&e->topics[i]), w->n);
        if (of == server) {
            out[n++] = e->topics[i];
        }
    }
    return n;
}

/* A copy, since the writer takes over what it is given. */
static bool copy_buf(const struct buf *from, struct buf *to)
{
    buf_add(to, buf_str(from));
    return !to->failed;
}

static enum bus_submit submit_part(struct bus_writer *w, const struct bus_event *e,
                                   const struct topic_name *topics, size_t n, struct join *j)
{
    struct buf envelope = {0};
    struct buf marker = {0};
    struct bus_event part = *e;
    enum bus_submit rc = BUS_NO_MEMORY;
    part.envelope = &envelope;
    part.marker = e->marker ? &marker : NULL;
    part.topics = topics;
    part.n_topics = n;
    j->parts++;
    if (copy_buf(e->envelope, &envelope) && (!e->marker || copy_buf(e->marker, &marker))) {
        rc = bus_writer_submit(w, &part, on_part, j);
    }
    buf_release(&envelope);
    buf_release(&marker);
    if (rc != BUS_TAKEN) {
        j->worst = MAX(j->worst, BUS_UNAVAILABLE);
        j->parts--;
    }
    return rc;
}

static enum bus_submit submit_to_several(struct bus_writers *w, const struct bus_event *e,
                                         unsigned server_of_all, bus_done_fn fn, void *arg)
{
    struct join *j = calloc(1, sizeof(*j));
    if (!j) {
        return BUS_NO_MEMORY;
    }
    *j = (struct join){.fn = fn, .arg = arg, .parts = 1, .worst = BUS_WRITTEN};
    enum bus_submit refused = BUS_DOWN;
    bool taken = false;
    for (unsigned i = 0; i < w->n; i++) {
        struct topic_name topics[TOPIC_KINDS];
        size_t n = topics_of(w, e, i, server_of_all, topics);
        if (n == 0) {
            continue;
        }
        enum bus_submit rc = submit_part(w->each[i], e, topics, n, j);
        taken |= rc == BUS_TAKEN;
        refused = rc == BUS_TAKEN ? refused : rc;
    }
    if (!taken) {
        free(j);
        return refused;
    }
    join_part_done(j);
    return BUS_TAKEN;
}

/* The list of refreshes is the first server's, wherever the event goes. */
static void note_refresh(struct bus_writers *w, struct str contest)
{
    char now[24];
    int n = snprintf(now, sizeof(now), "%lld", (long long)clock_wall_ms());
    struct str argv[] = {STR("ZADD"), str_of(w->refresh_due), STR("NX"), {now, (size_t)n}, contest};
    if (!redis_link_command(bus_writers_first_link(w), NULL, ARRAY_LEN(argv), argv)) {
        log_debug("refresh not noted", LF_S("contest", contest));
    }
}

enum bus_submit bus_writers_submit(struct bus_writers *w, const struct bus_event *e, bus_done_fn fn,
                                   void *arg)
{
    if (w->n == 1) {
        return bus_writer_submit(w->each[0], e, fn, arg);
    }
    struct bus_event event = *e;
    if (event.refresh_contest.n > 0) {
        note_refresh(w, event.refresh_contest);
        event.refresh_contest = STR_NONE;
    }
    unsigned home = event.n_topics > 1 ? server_list_of(topic_name_str(&event.topics[1]), w->n) : 0;
    for (size_t i = 2; i < event.n_topics; i++) {
        if (server_list_of(topic_name_str(&event.topics[i]), w->n) != home) {
            return submit_to_several(w, &event, home, fn, arg);
        }
    }
    return bus_writer_submit(w->each[home], &event, fn, arg);
}
