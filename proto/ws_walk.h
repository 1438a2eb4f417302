/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_walk: reads the headers of a client's frames before the WebSocket library sees them (RFC 6455,
 * section 5). It judges what the library does not: masks, reserved bits and opcodes, the form of
 * lengths, the order of fragments, control frames and the bodies of close frames. It counts every
 * frame. Pure.
 *
 * Bytes of data frames pass as they come. A header or a control frame passes when it is whole, so
 * at most WS_WALK_HELD_MAX bytes are held back (without memory for them: BROKEN). Of several pings in one piece only the last passes,
 * as RFC 6455, 5.5.3 allows: the library forgets the later ones.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

#define WS_WALK_HELD_MAX 130 /* a masked control frame of 125 bytes, but for the last */

enum ws_walk_state {
    WS_WALK_OPEN,
    WS_WALK_CLOSED, /* a valid close frame came; what follows is dropped */
    WS_WALK_BROKEN  /* the client broke the protocol (1002); what follows is dropped */
};

struct ws_walk {
    uint64_t rest;       /* payload bytes of the current data frame that are to come */
    const char *reason;  /* BROKEN: a few words for the close frame; static */
    uint16_t close_code; /* CLOSED: what the close frame said; 0: nothing */
    uint8_t n_held;      /* bytes of held */
    enum ws_walk_state state : 8;
    bool allows_rsv1; /* permessage-deflate was agreed upon */
    bool in_message;  /* a continuation is to come */
    uint8_t *held;    /* owned; NULL: nothing is held back, as nearly always */
};

void ws_walk_init(struct ws_walk *w, bool is_deflate_agreed);
void ws_walk_release(struct ws_walk *w);
/* Copies what is held back to the beginning of buf (WS_WALK_HELD_MAX bytes at least); returns how
 * many bytes that are. What comes next is to be read behind them. */
size_t ws_walk_resume(const struct ws_walk *w, uint8_t *buf);
/* buf holds n bytes: what ws_walk_resume() wrote and what came. Leaves at its beginning what the
 * library may see, and returns how many bytes that are (0 does not mean an end). Frames that began
 * in it, whole or not, are added to *frames. When the state is not OPEN afterwards, what is returned
 * is the last. */
MUST_CHECK size_t ws_walk(struct ws_walk *w, uint8_t *buf, size_t n, unsigned *frames);
