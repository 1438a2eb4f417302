/* SPDX-License-Identifier: MIT */
#pragma once
/* client_frame: a text message of the documented protocol from a client -> one typed command.
 */
#include <stdbool.h>

#include "common/str.h"
#include "proto/limits.h"

enum client_command {
    CLIENT_AUTH,
    CLIENT_SUBSCRIBE,
    CLIENT_UNSUBSCRIBE,
    CLIENT_PING,  /* {"type":"ping"}: wants a pong */
    CLIENT_ALIVE, /* "ping": wants nothing */
    CLIENT_BAD    /* bad_request, `why` says what */
};
struct client_frame {
    enum client_command command;
    struct str id;       /* the JSON text of "id" (with its quotes), to be echoed; "" when absent */
    struct str token;    /* auth */
    struct str channel;  /* subscribe, unsubscribe; of a bad one where it was readable */
    struct str position; /* subscribe; text of it, valid only when has_position */
    bool has_position;
    const char *why; /* static text, for CLIENT_BAD */
    char *memory;    /* owned: the strings point into it */
};
/* Never fails: what cannot be read (or no memory) is CLIENT_BAD. Release in every case. */
void client_frame_parse(struct str text, struct client_frame *out);
void client_frame_release(struct client_frame *f);
