/* SPDX-License-Identifier: MIT */
#pragma once
/* config_json: the JSON of a settings file. For config.c.
 */
#include "common/config/config_load.h"
#include "common/str.h"

/* file: its name, for the problems. */
void config_read_json(struct config_loading *l, const char *file, struct str text);
