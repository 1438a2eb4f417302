/* SPDX-License-Identifier: MIT */
#pragma once
/* config_value: one setting's value: from JSON, from text, compared. For settings.c and config*.c.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/str.h"

struct yyjson_val;

/* From a JSON value that was read with YYJSON_READ_NUMBER_AS_RAW; null changes nothing. On failure
 * nothing changes, and what the value must be is appended to out_why (unless NULL). Secrets are
 * never repeated there. */
MUST_CHECK bool config_value_set_json(struct settings *s, const struct setting *row,
                                      struct yyjson_val *v, struct buf *out_why);
/* From text that is JSON of the setting's type, or else a plain string; a list may also be
 * separated by commas. */
MUST_CHECK bool config_value_set_text(struct settings *s, const struct setting *row,
                                      struct str text, struct buf *out_why);
void config_value_release(struct settings *s, const struct setting *row);
bool config_value_equal(const struct settings *a, const struct settings *b,
                        const struct setting *row);
/* False: out of memory, and `to` is as it was. */
MUST_CHECK bool config_value_copy(struct settings *to, const struct settings *from,
                                  const struct setting *row);
