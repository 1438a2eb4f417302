/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_frame: one Server-Sent Event in a shared buffer.
 */
#include "common/msg.h"
#include "common/str.h"

/* One event in one buffer; any field may be empty (left out). A data text with line feeds becomes
 * several data: lines; event and id must hold none. NULL: out of memory. */
struct msg *sse_frame(struct str event, struct str data, struct str id);
