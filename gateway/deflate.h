/* SPDX-License-Identifier: MIT */
#pragma once
/* deflate: permessage-deflate (RFC 7692) without context takeover, so that a text is compressed
 * once for everybody. Texts too small to gain leave as plain frames.
 */
#include "common/str.h"

struct msg;

/* One message of complete frames: compressed when that makes it smaller. NULL: out of memory. */
struct msg *deflate_frame(struct str text);
