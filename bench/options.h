/* SPDX-License-Identifier: MIT */
#pragma once
/* options: the command line of bench_loadgen.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/poster.h"
#include "bench/receivers.h"
#include "common/buf.h"
#include "common/compiler.h"

#define WATCHED_MAX 8

struct watched {
    const char *name; /* borrowed from argv; not terminated at name_len */
    int name_len;
    pid_t pid;
};
struct options {
    struct receivers_options receivers;
    bool has_receivers;
    struct poster_options poster;
    bool has_poster;
    const char *cert, *key; /* of the poster's client, or NULL */
    const char *body;
    struct buf body_file, holds_file; /* owned; what --body-file and --holds-file name */
    bool is_listener;                 /* others publish */
    bool is_stepwise;                 /* publishes when all that was published has arrived */
    size_t bytes; /* of a message as receivers get it; without receivers, of a body; 0: as it is */
    double rate;
    uint32_t burst, messages, warmup;
    double idle_s, settle_s, deadline_s;
    struct watched watched[WATCHED_MAX];
    size_t n_watched;
};
/* Prints what is wrong (or the help) to stderr and returns false. */
MUST_CHECK bool options_parse(int argc, char **argv, struct options *out);
void options_release(struct options *o);
