/* SPDX-License-Identifier: MIT */
#pragma once
/* tally: did every expected message come, once, in the same order everywhere, and how late. Pure.
 *
 * Each published message carries a mark, `~b<number>.<time>~`, somewhere in its first WS_HEAD bytes:
 * its number in this run, from 0, and clock_mono_us() when it was sent. Messages below
 * `measured_from` warm up: they are checked, but not timed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/latency.h"
#include "common/buf.h"
#include "common/compiler.h"
#include "common/str.h"

enum receives {
    RECEIVES_NONE, /* any mark is one too many */
    RECEIVES_ALL,  /* each of these connections gets every message */
    RECEIVES_OWN   /* message number n is for connection n modulo their count alone */
};
struct tally_options {
    enum receives receives;
    uint32_t receivers;
    uint32_t messages; /* in the whole run */
    uint32_t measured_from;
};
/* Of one message: its text, and what it took of the connection. */
struct tally_size {
    size_t text, wire;
};
struct tally {
    struct tally_options o;
    size_t row_words;   /* of one receiver in `seen` */
    uint64_t *seen;     /* owned; a bit per (receiver, message), or per message for RECEIVES_OWN */
    uint32_t *arrived;  /* owned; receivers that have the message */
    uint64_t *order;    /* owned; per receiver, a hash of the numbers as they came */
    uint64_t expected;  /* of what was sent */
    uint64_t delivered; /* of it, once */
    uint64_t duplicates, unexpected;
    uint64_t torn;        /* of another length than their first receiver's */
    uint64_t bytes;       /* of measured messages, uncompressed */
    uint64_t wire_bytes;  /* of them as they came, with the frames' headers */
    size_t first_len;     /* of the first message that came */
    struct latency each;  /* sent -> received, per receiver */
    struct latency whole; /* sent -> the last receiver has it, per message */
    uint64_t last_us;     /* when the newest came */
    uint32_t *lens;       /* owned; bytes of each message: the same for all its receivers */
    uint32_t *late_us;    /* owned; of each message, until its last receiver had it */
};
MUST_CHECK bool tally_init(struct tally *t, const struct tally_options *o);
void tally_release(struct tally *t);

void tally_mark(struct buf *out, uint32_t number, uint64_t now_us);
/* A message was published (it will arrive where it should, or be missing). */
void tally_sent(struct tally *t);
/* A message came to one of the receiving connections. False: there is no mark in it. */
MUST_CHECK bool tally_received(struct tally *t, uint32_t receiver, struct str head,
                               struct tally_size size, uint64_t now_us);
/* One came to a connection that should get none. False: there is no mark in it. */
MUST_CHECK bool tally_stray(struct tally *t, struct str head);
bool tally_is_complete(const struct tally *t);
/* Receivers that saw the messages in another order than the first one did. */
uint32_t tally_disordered(const struct tally *t);
