/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_grader: {"contest":…,"user":…,"message":"JSON text"}. Used by publish_body.c only.
 */
#include "proto/publish_parse.h"

/* False: p->error says why. */
MUST_CHECK bool publish_grader(struct publish_parse *p);
