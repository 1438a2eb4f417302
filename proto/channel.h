/* SPDX-License-Identifier: MIT */
#pragma once
/* channel: what a client of the documented protocol names, and the filters of the legacy one;
 * which types of event each reaches. Pure tables: who may see what is gateway/access.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/event.h"
#include "proto/topic.h"

enum channel_kind {
    CHANNEL_USER,          /* /user/U */
    CHANNEL_CONTEST,       /* /contest/A */
    CHANNEL_CONTEST_ADMIN, /* /contest/A/admin */
    CHANNEL_PROBLEM,       /* /problem/P */
    CHANNEL_SCOREBOARD,    /* /scoreboard/T */
    CHANNEL_KINDS
};
struct channel {
    enum channel_kind kind;
    struct str name; /* U, A, P or T; points into the parsed text */
};
MUST_CHECK bool channel_parse(struct str text, struct channel *out);
/* The reference pages' table: does an event of this type reach this kind of channel? */
bool channel_carries(enum channel_kind kind, enum event_type type);

/* One legacy filter. */
struct filter {
    enum topic_kind kind;
    struct str name;    /* user, problem, contest alias, or the problemset's digits; "" for all */
    struct str token;   /* of /problemset/N/TOKEN and /contest/A/TOKEN; "" when absent */
    int64_t problemset; /* 0 unless kind is TOPIC_PROBLEMSET */
};
#define FILTERS_MAX 128
/* Parses a comma-separated list (one filter at least, at most FILTERS_MAX). The strings point into
 * text. False: something in it is no filter; *out_why says what (static text). */
MUST_CHECK bool filters_parse(struct str text, struct filter *out, size_t max, size_t *out_n,
                              const char **out_why);
