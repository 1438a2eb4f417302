/* SPDX-License-Identifier: MIT */
/* bus_writer: the link, what is sent over it, and what replies mean. The events themselves are in
 * bus_backlog.c.
 *
 * Only UNSENT_WINDOW bytes are handed to the link ahead of the socket, so that of a Redis which hangs
 * almost all events are still WAITING, hence certainly not executed.
 */
#include "publisher/bus_writer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "publish_lua.h"
#include "publisher/bus_backlog.h"
#include "publisher/bus_beat.h"
#include "publisher/bus_moves.h"
#include "publisher/bus_trial.h"
#include "publisher/pub_metrics.h"
#include "renew_lua.h"

enum {
    UNSENT_WINDOW = 128 * 1024,
    ATTEMPTS_MAX = 10,
    RETRY_MS = 1000, /* of kept events, while Redis refuses them */
    OWN_SCRIPTS = 2,
    SCRIPTS_MAX = OWN_SCRIPTS + 2,
};

struct bus_writer {
    struct loop *loop;           /* borrowed */
    struct redis_link *link;     /* owned */
    struct pub_metrics *metrics; /* borrowed */
    char *prefix;                /* owned */
    struct redis_script publish, renew;
    struct redis_script *scripts[SCRIPTS_MAX]; /* borrowed, but for ours */
    size_t n_scripts;
    struct bus_backlog backlog;
    struct bus_moves moves;
    struct bus_trial trial;
    struct bus_beat beat;
    struct timer kept_tick;
    uint64_t kept_not_before_ms; /* Redis refuses at the moment */
    char history_text[3][24];
    struct str history[3]; /* for bus_write_prepare() */
    bool stopping;         /* nothing is sent any more */
};

static void pump(struct bus_writer *w);

static void renew(struct bus_writer *w);

/* Some refusals are for this event only; without rights nothing may be tried. */
static bool may_send(const struct bus_writer *w)
{
    bool tried = w->trial.state == TRIAL_PASSED || w->trial.state == TRIAL_REFUSED;
    return w->beat.agrees && tried && redis_link_is_ready(w->link);
}

static void count_error(const struct bus_writer *w, const struct redis_reply *r)
{
    struct pub_metrics *m = w->metrics;
    switch (redis_error_of(r)) {
    case REDIS_ERROR_NONE: break;
    case REDIS_ERROR_READONLY:
    case REDIS_ERROR_AWAY: m->redis_away++; break;
    case REDIS_ERROR_FULL: m->redis_full++; break;
    case REDIS_ERROR_DENIED: m->redis_denied++; break;
    case REDIS_ERROR_NOSCRIPT:
    case REDIS_ERROR_OTHER: m->redis_other++; break;
    }
}

static void on_renewed(const struct redis_reply *r, void *arg)
{
    struct bus_writer *w = arg;
    bool done = r && r->type == REPLY_INTEGER;
    bus_moves_settle(&w->moves, done);
    if (!done) {
        if (r) {
            log_error("redis refused an event", LF_S("error", r->text));
        }
        return; /* owed still */
    }
    if (r->integer > 0) {
        log_warn("left another history: topics begin anew", LF_I64("topics", r->integer));
    }
    renew(w);
}

static bool send_renewals(struct bus_writer *w, const struct moves_batch *batch)
{
    char epoch[EPOCH_LEN + 1], ages[MOVES_BATCH_MAX][24];
    struct str argv[(TOPIC_KEYS + 1) * MOVES_BATCH_MAX + 1];
    struct buf names = {0};
    size_t size = 0, n = 0;
    for (size_t i = 0; i < batch->n; i++) {
        size += TOPIC_KEYS * batch->names[i].n + TOPIC_KEYS_SUFFIX_BYTES;
    }
    if (!buf_reserve(&names, size)) {
        return false;
    }
    for (size_t i = 0; i < batch->n * TOPIC_KEYS; i++) {
        size_t start = names.n;
        buf_add(&names, batch->names[i / TOPIC_KEYS]);
        buf_add(&names, topic_key_suffix(i % TOPIC_KEYS));
        argv[n++] = (struct str){names.p + start, names.n - start};
    }
    (void)snprintf(epoch, sizeof(epoch), "%016" PRIx64, random_u64());
    argv[n++] = str_of(epoch);
    for (size_t i = 0; i < batch->n; i++) {
        (void)snprintf(ages[i], sizeof(ages[i]), "%" PRIu64, batch->ages_ms[i]);
        argv[n++] = str_of(ages[i]);
    }
    const struct redis_asker who = {.fn = on_renewed, .arg = w};
    bool sent =
        redis_link_eval(w->link, &w->renew, &who, (int)(batch->n * TOPIC_KEYS), (int)n, argv);
    buf_release(&names);
    return sent;
}

