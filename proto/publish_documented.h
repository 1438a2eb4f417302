/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_documented: {"type":"run_update","timestamp":1704067200,"data":{…}}. Used by
 * publish_body.c only.
 */
#include "proto/publish_parse.h"

/* False: p->error says why. */
MUST_CHECK bool publish_documented(struct publish_parse *p);
