/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_masking: does a client mask its frames, as RFC 6455 (5.1) demands? libwebsockets takes those
 * without a mask and does not say so. But a mask is four bytes, and the kernel counts: when fewer
 * bytes came than masked frames of the lengths seen need, one had none. Never a false alarm; what
 * came and was not looked at yet, or not shown to us, only hides something.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

/* Zero-initialised: not watched. */
struct ws_masking {
    uint64_t least; /* bytes that must have come; 0: not watched */
};
/* On a TCP socket without TLS, of which a head of so many bytes was read. Where the kernel does not
 * count (some sandboxes), nothing is watched. */
void ws_masking_begin(struct ws_masking *m, int fd, size_t head_bytes);
/* So many bytes of a frame's payload were seen; header_of: its whole length when they are its first
 * ones, else SIZE_MAX. */
void ws_masking_add(struct ws_masking *m, size_t n, size_t header_of);
/* False: a frame had no mask. One system call. */
MUST_CHECK bool ws_masking_holds(const struct ws_masking *m, int fd);
