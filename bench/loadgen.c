/* SPDX-License-Identifier: MIT */
/* bench_loadgen: one run: connect, rest, warm up, publish, wait until all has come, report.
 *
 * Everything happens in one thread, in phases; each phase turns the poller until its condition
 * holds or the run's deadline has passed. What the watched processes have used is read between the
 * phases, so that the figures are those of the phase alone.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/options.h"
#include "bench/probe.h"
#include "bench/receivers.h"
#include "bench/report.h"
#include "bench/source.h"
#include "bench/stream.h"
#include "bench/tally.h"
#include "common/clock.h"

/* After the last message: long enough for one that comes twice. */
#define LINGER_US 300000
/* Without any news for so long, what is missing does not come any more. */
#define PATIENCE_US 5000000

/* False: go on. */
typedef bool (*condition_fn)(const struct run *r);

/* Of what was published nothing is under way any more. */
static bool is_settled(const struct run *r)
{
    const struct source_stats *s = &r->source.stats;
    return s->ok + s->failed == s->sent && tally_is_complete(&r->tally);
}

/* Turns the loop until the condition holds (true), or time is up or something broke (false). */
static bool run_until(struct run *r, condition_fn is_met, uint64_t until_us)
{
    for (;;) {
        uint64_t now = clock_mono_us();
        if (is_met && is_met(r)) {
            return true;
        }
        if (now >= MIN(until_us, r->deadline_us)) {
            return is_met == NULL;
        }
        uint64_t next = MIN(until_us, r->deadline_us);
        if (r->receivers) {
            receivers_connect(r->receivers);
        }
        r->is_waiting = r->is_waiting && !is_settled(r);
        if (r->source.poster && !r->is_waiting) {
            uint64_t due = source_pump(&r->source, now);
            if (due == 0 || r->source.poster->is_broken) {
                r->trouble = "messages cannot be published";
                return false;
            }
            next = MIN(next, due);
            r->is_waiting = r->o->is_stepwise;
        }
        if (!poller_wait(r->net.poller, next)) {
            r->trouble = "epoll failed";
            return false;
        }
    }
}

static void run_rest(struct run *r, double seconds)
{
    (void)run_until(r, NULL, clock_mono_us() + (uint64_t)(seconds * 1e6)); /* true, or time is up */
}

static bool run_probe(struct run *r, enum moment m)
{
    r->at_us[m] = clock_mono_us();
    for (size_t i = 0; i < r->o->n_watched; i++) {
        if (!probe_read(r->o->watched[i].pid, &r->probes[m][i])) {
            r->trouble = "a watched process is gone";
            return false;
        }
    }
    return probe_read(getpid(), &r->own[m]);
}

static bool is_connected(const struct run *r)
{
    const struct receivers_counts *k = receivers_counts(r->receivers);
    return k->ready + k->failed == k->wanted;
}

static bool run_connect(struct run *r)
{
    if (!r->receivers) {
        return run_probe(r, MOMENT_CONNECTED) && run_probe(r, MOMENT_RESTED);
    }
    if (!run_until(r, is_connected, UINT64_MAX) || receivers_counts(r->receivers)->failed > 0) {
        r->trouble = r->trouble ? r->trouble : "not every connection became ready";
        return false;
    }
    if (!run_probe(r, MOMENT_CONNECTED)) {
        return false;
    }
    run_rest(r, r->o->settle_s + r->o->idle_s);
    for (size_t i = 0; i < r->o->n_watched; i++) {
        probe_forget_peak(r->o->watched[i].pid);
    }
    return run_probe(r, MOMENT_RESTED);
}

static bool is_poster_open(const struct run *r)
{
    return poster_is_open(r->source.poster);
}

static bool is_published(const struct run *r)
{
    bool is_quiet = r->tally.last_us + PATIENCE_US < clock_mono_us() &&
                    r->source.stats.ended_us + PATIENCE_US < clock_mono_us();
    return source_is_done(&r->source) && (tally_is_complete(&r->tally) || is_quiet);
}

static bool run_plan(struct run *r, uint32_t count, double rate, uint32_t burst)
{
    struct source_plan plan = {.count = count, .rate = rate, .burst = burst};
    source_begin(&r->source, &plan, clock_mono_us());
    if (!run_until(r, is_published, UINT64_MAX)) {
        return false;
    }
    if (r->source.stats.failed > 0) {
        r->trouble = "messages are refused";
    }
    return r->source.stats.failed == 0;
}

