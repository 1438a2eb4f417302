/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_answer: answers that outlive the callback that brought them, and the reading of the
 * frontend's JSON. Nothing of an answer is kept but the fields of struct auth_answer: the
 * frontend's answer about a session carries a password hash.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"
#include "gateway/access/auth.h"

/* One answer and everything it points at, in one block; immutable, shared by reference count. */
struct held_answer {
    unsigned refs;
    struct auth_answer a;
};

/* A deep copy with one reference. NULL: out of memory. */
struct held_answer *held_answer_create(const struct auth_answer *a);
struct held_answer *held_answer_ref(struct held_answer *h);
struct held_answer *held_answer_unref(struct held_answer *h); /* accepts NULL; always NULL */

/* What was read; `a` points into the rest. Release in every case. */
struct parsed_answer {
    struct auth_answer a;
    void *doc;   /* owned yyjson document */
    void *lists; /* owned: the lists of a */
};
void parsed_answer_release(struct parsed_answer *p);
/* The bodies of 200s. What is not of the shape that protocol.md section 5 gives becomes
 * AUTH_UNAVAILABLE, without any field. */
void parsed_answer_read_session(struct str body, struct parsed_answer *out);
/* `wants_scoreboard`: a filter was /scoreboard/T; then an answer that does not name what it opens
 * is AUTH_NOT_FOUND (a frontend that does not know the kind says 200 too). */
void parsed_answer_read_filters(struct str body, bool wants_scoreboard, struct parsed_answer *out);
