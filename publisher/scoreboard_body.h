/* SPDX-License-Identifier: MIT */
#pragma once
/* scoreboard_body: the JSON body of PUT /scoreboard/{token}. Pure: the clock is an argument.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/limits.h"

#define SCOREBOARD_ERROR_MAX 200
#define SCOREBOARD_CONTEST_MAX (2 * LIMIT_ALIAS_BYTES + 1) /* group:alias */

struct scoreboard_body {
    char contest[SCOREBOARD_CONTEST_MAX + 1];
    bool is_admin;
    int64_t expires; /* Unix seconds */
};
/* On failure returns false and writes what and where to error; an empty one means out of memory. */
MUST_CHECK bool scoreboard_body_parse(struct str text, int64_t now_s, struct scoreboard_body *out,
                                      char error[static SCOREBOARD_ERROR_MAX]);
