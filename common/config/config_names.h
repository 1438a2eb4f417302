/* SPDX-License-Identifier: MIT */
#pragma once
/* config_names: which setting or section a name means. For config*.c. Names are whole paths,
 * "Broadcaster.TLS.CertFile".
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/str.h"

/* The setting of this name, without regard to case; also by its older name.
 * NULL: none. */
const struct setting *config_find_setting(struct str path, bool *out_by_older_name);
/* The canonical spelling of a section's path ("broadcaster.tls" -> "Broadcaster.TLS"), a part of
 * the settings table; empty when there is no such section. */
struct str config_find_section(struct str path);
/* Is it a section of omegaUp's shared files that is none of our business? */
bool config_is_foreign_section(struct str path);
