/* SPDX-License-Identifier: MIT */
#pragma once
/* config: file + environment + command line -> struct settings, or problems that name file, line
 * and key.
 *
 * Order: defaults, file, environment (REDIS_URL, REDIS_HOST/PORT/USERNAME/PASSWORD, BROADCASTER_PORT,
 * BROADCASTER_EVENTS_PORT, BROADCASTER_FRONTEND_URL), --set. Keys match
 * without regard to case. An unknown key is a warning, an error when `strict`. Sections of omegaUp's shared files (Tracing, DB, Grader, Runner, InputManager,
 * NewRelic, top-level TLS) pass silently.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/config/config_dump.h"
#include "common/config/config_duration.h"
#include "common/config/settings.h"
#include "common/log.h"

struct config_source {
    const char *path; /* of the file; borrowed */
    bool path_given;  /* false: the default path, and it may be absent */
    bool strict;      /* unknown keys are errors */
    char **sets;      /* "Section.Key=VALUE", borrowed */
    size_t n_sets;
    char **environ; /* borrowed; NULL: none */
};

/* Reads everything anew. Returns the settings, or NULL when there is an error; either way appends
 * one line per problem ("FILE:LINE: Section.Key: what") to out_problems, warnings begin with
 * "warning: ". */
struct settings *config_load(const struct config_source *src, struct buf *out_problems);
/* How settings want the log; borrows their strings. ident: see log.h. */
struct log_options config_log_options(const struct settings *s, const char *ident);
