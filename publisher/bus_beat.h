/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_beat: a publisher's sign of life, whether all agree on the list of Redis servers, and the era
 * of the server's data. A part of bus_writer.
 *
 * Every BEAT_MS the history of the connection is published on `P:beat`, so that gateways notice when
 * they are somewhere else; a history that no longer holds makes the link connect anew instead.
 */
#include <stdbool.h>

#include "common/loop.h"
#include "common/redis/redis_link.h"

struct bus_beat {
    struct redis_link *link;            /* borrowed */
    char *channel, *list_key, *era_key; /* owned: `P:beat`, `P:servers`, `P:era` */
    struct str list_digest;             /* borrowed: what `P:servers` must say */
    bool agrees;                        /* it does */
    int64_t *replicas;                  /* borrowed: a gauge, how many are in sync */
    struct timer timer;
    void (*on_agreed)(void *arg);
    void *arg;
};

/* False: out of memory. The rest is set by whoever holds it. */
MUST_CHECK bool bus_beat_init(struct bus_beat *b, struct loop *l, const char *prefix);
void bus_beat_release(struct bus_beat *b); /* after the link */
void bus_beat_start(struct bus_beat *b);
void bus_beat_now(struct bus_beat *b); /* the link is ready */
