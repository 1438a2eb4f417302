/* SPDX-License-Identifier: MIT */
#pragma once
/* config_dump: settings as JSON, and what differs between two of them.
 */
#include "common/buf.h"
#include "common/config/settings.h"

/* The whole effective configuration as JSON, secrets masked, loadable again but for those. */
void config_dump(const struct settings *s, struct buf *out);
/* Logs the names of settings that differ and need a restart (for SIGHUP). Returns how many. */
int config_log_unchangeable(const struct settings *now, const struct settings *next);
