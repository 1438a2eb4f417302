/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include "common/buf.h"
#include "common/compiler.h"

#define EACH_MAX 1000

/* A phase lies between two moments. */
static const struct {
    const char *name;
    enum moment from, to;
} phases[] = {
    {"connect", MOMENT_BEGIN, MOMENT_CONNECTED},
    {"rest", MOMENT_CONNECTED, MOMENT_RESTED},
    {"publish", MOMENT_WARM, MOMENT_PUBLISHED},
};
static const char *const moment_names[MOMENTS] = {
    [MOMENT_BEGIN] = "begin", [MOMENT_CONNECTED] = "connected", [MOMENT_RESTED] = "rested",
    [MOMENT_WARM] = "warm",   [MOMENT_PUBLISHED] = "published",
};

bool report_is_complete(const struct run *r)
{
    const struct receivers_counts *k = r->receivers ? receivers_counts(r->receivers) : NULL;
    return !r->trouble && tally_is_complete(&r->tally) && r->tally.duplicates == 0 &&
           r->tally.unexpected == 0 && r->tally.torn == 0 && tally_disordered(&r->tally) == 0 &&
           r->source.stats.failed == 0 &&
           (!k || (k->ready == k->wanted && k->failed + k->closed + k->broken == 0));
}

static void add_key(struct buf *b, const char *key)
{
    if (b->n > 0 && b->p[b->n - 1] != '{') {
        buf_addc(b, ',');
    }
    buf_add_json(b, str_of(key));
    buf_addc(b, ':');
}

static void add_u64(struct buf *b, const char *key, uint64_t v)
{
    add_key(b, key);
    buf_add_u64(b, v);
}

static void add_seconds(struct buf *b, const char *key, uint64_t us)
{
    add_key(b, key);
    buf_addf(b, "%.6f", (double)us / 1e6);
}

static void add_connections(const struct run *r, struct buf *b)
{
    const struct receivers_counts *k = receivers_counts(r->receivers);
    add_key(b, "connections");
    buf_addc(b, '{');
    add_u64(b, "wanted", k->wanted);
    add_u64(b, "ready", k->ready);
    add_u64(b, "failed", k->failed);
    add_u64(b, "closed", k->closed);
    add_u64(b, "other_messages", k->other_messages);
    add_u64(b, "compressed", k->compressed);
    add_u64(b, "broken", k->broken);
    add_key(b, "surprise");
    buf_add_json(b, str_of(k->surprise));
    buf_addc(b, '}');
}

/* Of each measured message: until the last receiver had it. */
static void add_each(const struct tally *t, struct buf *b)
{
    add_key(b, "each_whole_us");
    for (uint32_t i = t->o.measured_from; i < t->o.messages; i++) {
        buf_addc(b, i == t->o.measured_from ? '[' : ',');
        buf_add_u64(b, t->late_us[i]);
    }
    buf_add(b, STR("]"));
}

static void add_delivery(const struct tally *t, struct buf *b)
{
    add_key(b, "delivery");
    buf_addc(b, '{');
    add_u64(b, "expected", t->expected);
    add_u64(b, "delivered", t->delivered);
    add_u64(b, "missing", t->expected - MIN(t->delivered, t->expected));
    add_u64(b, "duplicates", t->duplicates);
    add_u64(b, "unexpected", t->unexpected);
    add_u64(b, "torn", t->torn);
    add_u64(b, "disordered_receivers", tally_disordered(t));
    add_u64(b, "measured", t->each.count);
    add_u64(b, "measured_bytes", t->bytes);
    add_u64(b, "measured_wire_bytes", t->wire_bytes);
    buf_addc(b, '}');
    add_key(b, "latency_us");
    latency_json(&t->each, b);
    add_key(b, "whole_us");
    latency_json(&t->whole, b);
    if (t->o.messages - t->o.measured_from <= EACH_MAX) {
        add_each(t, b);
    }
}

static void add_posts(const struct source_stats *s, struct buf *b)
{
    uint64_t took = s->ended_us > s->begun_us ? s->ended_us - s->begun_us : 0;
    add_key(b, "posts");
    buf_addc(b, '{');
    add_u64(b, "sent", s->sent);
    add_u64(b, "ok", s->ok);
    add_u64(b, "failed", s->failed);
    add_u64(b, "behind_us", s->behind_us);
    add_seconds(b, "seconds", took);
    add_key(b, "per_second");
    buf_addf(b, "%.1f", took > 0 ? (double)s->ok * 1e6 / (double)took : 0);
    add_key(b, "answer_us");
    latency_json(&s->answered, b);
    buf_addc(b, '}');
}

/* {"cpu_us":{"connect":…},"rss":{"begin":…}} of process i, or of the load generator (i < 0). */
static void add_process(const struct run *r, int i, struct buf *b)
{
    buf_add(b, STR("{\"cpu_us\":{"));
    for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
        enum moment from = phases[p].from;
        enum moment to = phases[p].to;
        if (r->at_us[to] > 0) {
            add_u64(b, phases[p].name,
                    i < 0 ? r->own[to].cpu_us - r->own[from].cpu_us
                          : r->probes[to][i].cpu_us - r->probes[from][i].cpu_us);
        }
    }
    buf_add(b, STR("},\"rss\":{"));
    for (size_t m = 0; m < MOMENTS; m++) {
        if (r->at_us[m] > 0) {
            add_u64(b, moment_names[m], i < 0 ? r->own[m].rss_bytes : r->probes[m][i].rss_bytes);
        }
    }
    buf_addc(b, '}');
    add_u64(b, "peak",
            i < 0 ? r->own[MOMENT_PUBLISHED].peak_bytes
                  : r->probes[MOMENT_PUBLISHED][i].peak_bytes);
    buf_addc(b, '}');
}

static void add_processes(const struct run *r, struct buf *b)
{
    add_key(b, "processes");
    buf_addc(b, '{');
    for (size_t i = 0; i < r->o->n_watched; i++) {
        const struct watched *w = &r->o->watched[i];
        if (i > 0) {
            buf_addc(b, ',');
        }
        buf_add_json(b, (struct str){w->name, (size_t)w->name_len});
        buf_addc(b, ':');
        add_process(r, (int)i, b);
    }
    add_key(b, "loadgen");
    add_process(r, -1, b);
    buf_addc(b, '}');
}

void report_print(const struct run *r, FILE *to)
{
    struct buf b = {0};
    buf_add(&b, STR("{\"complete\":"));
    buf_add(&b, str_of(report_is_complete(r) ? "true" : "false"));
    add_key(&b, "trouble");
    buf_add_json(&b, str_of(r->trouble));
    add_key(&b, "seconds");
    buf_addc(&b, '{');
    for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
        if (r->at_us[phases[p].to] > 0) {
            add_seconds(&b, phases[p].name, r->at_us[phases[p].to] - r->at_us[phases[p].from]);
        }
    }
    buf_addc(&b, '}');
    if (r->receivers) {
        add_connections(r, &b);
        add_delivery(&r->tally, &b);
    }
    if (r->source.poster) {
        add_posts(&r->source.stats, &b);
    }
    add_processes(r, &b);
    buf_add(&b, STR("}\n"));
    if (b.failed || fwrite(b.p, 1, b.n, to) != b.n) {
        (void)fprintf(stderr, "bench_loadgen: the report cannot be written\n");
    }
    buf_release(&b);
}
