/* SPDX-License-Identifier: MIT */
#pragma once
/* room_frame: the texts of the room (protocol.md, section 6): what its clients say and hear, and how
 * a message goes from one gateway to all.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/str.h"

#define ROOM_MESSAGE_CHARACTERS 2000
#define ROOM_TIMESTAMP_LEN 26 /* 2026-01-16T14:30:00.123456 */

/* `{"message":"text"}` from a client. */
struct room_frame {
    struct str message;
    char *memory; /* owned: the message points into it */
};
/* NULL, or what is wrong (static text). Release in every case. */
MUST_CHECK const char *room_frame_parse(struct str text, struct room_frame *out);
void room_frame_release(struct room_frame *f);

/* A message on its way through Redis:
 * `{"gateway":"0123456789abcdef","sender":17,"timestamp":"…","message":"text"}`. */
struct room_letter {
    uint64_t gateway; /* whose client sent it; random, one per process */
    uint64_t sender;  /* its session there */
    struct str timestamp;
    struct str message;
    char *memory; /* owned: the strings point into it */
};
void room_letter_write(struct buf *b, const struct room_letter *l);
/* False: not a letter, or no memory. Release in every case. */
MUST_CHECK bool room_letter_parse(struct str text, struct room_letter *out);
void room_letter_release(struct room_letter *l);

/* What clients hear. */
void room_text_message(struct buf *b, const struct room_letter *l);
void room_text_error(struct buf *b, const char *why);

/* UTC without a zone, as the page of the room shows it. */
struct str room_timestamp(int64_t unix_us, char out[static ROOM_TIMESTAMP_LEN + 1]);
