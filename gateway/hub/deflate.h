/* SPDX-License-Identifier: MIT */
#pragma once
/* deflate: permessage-deflate (RFC 7692) without context takeover, so that a message is compressed
 * once for everybody. One deflater serves the process: making zlib's state anew (260 KiB) costs ten
 * times what compressing a small message does.
 */
#include "common/compiler.h"

struct deflater;
struct gw_metrics;
struct msg;

/* NULL: out of memory. */
struct deflater *deflater_create(struct gw_metrics *metrics);
struct deflater *deflater_free(struct deflater *d); /* accepts NULL */
DEFINE_AUTO(deflater)
/* The same message as `plain` (complete uncompressed frames) for those who negotiated compression:
 * compressed, or another reference to plain when it is too small to gain, does not become smaller,
 * or memory is short. Never NULL. */
struct msg *deflate_frame(struct deflater *d, struct msg *plain);
