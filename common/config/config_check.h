/* SPDX-License-Identifier: MIT */
#pragma once
/* config_check: what a string of a certain setting must look like.
 */
#include "common/config/settings.h"

/* What is wrong with a string (or an element of a list) of this setting: a static text, or NULL. */
const char *config_check_string(const struct setting *row, const char *value);
