/* SPDX-License-Identifier: MIT */
#pragma once
/* config_duration: durations as people write them.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

/* "30s", "500ms", "1m30s", 30, 0.5 (text of a JSON value or of --set) -> ms, rounded up. */
MUST_CHECK bool config_parse_duration(struct str s, int64_t *out_ms);
