/* SPDX-License-Identifier: MIT */
#include "gateway/session/command_ids.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

static size_t count(struct str lines)
{
    size_t n = 0;
    for (size_t i = 0; i < lines.n; i++) {
        n += lines.p[i] == '\n';
    }
    return n;
}

bool command_ids_add(struct command_ids *ids, struct str id)
{
    struct str before = str_of(ids->lines);
    if (count(before) >= LIMIT_COMMANDS_WAITING) {
        return false;
    }
    char *lines = realloc(ids->lines, before.n + id.n + sizeof("\n"));
    if (!lines) {
        return false;
    }
    if (id.n > 0) {
        memcpy(lines + before.n, id.p, id.n);
    }
    memcpy(lines + before.n + id.n, "\n", sizeof("\n"));
    ids->lines = lines;
    return true;
}

bool command_ids_next(const struct command_ids *ids, size_t *at, struct str *out_id)
{
    const char *lines = ids->lines ? ids->lines : "\n";
    const char *id = lines + *at;
    if (*id == '\0') {
        return false;
    }
    *out_id = (struct str){id, (size_t)(strchr(id, '\n') - id)};
    *at += out_id->n + 1;
    return true;
}

void command_ids_release(struct command_ids *ids)
{
    free(ids->lines);
    ids->lines = NULL;
}
