/* SPDX-License-Identifier: MIT */
#include "bench/tally.h"

#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64
#define ORDER_FACTOR 0x9e3779b97f4a7c15u

bool tally_init(struct tally *t, const struct tally_options *o)
{
    uint32_t rows = o->receives == RECEIVES_ALL ? o->receivers : 1;
    *t = (struct tally){.o = *o, .row_words = o->messages / WORD_BITS + 1};
    t->seen = calloc((size_t)rows * t->row_words, sizeof(*t->seen));
    t->arrived = calloc((size_t)o->messages + 1, sizeof(*t->arrived));
    t->order = calloc((size_t)o->receivers + 1, sizeof(*t->order));
    t->lens = calloc((size_t)o->messages + 1, sizeof(*t->lens));
    t->late_us = calloc((size_t)o->messages + 1, sizeof(*t->late_us));
    if (!t->seen || !t->arrived || !t->order || !t->lens || !t->late_us) {
        tally_release(t);
        return false;
    }
    return true;
}

void tally_release(struct tally *t)
{
    free(t->seen);
    free(t->arrived);
    free(t->order);
    free(t->lens);
    free(t->late_us);
    *t = (struct tally){0};
}

void tally_mark(struct buf *out, uint32_t number, uint64_t now_us)
{
    buf_add(out, STR("~b"));
    buf_add_u64(out, number);
    buf_addc(out, '.');
    buf_add_u64(out, now_us);
    buf_addc(out, '~');
}

static bool digits(const char **at, const char *end, uint64_t *out)
{
    const char *p = *at;
    uint64_t v = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        v = v * 10 + (uint64_t)(*p++ - '0');
    }
    bool any = p > *at;
    *at = p;
    *out = v;
    return any;
}

static bool mark_read(struct str head, uint64_t *out_number, uint64_t *out_sent_us)
{
    const char *end = head.p + head.n;
    const char *at = memmem(head.p, head.n, "~b", 2);
    if (!at) {
        return false;
    }
    at += 2;
    if (!digits(&at, end, out_number) || at == end || *at++ != '.') {
        return false;
    }
    return digits(&at, end, out_sent_us) && at < end && *at == '~';
}

void tally_sent(struct tally *t)
{
    switch (t->o.receives) {
    case RECEIVES_NONE: break;
    case RECEIVES_ALL: t->expected += t->o.receivers; break;
    case RECEIVES_OWN: t->expected++; break;
    }
}

/* True when this is the first time; counts otherwise. */
static bool tally_take(struct tally *t, uint32_t receiver, uint64_t number)
{
    bool is_own = t->o.receives == RECEIVES_OWN;
    if (number >= t->o.messages || (is_own && number % t->o.receivers != receiver)) {
        t->unexpected++;
        return false;
    }
    size_t row = is_own ? 0 : receiver;
    uint64_t *word = &t->seen[row * t->row_words + number / WORD_BITS];
    uint64_t bit = (uint64_t)1 << number % WORD_BITS;
    if ((*word & bit) != 0) {
        t->duplicates++;
        return false;
    }
    *word |= bit;
    return true;
}

bool tally_received(struct tally *t, uint32_t receiver, struct str head, struct tally_size size,
                    uint64_t now_us)
{
    uint64_t number;
    uint64_t sent_us;
    if (!mark_read(head, &number, &sent_us)) {
        return false;
    }
    if (!tally_take(t, receiver, number)) {
        return true;
    }
    t->delivered++;
    t->arrived[number]++;
    t->order[receiver] = (t->order[receiver] + number + 1) * ORDER_FACTOR;
    t->last_us = now_us;
    if (t->first_len == 0) {
        t->first_len = size.text;
    }
    if (t->arrived[number] == 1) {
        t->lens[number] = (uint32_t)size.text;
    }
    t->torn += t->lens[number] != (uint32_t)size.text;
    if (number < t->o.measured_from) {
        return true;
    }
    uint64_t late_us = now_us > sent_us ? now_us - sent_us : 0;
    t->bytes += size.text;
    t->wire_bytes += size.wire;
    t->late_us[number] = MAX(t->late_us[number], (uint32_t)MIN(late_us, (uint64_t)UINT32_MAX));
    latency_add(&t->each, late_us);
    if (t->o.receives == RECEIVES_ALL && t->arrived[number] == t->o.receivers) {
        latency_add(&t->whole, late_us);
    }
    return true;
}

bool tally_stray(struct tally *t, struct str head)
{
    uint64_t number;
    uint64_t sent_us;
    if (!mark_read(head, &number, &sent_us)) {
        return false;
    }
    t->unexpected++;
    return true;
}

bool tally_is_complete(const struct tally *t)
{
    return t->delivered >= t->expected;
}

uint32_t tally_disordered(const struct tally *t)
{
    uint32_t n = 0;
    for (uint32_t i = 1; t->o.receives == RECEIVES_ALL && i < t->o.receivers; i++) {
        n += t->order[i] != t->order[0];
    }
    return n;
}
