/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_writers: one bus_writer per Redis of the configuration. An event goes to the servers of its
 * topics; over several it is written when all of them have it, and repeating it with its key
 * completes what is missing. `all` goes with the first of the event's other topics. Control,
 * scoreboards and refreshes are the first server's.
 */
#include "publisher/bus_writer.h"

struct bus_writers;
struct settings;

struct bus_writers_options {
    const struct settings *list; /* Redis.URL or Redis.URLs; during the call */
    struct bus_writer_options
        each; /* url, prefix and access are filled in here; scripts go to the first server */
};
/* On failure -errno and *out_why, static text. */
MUST_CHECK int bus_writers_create(struct loop *l, const struct bus_writers_options *o,
                                  struct bus_writers **out_writers, const char **out_why);
struct bus_writers *bus_writers_free(struct bus_writers *w); /* accepts NULL */
DEFINE_AUTO(bus_writers)
/* Takes over what opens Redis and its Sentinels, for connections from now on. Before the start. */
void bus_writers_use_access(struct bus_writers *w, struct redis_access *access);
void bus_writers_start(struct bus_writers *w);
void bus_writers_configure(struct bus_writers *w, const struct bus_writer_settings *s);
/* As bus_writer_submit(). Of an event for several servers BUS_TAKEN is said when at least one of
 * them has taken its part; the outcome is the worst of all. */
MUST_CHECK enum bus_submit bus_writers_submit(struct bus_writers *w, const struct bus_event *e,
                                              bus_done_fn fn, void *arg);
bool bus_writers_are_ready(const struct bus_writers *w);
bool bus_writers_are_idle(const struct bus_writers *w);
struct redis_link *bus_writers_first_link(struct bus_writers *w);
/* Sets the gauges that nobody keeps up to date. */
void bus_writers_measure(const struct bus_writers *w);
