/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_trial: would Redis take an event now? Found out by publishing one on a topic that nobody
 * reads (`P:probe`), with the very script that events go through. A part of bus_writer.
 *
 *   UNKNOWN -> PASSED, REFUSED, DENIED   the answer to bus_trial_run()
 *   PASSED  -> REFUSED, DENIED           an event was refused (bus_trial_refused)
 *   any     -> UNKNOWN                   bus_trial_forget(): another connection
 *
 * DENIED is for rights that are missing: with a PUBLISH among them a script fails behind its writes,
 * so that nothing may be sent before they are there.
 */
#include <stdbool.h>

#include "common/redis/redis_link.h"

struct bus_trial {
    enum bus_trial_state { TRIAL_UNKNOWN, TRIAL_PASSED, TRIAL_REFUSED, TRIAL_DENIED } state;
    struct redis_call *call;
    void (*on_end)(const struct redis_reply *r, void *arg); /* the state may have changed */
    void *arg;
};

/* Nothing is sent when a trial is under way, or the link is not ready. */
void bus_trial_run(struct bus_trial *t, struct redis_link *link, const struct redis_script *publish,
                   struct str prefix);
void bus_trial_refused(struct bus_trial *t, enum redis_error error);
void bus_trial_forget(struct bus_trial *t);
