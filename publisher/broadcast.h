/* SPDX-License-Identifier: MIT */
#pragma once
/* broadcast: POST /broadcast/: from a body to an answer that says what Redis has.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/http/http_server.h"

struct broadcast;
struct bus_writers;
struct loop;
struct pub_metrics;
struct scoreboard_refresh;

struct broadcast_settings {
    uint64_t publish_wait_ms; /* for requests without a key */
    bool refresh_scoreboards; /* run updates make one due */
    bool log_payloads;        /* at level debug */
};
struct broadcast_options {
    struct bus_writers *writers;        /* borrowed, outlives this */
    struct pub_metrics *metrics;        /* the same */
    struct scoreboard_refresh *refresh; /* told of runs; the same */
    struct broadcast_settings settings;
};

/* NULL: out of memory. */
struct broadcast *broadcast_create(struct loop *l, const struct broadcast_options *o);
/* After the writer, which ends what is still waiting. Accepts NULL. */
struct broadcast *broadcast_free(struct broadcast *b);
DEFINE_AUTO(broadcast)
void broadcast_configure(struct broadcast *b, const struct broadcast_settings *s);
/* Will reply. x->peer is the publisher's name. */
void broadcast_post(struct broadcast *b, struct http_exchange *x);
