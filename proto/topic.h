/* SPDX-License-Identifier: MIT */
#pragma once
/* topic: the names under which events travel in Redis: `all`, `problemset/17`,
 * `contest/annual-2024`, `problem/sums`, `user/ana`.
 *
 * A name inside the grammar of section 1 stands as it is; any other that is valid UTF-8, without
 * control characters and at most 200 bytes is percent-encoded (every byte outside
 * A-Za-z0-9_.+:-), so that no event is lost for its spelling and no name can reach another key.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/limits.h"

/* In the order in which a legacy session looks for the first that it matches. */
enum topic_kind {
    TOPIC_ALL,
    TOPIC_PROBLEMSET,
    TOPIC_CONTEST,
    TOPIC_PROBLEM,
    TOPIC_USER,
    TOPIC_KINDS
};

#define TOPIC_NAME_MAX (11 + 3 * LIMIT_NAME_BYTES)
struct topic_name {
    size_t n;
    char z[TOPIC_NAME_MAX + 1]; /* terminated */
};
static inline struct str topic_name_str(const struct topic_name *t)
{
    return (struct str){t->z, t->n};
}

/* CONTEST, PROBLEM, USER. False: the name is empty, too long, not UTF-8 or has controls. */
MUST_CHECK bool topic_name_make(enum topic_kind kind, struct str name, struct topic_name *out);
void topic_name_make_problemset(int64_t problemset, struct topic_name *out); /* > 0 */
void topic_name_make_all(struct topic_name *out);
/* The kind a topic's name says; false when it is none of ours. */
MUST_CHECK bool topic_kind_of(struct str topic, enum topic_kind *out_kind);

/* The grammars of section 1. */
bool name_is_alias(struct str s);            /* [group:]alias */
bool name_is_user(struct str s);             /* one to three parts joined by ':' */
bool name_is_scoreboard_token(struct str s); /* [A-Za-z0-9]{1,64} */
bool name_is_token(struct str s);            /* 1–512 bytes of [A-Za-z0-9_.:=,+/~-] */
/* A positive 63-bit integer without sign, leading zero or anything else. */
MUST_CHECK bool name_parse_problemset(struct str s, int64_t *out_number);