/* What was acknowledged elsewhere becomes a reset, some topics at a time. */
static void renew(struct bus_writer *w)
{
    struct moves_batch batch;
    if (w->stopping || !may_send(w) || !bus_moves_take(&w->moves, loop_now_ms(w->loop), &batch)) {
        return;
    }
    if (!send_renewals(w, &batch)) {
        bus_moves_settle(&w->moves, false);
    }
}

static void run_trial(struct bus_writer *w)
{
    bus_trial_run(&w->trial, w->link, &w->publish, str_of(w->prefix));
}

static void on_kept_tick(void *arg)
{
    struct bus_writer *w = arg;
    if (w->trial.state != TRIAL_PASSED) {
        run_trial(w);
    }
    renew(w);
    bus_backlog_expire_kept(&w->backlog);
    pump(w);
}

/* The right to publish was taken away since the trial: nothing more is sent until it is back. */
static void on_unheard(struct bus_writer *w, struct str error)
{
    w->metrics->redis_denied++;
    log_error("redis wrote an event and refused to publish it", LF_S("error", error));
    bus_trial_refused(&w->trial, REDIS_ERROR_DENIED);
}

static void on_executed(struct bus_writer *w, struct bus_write *e, const struct redis_reply *r)
{
    struct str word = redis_reply_text_at(r, 0);
    struct str kept = redis_reply_text_at(r, 1);
    enum bus_outcome outcome = BUS_UNKNOWN;
    if (e->kept_since_ms > 0) {
        w->metrics->kept_written++;
    }
    if (str_eq(word, STR("ok"))) {
        outcome = BUS_WRITTEN;
    } else if (str_eq(word, STR("unheard"))) {
        outcome = BUS_WRITTEN; /* gateways find it in the log */
    } else if (str_eq(word, STR("again")) && kept.n > 0) {
        outcome = BUS_REPEATED;
    } else if (str_eq(word, STR("conflict"))) {
        outcome = BUS_CONFLICT;
    } else {
        log_error("reply of publish.lua not understood", LF_I64("type", r->type));
    }
    if (outcome == BUS_WRITTEN || outcome == BUS_REPEATED) {
        w->trial.state = TRIAL_PASSED;
        if (str_eq(word, STR("unheard"))) {
            on_unheard(w, kept);
        }
        bus_moves_note(&w->moves, e->topics, e->n_topics, loop_now_ms(w->loop));
    }
    bus_backlog_tell(&w->backlog, e, outcome, outcome == BUS_REPEATED ? kept : STR_NONE);
    bus_backlog_drop(&w->backlog, e);
}

/* Redis has not executed it, and would not execute another now. */
static void on_refused(struct bus_writer *w, struct bus_write *e, const struct redis_reply *r)
{
    count_error(w, r);
    log_error("redis refused an event", LF_S("error", r->text));
    bus_trial_refused(&w->trial, redis_error_of(r));
    w->kept_not_before_ms = loop_now_ms(w->loop) + RETRY_MS;
    bus_backlog_not_written(&w->backlog, e);
}

/* Redis has restarted, or was told to forget; the link has loaded the script again. */
static void on_no_script(struct bus_writer *w, struct bus_write *e, const struct redis_reply *r)
{
    if (e->fn && e->attempts < ATTEMPTS_MAX) {
        bus_backlog_move(&w->backlog, e, BUS_WRITE_AGAIN);
    } else {
        on_refused(w, e, r);
    }
}

/* A fault in the data, which would come back each time: nothing is kept. */
static void on_error_reply(struct bus_writer *w, struct bus_write *e, const struct redis_reply *r)
{
    count_error(w, r);
    log_error("redis refused an event", LF_S("error", r->text));
    bus_backlog_give_up(&w->backlog, e, "redis refuses it");
}

/* The link was lost before the reply. */
static void on_unanswered(struct bus_writer *w, struct bus_write *e)
{
    if (e->keyed && e->fn && !w->stopping) {
        bus_backlog_move(&w->backlog, e, BUS_WRITE_AGAIN);
    } else {
        bus_backlog_give_up(&w->backlog, e, "the link was lost before the reply");
    }
}

