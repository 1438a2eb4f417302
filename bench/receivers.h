/* SPDX-License-Identifier: MIT */
#pragma once
/* receivers: the WebSocket connections of a run, in groups. Each connection goes through its
 * group's script (what it says, what it then expects to hear) and from then on only listens.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/stream.h"
#include "bench/tally.h"
#include "common/compiler.h"
#include "common/str.h"

#define SCRIPT_STEPS 16
#define GROUPS_MAX 8
#define ANSWERS_MAX 4
#define SURPRISE_MAX 200

/* Says follow each other at once; an expect waits for a message that holds the text. `{}` in a text
 * is the number of the connection in its group. */
struct script_step {
    bool is_say;
    const char *text; /* borrowed */
};
struct group {
    uint32_t count;
    enum receives receives; /* of one group at most something else than RECEIVES_NONE */
    struct script_step steps[SCRIPT_STEPS];
    size_t n_steps;
};
/* A message that is answered whenever it comes (Socket.IO's pings). */
struct answer {
    const char *heard, *said;
};
struct receivers_options {
    struct sockaddr_in address;
    bool tls;
    const char *path, *subprotocol; /* NULL: none asked for */
    bool deflate;                   /* asks for permessage-deflate, and insists on it */
    struct str holds;               /* borrowed; stands in every compressed message; or empty */
    struct group groups[GROUPS_MAX];
    size_t n_groups;
    struct answer answers[ANSWERS_MAX];
    size_t n_answers;
    uint32_t connecting; /* handshakes and scripts under way at once */
};
struct receivers_counts {
    uint32_t wanted, started, ready; /* ready: were ready once */
    uint32_t failed;                 /* ended before they were ready */
    uint32_t closed;                 /* ended after it */
    uint64_t other_messages;         /* heard when ready, without a mark */
    uint64_t compressed;             /* messages that came compressed */
    uint64_t broken;                 /* of them, those that are not what was published */
    char surprise[SURPRISE_MAX];     /* the first thing that was not foreseen, or "" */
};

struct receivers;
/* o and tally are borrowed and outlive it. NULL: out of memory. */
struct receivers *receivers_create(struct net *n, const struct receivers_options *o,
                                   struct tally *t);
struct receivers *receivers_free(struct receivers *r); /* accepts NULL; closes all */
/* Begins as many connections as may be under way. */
void receivers_connect(struct receivers *r);
const struct receivers_counts *receivers_counts(const struct receivers *r);
