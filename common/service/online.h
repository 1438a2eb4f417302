/* SPDX-License-Identifier: MIT */
#pragma once
/* online: --check-config=online: are the others there, and do they let us work? Connects to each
 * Redis, to the judge's frontend, and looks at our own certificate; writes no key and no event.
 */
#include <stdbool.h>

#include "common/compiler.h"

struct buf;
struct settings;

/* Appends one line for each thing looked at: "good: SETTING: …", "doubtful: …" or "bad: …". False:
 * one is bad. role: "gateway" or "publisher". Takes as long as the slowest answers, 10 s at most. */
MUST_CHECK bool online_check(const struct settings *s, const char *role, bool with_tls,
                             struct buf *out);
