/* SPDX-License-Identifier: MIT */
#pragma once
/* strmap: byte string -> pointer, by open addressing with SipHash-1-3 under a random key (names
 * come from clients, so the hash must not be guessable).
 *
 * Keys are borrowed: they usually live in the value, and must stay until the entry is removed.
 * Iteration order is arbitrary. Not re-entrant while iterating, except that the current entry may
 * be removed with strmap_iter_remove().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct strmap_slot;
struct strmap {
    struct strmap_slot *slots; /* owned; NULL while empty */
    size_t count;              /* entries */
    size_t cap;                /* slots: 0 or a power of two */
};

/* Zero-initialised is an empty map. Frees the table, not the values. */
void strmap_release(struct strmap *m);
void *strmap_get(const struct strmap *m, struct str key); /* NULL when absent */
/* Adds a new entry; value must not be NULL and the key not be there. False: out of memory. */
MUST_CHECK bool strmap_add(struct strmap *m, struct str key, void *value);
/* Sets the value (and the key's memory) of an entry that is there. */
void strmap_replace(struct strmap *m, struct str key, void *value);
/* Returns the removed value, or NULL when the key was not there. */
void *strmap_remove(struct strmap *m, struct str key);

struct strmap_iter {
    size_t at;   /* slot of the current entry */
    size_t left; /* slots still to be looked at */
    bool started;
};
/* Returns the next value or NULL at the end; start with a zeroed iterator. */
void *strmap_next(const struct strmap *m, struct strmap_iter *it);
/* Removes the entry that strmap_next() returned last; its key and value may be freed before. */
void strmap_iter_remove(struct strmap *m, const struct strmap_iter *it);
/* Heap bytes in use, for the memory metrics. */
size_t strmap_bytes(const struct strmap *m);
/* The hash itself, for other tables keyed by what clients choose. */
uint64_t strmap_hash(struct str key);
