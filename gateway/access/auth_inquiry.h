/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_inquiry: one question on its way, and everybody who wants its answer. The states
 * that it goes through are in auth_turns.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/list.h"
#include "gateway/access/auth.h"
#include "gateway/access/auth_cache.h"
#include "gateway/access/auth_lines.h"

struct held_answer;
struct inquiry;

struct auth_call {
    struct list node;        /* in the inquiry's calls */
    struct inquiry *inquiry; /* borrowed: it lives until its last call is answered or cancelled */
    auth_fn fn;
    void *arg;
};

enum inquiry_state { INQUIRY_WAITING, INQUIRY_ASKED, INQUIRY_READY };

struct inquiry {
    struct list node;       /* in the list of its state */
    struct list line_node;  /* in its line, while WAITING */
    struct auth_line *line; /* borrowed; NULL: it stands in none */
    struct auth_place place;
    size_t bytes; /* of memory, without its calls */
    enum inquiry_state state;
    struct auth *auth; /* borrowed, owns us */
    struct list calls; /* of struct auth_call, owned */
    size_t n_calls;
    bool is_joinable; /* stands in auth's map: the newest inquiry of its key */
    struct auth_key key;
    uint64_t wait_until_ms;
    uint64_t asked_ms;             /* valid once asked */
    void *source_call;             /* the source's; NULL unless ASKED */
    struct held_answer *answer;    /* ref, once READY; NULL: unavailable */
    struct buf forgotten;          /* names forgotten while ASKED, each ended by a zero byte */
    struct auth_question question; /* its strings point into text */
    char text[];
};

/* NULL: out of memory. Nothing links to it yet. */
struct inquiry *inquiry_create(struct auth *a, const struct auth_question *q,
                               const struct auth_key *key);
/* Frees its calls too, without answering them, and wipes the token. It leaves its list. */
void inquiry_free(struct inquiry *q);
/* NULL: out of memory. */
struct auth_call *inquiry_add_call(struct inquiry *q, auth_fn fn, void *arg);
void inquiry_drop_call(struct auth_call *call);

/* This user's access changed while the question is with the frontend. */
void inquiry_note_forgotten(struct inquiry *q, struct str user);
/* Is an answer about this user older than such a change? */
bool inquiry_is_outdated(const struct inquiry *q, struct str user);
