/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_lines: who of those that wait is asked next, and who gives way when too many wait.
 *
 * Questions stand in three classes, by how much is known of who asks. Each class has a share of the
 * turns (AUTH_SHARES) that no other can take from it; a share that is idle serves the others. In a
 * class there is a line for each asker, and turns go round the lines: for a known credential by
 * credential, since many of a school sit behind one address; in the other classes by client address,
 * since a made-up token costs nothing; where a proxy names no address, by credential or filters. So
 * whoever asks a thousand things waits for them himself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"
#include "common/strmap.h"

struct inquiry;

enum auth_class {
    AUTH_CLASS_KNOWN, /* the judge has accepted this credential a short time ago */
    AUTH_CLASS_NEW,   /* another credential */
    AUTH_CLASS_NONE,  /* no credential */
    AUTH_CLASSES
};
extern const size_t auth_shares[AUTH_CLASSES];

enum { AUTH_LINE_LENGTHS = 64 }; /* a line of this length or longer is as good as any */

struct auth_line {
    struct list node;        /* in the class's round */
    struct list length_node; /* in the class's by_length, the newest at the end */
    struct list inquiries;   /* of struct inquiry, by line_node */
    size_t n;
    uint64_t key;
};
struct auth_lines_class {
    struct strmap lines; /* of struct auth_line, owned */
    struct list round;   /* who is next stands first */
    struct list by_length[AUTH_LINE_LENGTHS];
    struct auth_line rest; /* of those for whom there was no memory */
    size_t n_waiting, n_asked;
    uint64_t served; /* the count of all turns at its last one */
};
struct auth_lines {
    struct auth_lines_class classes[AUTH_CLASSES];
    size_t n_waiting, bytes; /* of the inquiries that stand in a line */
    uint64_t turns;
};

/* Where an inquiry stands. */
struct auth_place {
    enum auth_class class;
    uint64_t key; /* of the line */
};

void lines_init(struct auth_lines *l);
void lines_release(struct auth_lines *l); /* nobody stands in a line any more */
/* To the end of the line of q->place, or, with is_back, to its beginning. */
void lines_add(struct auth_lines *l, struct inquiry *q, bool is_back);
void lines_remove(struct auth_lines *l, struct inquiry *q); /* harmless when it stands in none */
/* To another line, when it is the shorter one. */
void lines_move(struct auth_lines *l, struct inquiry *q, struct auth_place place);
/* Whose turn it is; NULL: nobody waits. It stays in its line. */
struct inquiry *lines_next(struct auth_lines *l);
/* The newest of the longest line of the class that takes most of the queue; NULL: nobody waits. */
struct inquiry *lines_newest_of_longest(const struct auth_lines *l);
/* A turn of this class is taken, and free again. */
void lines_note_asked(struct auth_lines *l, enum auth_class class);
void lines_note_answered(struct auth_lines *l, enum auth_class class);
