/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_frame: complete server frames (RFC 6455, unmasked) in shared buffers.
 *
 * A text over LIMIT_FRAGMENT_BYTES becomes several fragments of one message in one buffer. Every
 * write to a socket ends at a frame's end (ws_frame_next), so a pong or close frame that the
 * library puts between two writes always stands where the RFC allows it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"
#include "common/str.h"
#include "proto/sse_frame.h"

#define WS_FRAME_HEADER_MAX 10
#define WS_CONTROL_FRAME_MAX 127

/* A text message with one reference. `compressed`: the payload is a permessage-deflate body
 * (RSV1 on the first fragment). NULL: out of memory. */
struct msg *ws_frame_text(struct str payload, bool compressed);
/* Bytes of the frame that begins at offset (0 at the end of the message). */
size_t ws_frame_next(const struct msg *m, size_t offset);
/* Payload bytes of that one frame: they are its last ones. */
size_t ws_frame_payload_at(const struct msg *m, size_t offset);
/* Payload bytes of the whole message, fragments joined (for tests and for metrics). */
size_t ws_frame_payload_bytes(const struct msg *m);
/* Both return the length written. The reason is cut to fit. */
size_t ws_frame_close(uint8_t out[static WS_CONTROL_FRAME_MAX], unsigned code, struct str reason);
size_t ws_frame_ping(uint8_t out[static WS_CONTROL_FRAME_MAX]);