static void on_reply(const struct redis_reply *r, void *arg)
{
    struct bus_write *e = arg;
    struct bus_writer *w = e->writer;
    if (!r) {
        on_unanswered(w, e);
        return;
    }
    switch (redis_error_of(r)) {
    case REDIS_ERROR_NONE: on_executed(w, e, r); break;
    case REDIS_ERROR_NOSCRIPT: on_no_script(w, e, r); break;
    case REDIS_ERROR_READONLY:
    case REDIS_ERROR_AWAY:
    case REDIS_ERROR_FULL:
    case REDIS_ERROR_DENIED: on_refused(w, e, r); break;
    case REDIS_ERROR_OTHER: on_error_reply(w, e, r); break;
    }
    pump(w);
}

static struct bus_write *next_to_send(const struct bus_writer *w)
{
    struct bus_write *e = NULL;
    if (loop_now_ms(w->loop) >= w->kept_not_before_ms) {
        e = bus_backlog_first(&w->backlog, BUS_WRITE_KEPT);
    }
    if (!e) {
        e = bus_backlog_first(&w->backlog, BUS_WRITE_AGAIN);
    }
    return e ? e : bus_backlog_first(&w->backlog, BUS_WRITE_WAITING);
}

static bool send_event(struct bus_writer *w, struct bus_write *e)
{
    const struct redis_asker who = {.fn = on_reply, .arg = e};
    bus_write_prepare(e, w->history);
    return redis_link_eval(w->link, &w->publish, &who, (int)e->n_keys,
                           (int)e->n_keys + BUS_WRITE_ARGUMENTS, e->argv);
}

/* Sends what may be sent now. Called whenever that may have become more. */
static void pump(struct bus_writer *w)
{
    while (!w->stopping && may_send(w) && redis_link_unsent_bytes(w->link) < UNSENT_WINDOW) {
        struct bus_write *e = next_to_send(w);
        if (!e) {
            return;
        }
        if (send_event(w, e)) {
            bus_backlog_move(&w->backlog, e, BUS_WRITE_SENT);
        } else if (redis_link_is_ready(w->link)) { /* too large for the link, or no memory */
            bus_backlog_give_up(&w->backlog, e, "it cannot be sent");
        }
    }
}

enum bus_submit bus_writer_submit(struct bus_writer *w, const struct bus_event *event,
                                  bus_done_fn fn, void *arg)
{
    bool keyed = event->idem.n > 0;
    bool down = w->stopping || (!keyed && !may_send(w));
    bool full = bus_backlog_is_full(&w->backlog);
    if (down || full) {
        w->metrics->unavailable++;
    }
    if ((down || full) && (keyed || !event->keep)) {
        return down ? BUS_DOWN : BUS_FULL;
    }
    struct bus_write *e = bus_write_create(event, str_of(w->prefix));
    if (!e) {
        return BUS_NO_MEMORY;
    }
    e->writer = w;
    bus_backlog_add(&w->backlog, e);
    if (down || full) {
        bus_backlog_not_written(&w->backlog, e); /* keeps it */
        return down ? BUS_DOWN : BUS_FULL;
    }
    bus_backlog_expect(&w->backlog, e, fn, arg, event->wait_ms);
    pump(w);
    return BUS_TAKEN;
}

static void on_trial(const struct redis_reply *r, void *arg)
{
    struct bus_writer *w = arg;
    if (r->type == REPLY_ERROR) {
        count_error(w, r);
        log_error("redis refused an event", LF_S("error", r->text));
    } else if (w->trial.state == TRIAL_DENIED) { /* a PUBLISH */
        w->metrics->redis_denied++;
        log_error("redis refused an event", LF_S("error", redis_reply_text_at(r, 1)));
    }
    renew(w);
    pump(w);
}

static void on_agreed(void *arg)
{
    struct bus_writer *w = arg;
    renew(w);
    pump(w);
}

static void on_ready(void *arg)
{
    struct bus_writer *w = arg;
    w->kept_not_before_ms = 0;
    run_trial(w);
    bus_moves_arrive(&w->moves, str_of(redis_link_history(w->link)), loop_now_ms(w->loop));
    if (w->backlog.kept.events > 0) {
        log_info("writing kept events", LF_I64("kept", w->backlog.kept.events));
    }
    bus_beat_now(&w->beat);
    pump(w);
}

