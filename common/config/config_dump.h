/* SPDX-License-Identifier: MIT */
#pragma once
/* config_dump: settings as JSON, and what differs between two of them.
 */
#include "common/buf.h"
#include "common/config/settings.h"

/* The whole effective configuration as JSON, secrets masked, loadable again but for those. */
void config_dump(const struct settings *s, struct buf *out);
/* For SIGHUP: what only a restart changes keeps its present value in next; the log names what
 * differs. False: out of memory. */
MUST_CHECK bool config_keep_for_restart(const struct settings *now, struct settings *next);
