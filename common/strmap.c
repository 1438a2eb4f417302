/* SPDX-License-Identifier: MIT */
/* strmap: open addressing with linear probing, at most three quarters full.
 *
 * Removal leaves no tombstone: the entries after the hole move back towards their home slots until
 * an empty slot ends the run (Knuth, 6.4 algorithm R). So a lookup ends at the first empty slot.
 *
 * Iteration goes downwards and starts below an empty slot. Removing the current entry moves only
 * entries that stand above it up to the next empty slot, and those were visited already; none can
 * cross the empty slot where the iteration began, so the end of the table needs no special care.
 */
#include "common/strmap.h"

#include <assert.h>
#include <stdlib.h>

#include "common/clock.h"

enum { FIRST_CAP = 8 };

/* 24 bytes: with tens of thousands of topics and users, each in several maps, it counts. */
struct strmap_slot {
    const char *key; /* borrowed */
    void *value;     /* borrowed; NULL: empty slot */
    uint32_t key_len;
    uint32_t hash; /* its lower half: tables have at most 2^32 slots */
};

static uint64_t rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

/* SipHash-1-3: one round per 8 bytes, three at the end. */
static uint64_t siphash13(const uint64_t secret[2], struct str s)
{
    uint64_t v[4] = {
        secret[0] ^ 0x736f6d6570736575, /* "somepseu" */
        secret[1] ^ 0x646f72616e646f6d, /* "dorandom" */
        secret[0] ^ 0x6c7967656e657261, /* "lygenera" */
        secret[1] ^ 0x7465646279746573, /* "tedbytes" */
    };
    uint64_t word;
    size_t left = s.n;
    const char *p = s.p;
    for (; left >= sizeof(word); left -= sizeof(word), p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (left > 0) {
        memcpy(&word, p, left);
    }
    word |= (uint64_t)s.n << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t strmap_hash(struct str key)
{
    /* File state: one secret per process, drawn at the first use and constant from then on. */
    static uint64_t secret[2];
    static bool drawn;
    if (!drawn) {
        random_bytes(secret, sizeof(secret));
        drawn = true;
    }
    return siphash13(secret, key);
}

void strmap_release(struct strmap *m)
{
    free(m->slots);
    *m = (struct strmap){0};
}

static struct str slot_key(const struct strmap_slot *slot)
{
    return (struct str){slot->key, slot->key_len};
}

/* The slot that holds the key, or the empty one where it would go. The table is never full. */
static struct strmap_slot *find(const struct strmap *m, struct str key, uint32_t hash)
{
    size_t mask = m->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct strmap_slot *slot = &m->slots[i];
        if (!slot->value || (slot->hash == hash && str_eq(slot_key(slot), key))) {
            return slot;
        }
    }
}

/* The slot that holds the key, or NULL. */
static struct strmap_slot *lookup(const struct strmap *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    struct strmap_slot *slot = find(m, key, (uint32_t)strmap_hash(key));
    return slot->value ? slot : NULL;
}

void *strmap_get(const struct strmap *m, struct str key)
{
    struct strmap_slot *slot = lookup(m, key);
    return slot ? slot->value : NULL;
}

static bool grow(struct strmap *m)
{
    struct strmap bigger = {.count = m->count, .cap = m->cap ? m->cap * 2 : FIRST_CAP};
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots) {
        return false;
    }
    for (size_t i = 0; i < m->cap; i++) {
        const struct strmap_slot *slot = &m->slots[i];
        if (slot->value) {
            *find(&bigger, slot_key(slot), slot->hash) = *slot;
        }
    }
    free(m->slots);
    *m = bigger;
    return true;
}

bool strmap_add(struct strmap *m, struct str key, void *value)
{
    assert(value);
    if (key.n > UINT32_MAX || (m->count >= m->cap / 4 * 3 && !grow(m))) {
        return false;
    }
    uint32_t hash = (uint32_t)strmap_hash(key);
    struct strmap_slot *slot = find(m, key, hash);
    assert(!slot->value);
    *slot = (struct strmap_slot){key.p, value, (uint32_t)key.n, hash};
    m->count++;
    return true;
}

void strmap_replace(struct strmap *m, struct str key, void *value)
{
    assert(value);
    struct strmap_slot *slot = lookup(m, key);
    assert(slot);
    slot->key = key.p; /* of the same length */
    slot->value = value;
}

static void remove_at(struct strmap *m, size_t hole)
{
    size_t mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        /* An entry may move to the hole unless its home lies behind the hole. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct strmap_slot){0};
    m->count--;
}

void *strmap_remove(struct strmap *m, struct str key)
{
    struct strmap_slot *slot = lookup(m, key);
    if (!slot) {
        return NULL;
    }
    void *value = slot->value;
    remove_at(m, (size_t)(slot - m->slots));
    return value;
}

void *strmap_next(const struct strmap *m, struct strmap_iter *it)
{
    if (m->cap == 0) {
        return NULL;
    }
    size_t mask = m->cap - 1;
    if (!it->started) {
        while (m->slots[it->at].value) {
            it->at++; /* ends: a quarter of the slots is empty */
        }
        it->started = true;
        it->left = mask;
    }
    while (it->left > 0) {
        it->left--;
        it->at = (it->at - 1) & mask;
        if (m->slots[it->at].value) {
            return m->slots[it->at].value;
        }
    }
    return NULL;
}

void strmap_iter_remove(struct strmap *m, const struct strmap_iter *it)
{
    assert(it->started && m->slots[it->at].value);
    remove_at(m, it->at);
}

size_t strmap_bytes(const struct strmap *m)
{
    return m->cap * sizeof(*m->slots);
}
