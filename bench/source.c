/* SPDX-License-Identifier: MIT */
#include "bench/source.h"

#include <string.h>

#include "common/clock.h"

void source_release(struct source *s)
{
    buf_release(&s->message);
}

void source_begin(struct source *s, const struct source_plan *plan, uint64_t now_us)
{
    s->plan = *plan;
    s->sent = 0;
    s->stats = (struct source_stats){.begun_us = now_us};
}

static void add_pad(struct buf *out, size_t n)
{
    if (n > 0 && buf_reserve(out, n)) {
        memset(out->p + out->n, 'x', n);
        out->n += n;
    }
}

/* The template with its holes filled, into s->message. */
static void source_make(struct source *s, uint64_t now_us)
{
    static const struct str mark = STR("@mark@"), pad = STR("@pad@"), index = STR("@index@");
    struct str rest = str_of(s->body);
    struct buf *out = &s->message;

    buf_clear(out);
    while (rest.n > 0) {
        size_t used = 1;
        if (str_starts(rest, mark)) {
            tally_mark(out, s->number, now_us);
            used = mark.n;
        } else if (str_starts(rest, pad)) {
            add_pad(out, s->pad);
            used = pad.n;
        } else if (str_starts(rest, index)) {
            buf_add_u64(out, s->number % s->modulo);
            used = index.n;
        } else {
            const char *at = memchr(rest.p + 1, '@', rest.n - 1);
            used = at ? (size_t)(at - rest.p) : rest.n;
            buf_add(out, (struct str){rest.p, used});
        }
        rest = str_after(rest, used);
    }
}

size_t source_body_bytes(struct source *s)
{
    source_make(s, clock_mono_us());
    return s->message.n;
}

/* When message i of the plan is due. */
static uint64_t source_due(const struct source *s, uint32_t i)
{
    if (s->plan.rate <= 0) {
        return s->stats.begun_us;
    }
    uint32_t first_of_burst = i - i % s->plan.burst;
    return s->stats.begun_us + (uint64_t)((double)first_of_burst / s->plan.rate * 1e6);
}

uint64_t source_pump(struct source *s, uint64_t now_us)
{
    while (s->sent < s->plan.count) {
        uint64_t due = source_due(s, s->sent);
        if (due > now_us) {
            return due;
        }
        if (!poster_has_room(s->poster)) {
            return UINT64_MAX;
        }
        uint64_t now = clock_mono_us();
        source_make(s, now);
        uint64_t begun = s->plan.rate > 0 ? due : now;
        if (s->message.failed || !poster_send(s->poster, buf_str(&s->message), begun)) {
            return 0;
        }
        s->stats.behind_us = MAX(s->stats.behind_us, now - begun);
        s->number++;
        s->sent++;
        s->stats.sent++;
        tally_sent(s->tally);
    }
    return UINT64_MAX;
}

void source_answered(void *arg, bool ok, uint64_t begun_us)
{
    struct source *s = arg;
    uint64_t now = clock_mono_us();
    if (ok) {
        s->stats.ok++;
        latency_add(&s->stats.answered, now - begun_us);
    } else {
        s->stats.failed++;
    }
    s->stats.ended_us = now;
}

bool source_is_done(const struct source *s)
{
    return s->sent == s->plan.count && s->stats.ok + s->stats.failed >= s->stats.sent;
}
