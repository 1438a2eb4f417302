/* SPDX-License-Identifier: MIT */
#pragma once
/* config_load: what the parts of config_load() share while it runs. For config*.c.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/str.h"

struct config_loading {
    struct settings *settings;
    struct buf *problems;
    bool strict;
    bool failed; /* there was an error */
};

/* Appends "WHERE: what\n"; a warning does not make the loading fail. */
void config_error(struct config_loading *l, const char *where, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void config_warning(struct config_loading *l, const char *where, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* To be called after a source other than the defaults has set a value. */
void config_was_set(struct config_loading *l, const struct setting *row);
