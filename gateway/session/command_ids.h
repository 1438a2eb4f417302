/* SPDX-License-Identifier: MIT */
#pragma once
/* command_ids: the ids of the commands that one outcome will answer. A client may subscribe a channel
 * again before the first answer has come; each command gets its own.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"

struct command_ids {
    char *lines; /* owned: the JSON text of each id, or nothing, and a line feed; NULL: none */
};

/* id: JSON text, which holds no line feed; "": the command had none. False: LIMIT_COMMANDS_WAITING
 * are there already, or out of memory; then nothing has changed. */
MUST_CHECK bool command_ids_add(struct command_ids *ids, struct str id);
/* The next one, which points into ids; start with *at = 0. False at the end. Without any there is one
 * that is empty: an event stream has no commands, and is answered too. */
bool command_ids_next(const struct command_ids *ids, size_t *at, struct str *out_id);
static inline bool command_ids_any(const struct command_ids *ids)
{
    return ids->lines != NULL;
}
void command_ids_release(struct command_ids *ids);
