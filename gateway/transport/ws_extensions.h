/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_extensions: what a client offers in Sec-WebSocket-Extensions, and which offer is taken.
 *
 * The only extension is permessage-deflate (RFC 7692), without context takeover in either
 * direction: so a compressed message is the same for everybody, and no connection needs a state.
 * An offer that holds a parameter which is unknown, repeated, has a value that it must not have, or
 * asks for a window smaller than ours is passed over, and the next one is looked at. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct http_values;

struct ws_deflate {
    bool is_agreed;
    bool names_window; /* the offer taken asks us to say how large our window is */
};

/* False: malformed (RFC 6455, 9.1): the handshake fails. No header field at all offers nothing. */
MUST_CHECK bool ws_extensions_read(const struct http_values *offers, struct ws_deflate *out);

#define WS_DEFLATE_NAME "permessage-deflate"
/* What follows the name in the answer to an offer that was taken. */
struct str ws_deflate_answer(const struct ws_deflate *d);
