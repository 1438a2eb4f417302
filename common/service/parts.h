/* SPDX-License-Identifier: MIT */
#pragma once
/* parts: the named parts of a process that take new settings, all of them or none.
 *
 *   prepare  makes what the new settings ask for, out of sight; may fail
 *   check    every part has prepared: nothing can fail any more
 *   commit   puts it to use; cannot fail
 *   discard  instead of commit, when some part failed, and for --check-config
 *
 * The start commits the same parts, so that a start, a reload and --check-config say the same.
 * Names are those of the settings table (settings.h, `applied_by`).
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"

struct buf;
struct cli;
struct settings;

/* What parts prepare from. */
struct service_plan {
    const struct settings *settings; /* the new ones */
    const struct cli *cli;
    bool only_check; /* --check-config: nothing outside of the process may be made */
};

struct service_part {
    const char *name;
    /* False with a line of "SETTING: what" in out_problems. NULL: nothing is to be made. */
    bool (*prepare)(const struct service_plan *plan, void **out_prepared, struct buf *out_problems);
    /* Takes what was prepared. The old settings are still there. */
    void (*commit)(void *app, const struct settings *next, void *prepared);
    void (*discard)(void *prepared); /* NULL where prepare is */
};

enum { PARTS_MAX = 16 };

/* One attempt: zeroed at first; ends with parts_commit() or parts_discard(). */
struct parts_attempt {
    void *prepared[PARTS_MAX];
    size_t n; /* so many have prepared */
};

/* Asks all of them, also after one has failed, so that all problems are told at once. */
MUST_CHECK bool parts_prepare(const struct service_part *parts, size_t n,
                              const struct service_plan *plan, struct parts_attempt *attempt,
                              struct buf *out_problems);
void parts_commit(const struct service_part *parts, struct parts_attempt *attempt, void *app,
                  const struct settings *next);
void parts_discard(const struct service_part *parts, struct parts_attempt *attempt);