static void on_lost(const char *why UNUSED, void *arg)
{
    struct bus_writer *w = arg;
    /* The link has logged it, and each event that was on its way has been told. */
    w->beat.agrees = false;
    bus_trial_forget(&w->trial);
}

static void on_eviction(void *arg)
{
    const struct bus_writer *w = arg;
    if (redis_link_may_evict(w->link)) {
        log_warn("redis may evict keys: set maxmemory-policy noeviction",
                 LF_STR("policy", redis_link_eviction(w->link)));
    }
}

static const struct redis_link_handler link_handler = {.on_ready = on_ready,
                                                       .on_lost = on_lost,
                                                       .on_eviction = on_eviction};

static int create_link(struct bus_writer *w, const struct bus_writer_options *o)
{
    assert(o->n_scripts <= SCRIPTS_MAX - OWN_SCRIPTS);
    redis_script_init(&w->renew, "renew.lua", renew_lua, renew_lua_len);
    w->scripts[w->n_scripts++] = &w->renew;
    redis_script_init(&w->publish, "publish.lua", publish_lua, publish_lua_len);
    w->scripts[w->n_scripts++] = &w->publish;
    for (size_t i = 0; i < o->n_scripts; i++) {
        w->scripts[w->n_scripts++] = o->scripts[i];
    }
    return redis_link_create(w->loop,
                             &(struct redis_link_options){
                                 .name = "writer",
                                 .url = o->url,
                                 .access = o->access,
                                 .handler = &link_handler,
                                 .arg = w,
                                 .scripts = w->scripts,
                                 .n_scripts = w->n_scripts,
                                 /* Never the reason to refuse: pump() stops long before. */
                                 .max_unsent_bytes = 2 * (UNSENT_WINDOW + o->max_event_bytes),
                             },
                             &w->link);
}

int bus_writer_create(struct loop *l, const struct bus_writer_options *o,
                      struct bus_writer **out_writer)
{
    AUTO(bus_writer) *w = calloc(1, sizeof(*w));
    if (!w) {
        return -ENOMEM;
    }
    w->loop = l;
    w->metrics = o->metrics;
    w->prefix = strdup(o->prefix);
    w->beat.list_digest = o->list_digest;
    w->beat.replicas = &o->metrics->redis_replicas;
    w->beat.on_agreed = on_agreed;
    w->beat.arg = w;
    w->trial = (struct bus_trial){.on_end = on_trial, .arg = w};
    if (!bus_backlog_init(&w->backlog, l, o->metrics) || !w->prefix ||
        !bus_beat_init(&w->beat, l, o->prefix) || !timer_init(&w->kept_tick, l, on_kept_tick, w)) {
        return -ENOMEM;
    }
    bus_writer_configure(w, &o->settings);
    int rc = create_link(w, o);
    if (rc < 0) {
        return rc;
    }
    w->beat.link = w->link;
    *out_writer = TAKE(w);
    return 0;
}

struct bus_writer *bus_writer_free(struct bus_writer *w)
{
    if (!w) {
        return NULL;
    }
    w->stopping = true;
    redis_call_cancel(&w->trial.call);
    w->link = redis_link_free(w->link); /* ends what was sent */
    bus_backlog_release(&w->backlog);
    bus_moves_release(&w->moves);
    bus_beat_release(&w->beat);
    timer_release(&w->kept_tick);
    free(w->prefix);
    free(w);
    return NULL;
}

void bus_writer_start(struct bus_writer *w)
{
    redis_link_start(w->link);
    bus_beat_start(&w->beat);
    timer_start_every_ms(&w->kept_tick, RETRY_MS);
}

void bus_writer_configure(struct bus_writer *w, const struct bus_writer_settings *s)
{
    const int64_t values[] = {s->history_events, s->history_ms, s->history_bytes};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        int n = snprintf(w->history_text[i], sizeof(w->history_text[i]), "%" PRId64, values[i]);
        w->history[i] = (struct str){w->history_text[i], (size_t)n};
    }
}

bool bus_writer_is_ready(const struct bus_writer *w)
{
    return w->trial.state == TRIAL_PASSED && may_send(w);
}

bool bus_writer_is_idle(const struct bus_writer *w)
{
    return w->backlog.in_flight.events == 0 &&
           (w->backlog.kept.events == 0 || !redis_link_is_ready(w->link));
}

struct redis_link *bus_writer_link(struct bus_writer *w)
{
    return w->link;
}
