/* SPDX-License-Identifier: MIT */
#pragma once
/* bus: a gateway's connections to Redis, two to each server of the configuration.
 *
 * The *subscriber* does nothing but SUBSCRIBE, UNSUBSCRIBE and PING, since one error reply or a
 * large answer on it would cost every subscription. The *reader* runs topic.lua, publishes the
 * probe and answers questions. The bus knows topics by their names without the prefix; what the
 * messages mean is feed.c's and control.c's business.
 *
 * Order after a connect: control, beat and probe first, then what the handler subscribes in
 * on_up(). Callbacks run from the loop, never inside a call.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/redis/redis_url.h"
#include "common/str.h"

struct bus;
struct loop;
struct redisReply;
struct gw_metrics;
struct settings;

struct bus_handler {
    /* A server's subscriber is there: subscribe what is wanted of it. */
    void (*on_up)(unsigned server, void *arg);
    /* It is gone, with every subscription. */
    void (*on_down)(unsigned server, void *arg);
    void (*on_reader_up)(unsigned server, void *arg); /* it can be asked (again) */
    void (*on_subscribed)(struct str topic, void *arg);
    void (*on_message)(struct str topic, struct str bytes, void *arg);
    void (*on_control)(struct str bytes, void *arg);
    void (*on_room)(struct str bytes, void *arg);
};

struct bus_options {
    const struct settings *settings;
    const struct bus_handler *handler; /* static */
    void *arg;
    struct gw_metrics *metrics; /* borrowed */
};
/* *out_why: static text when the settings cannot be used (a bad URL). */
MUST_CHECK int bus_create(struct loop *l, const struct bus_options *o, struct bus **out_bus,
                          const char **out_why);
struct bus *bus_free(struct bus *b); /* accepts NULL; pending reads end with NULL */
DEFINE_AUTO(bus)
void bus_start(struct bus *b);

/* Where a topic lives (common/redis/server_list.h); `all` of server 2 is the topic `all/2` here. */
unsigned bus_server_of(const struct bus *b, struct str topic);
unsigned bus_servers(const struct bus *b); /* how many there are */

bool bus_is_up(const struct bus *b);  /* both links of every server ready, its list ours */
bool bus_was_up(const struct bus *b); /* that was so at least once */
/* Milliseconds since both links were ready the last time; 0 while they are. */
uint64_t bus_down_ms(const struct bus *b);

/* Gathered until the end of the turn, then sent in commands of 256 names. Nothing happens while
 * the subscriber is away: on_up() is the time to ask again. */
void bus_subscribe(struct bus *b, struct str topic);
void bus_unsubscribe(struct bus *b, struct str topic);

/* What topic.lua found. Strings are valid during the callback. */
struct bus_page {
    struct str epoch;
    uint64_t last; /* newest offset of the topic */
    const struct redisReply *entries;
    size_t n_entries;
    struct str state[2]; /* newest scoreboards: private, public; "" when none or not asked */
};
struct str bus_page_entry(const struct bus_page *p, size_t i);
/* page NULL: no answer (link lost, error reply, nonsense); the error was counted and logged. */
typedef void (*bus_read_fn)(const struct bus_page *page, void *arg);
struct bus_read {
    struct str topic;
    uint64_t after; /* entries from after + 1 on */
    uint32_t count; /* 0: position only */
    bool states;    /* the newest scoreboards too */
};
/* False: the reader is away (on_reader_up() will come). */
MUST_CHECK bool bus_read_topic(struct bus *b, const struct bus_read *q, bus_read_fn fn, void *arg);

/* Any command on the first server's reader, its first argument after the name prefixed with `P:`. */
typedef void (*bus_reply_fn)(const struct redisReply *r, void *arg);
MUST_CHECK bool bus_command(struct bus *b, bus_reply_fn fn, void *arg, int argc,
                            const struct str *argv);
/* For lists of strings in replies. */
struct str bus_reply_str(const struct redisReply *r);
