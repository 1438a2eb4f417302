/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_frame: one Server-Sent Event in a shared buffer, but for its end, which differs from receiver
 * to receiver: `id: …` and an empty line.
 */
#include "common/msg.h"
#include "common/str.h"

/* The `event:` and `data:` lines; either may be empty (left out). A data text with line feeds
 * becomes several data: lines; event must hold none. NULL: out of memory. */
struct msg *sse_frame(struct str event, struct str data);