/* The first message tells what the system adds to a message; from then on they are padded. */
static bool run_warm_up(struct run *r)
{
    if (r->o->warmup == 0) {
        return true;
    }
    if (!run_plan(r, 1, 0, 1)) {
        return false;
    }
    size_t bare = r->tally.first_len > 0 ? r->tally.first_len : source_body_bytes(&r->source);
    r->source.pad = r->o->bytes > bare ? r->o->bytes - bare : 0;
    return run_plan(r, r->o->warmup - 1, r->o->rate, r->o->burst);
}

/* Or it cannot become complete any more. */
static bool is_heard(const struct run *r)
{
    return tally_is_complete(&r->tally) || receivers_counts(r->receivers)->closed > 0;
}

static bool run_listen(struct run *r)
{
    for (uint32_t i = 0; i < r->o->messages + r->o->warmup; i++) {
        tally_sent(&r->tally);
    }
    (void)fputs("ready\n", stderr);
    if (!run_probe(r, MOMENT_WARM) || !run_until(r, is_heard, UINT64_MAX)) {
        r->trouble = r->trouble ? r->trouble : "not everything came in time";
        return false;
    }
    bool ok = run_probe(r, MOMENT_PUBLISHED);
    run_rest(r, LINGER_US / 1e6);
    return ok;
}

static bool run_publish(struct run *r)
{
    if (r->o->is_listener) {
        return run_listen(r);
    }
    if (!r->o->has_poster) {
        return true;
    }
    r->source.poster = poster_open(&r->net, &r->o->poster, source_answered, &r->source);
    if (!r->source.poster) {
        r->trouble = "out of memory";
        return false;
    }
    if (!run_until(r, is_poster_open, UINT64_MAX) || !run_warm_up(r) ||
        !run_probe(r, MOMENT_WARM) || !run_plan(r, r->o->messages, r->o->rate, r->o->burst)) {
        r->trouble = r->trouble ? r->trouble : "publishing did not end in time";
        return false;
    }
    bool ok = run_probe(r, MOMENT_PUBLISHED);
    run_rest(r, LINGER_US / 1e6);
    return ok;
}

static bool run_prepare(struct run *r)
{
    struct tally_options t = {.messages = r->o->messages + r->o->warmup,
                              .measured_from = r->o->warmup};
    for (size_t i = 0; i < r->o->receivers.n_groups; i++) {
        const struct group *g = &r->o->receivers.groups[i];
        if (g->receives != RECEIVES_NONE) {
            t.receives = g->receives;
            t.receivers = g->count;
        }
    }
    if (!net_init(&r->net, r->o->cert, r->o->key, &r->trouble)) {
        return false;
    }
    r->trouble = "out of memory";
    if (!tally_init(&r->tally, &t)) {
        return false;
    }
    r->source = (struct source){.tally = &r->tally,
                                .body = r->o->body,
                                .modulo = t.receives == RECEIVES_OWN ? t.receivers : 1000};
    if (r->o->has_receivers) {
        r->receivers = receivers_create(&r->net, &r->o->receivers, &r->tally);
        if (!r->receivers) {
            return false;
        }
    }
    r->trouble = NULL;
    return true;
}

static void run_release(struct run *r)
{
    r->source.poster = poster_free(r->source.poster);
    source_release(&r->source);
    r->receivers = receivers_free(r->receivers);
    tally_release(&r->tally);
    net_release(&r->net);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* too few show when connections fail */
    }
}

int main(int argc, char **argv)
{
    struct options options;
    if (!options_parse(argc, argv, &options)) {
        options_release(&options);
        return 2;
    }
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    struct run *r = calloc(1, sizeof(*r));
    if (!r) {
        return 1;
    }
    r->o = &options;
    r->deadline_us = clock_mono_us() + (uint64_t)(options.deadline_s * 1e6);
    if (run_prepare(r) && run_probe(r, MOMENT_BEGIN) && run_connect(r)) {
        (void)run_publish(r); /* r->trouble says what went wrong */
    }
    bool is_complete = report_is_complete(r);
    report_print(r, stdout);
    run_release(r);
    free(r);
    options_release(&options);
    return is_complete ? 0 : 1;
}
