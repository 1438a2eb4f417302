/* SPDX-License-Identifier: MIT */
#pragma once
/* checks: what is wrong with settings together, or with their place, though each alone is good. For
 * the start, a reload and --check-config of both programs.
 */
#include <stdbool.h>

#include "common/compiler.h"

struct buf;
struct settings;

/* role: "gateway" or "publisher". False with lines of "SETTING: what" in out_problems; lines that
 * begin with "warning: " forbid nothing. */
MUST_CHECK bool checks_settings(const struct settings *s, const char *role,
                                struct buf *out_problems);
