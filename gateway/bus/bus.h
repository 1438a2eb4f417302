/* SPDX-License-Identifier: MIT */
#pragma once
/* bus: a gateway's connections to Redis, two to each server of the configuration.
 *
 * The *subscriber* does nothing but SUBSCRIBE, UNSUBSCRIBE and PING, since one error reply or a
 * large answer on it would cost every subscription. The *reader* runs topic.lua, publishes the
 * probe and answers questions. The bus knows topics by their names without the prefix; what the
 * messages mean is feed.c's and control.c's business.
 *
 * Order after a connect: control, room, beat and probe first, then what the handler subscribes in
 * on_up(). Callbacks run from the loop, never inside a call.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/redis/redis_call.h"
#include "common/str.h"

struct bus;
struct loop;
struct redis_access;
struct gw_metrics;
struct settings;

/* Whoever wants topics: the feeds. */
struct bus_handler {
    /* A server's subscriber is there: subscribe what is wanted of it. */
    void (*on_up)(unsigned server, void *arg);
    /* It is gone, with every subscription. */
    void (*on_down)(unsigned server, void *arg);
    void (*on_reader_up)(unsigned server, void *arg); /* it can be asked (again) */
    void (*on_subscribed)(struct str topic, void *arg);
    void (*on_message)(struct str topic, struct str bytes, void *arg);
};

/* What is no topic, and comes from the first server only. */
enum bus_channel { BUS_CONTROL, BUS_ROOM, BUS_CHANNELS };
struct bus_listener {
    void (*on_up)(void *arg); /* a link is there again: messages may have been lost. May be NULL */
    void (*on_message)(struct str bytes, void *arg);
};

struct bus_options {
    const struct settings *settings; /* during the call only */
    struct gw_metrics *metrics;      /* borrowed */
};
/* *out_why: static text when the settings cannot be used (a bad URL). */
MUST_CHECK int bus_create(struct loop *l, const struct bus_options *o, struct bus **out_bus,
                          const char **out_why);
struct bus *bus_free(struct bus *b); /* accepts NULL; what was asked is answered NULL */
DEFINE_AUTO(bus)
/* Both before bus_start(): one handler, one listener per channel; static. */
void bus_set_handler(struct bus *b, const struct bus_handler *handler, void *arg);
void bus_listen(struct bus *b, enum bus_channel channel, const struct bus_listener *listener,
                void *arg);
/* Takes over what opens Redis and its Sentinels, for connections from now on. Before bus_start(). */
void bus_use_access(struct bus *b, struct redis_access *access);
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

struct bus_read {
    struct str topic;
    uint64_t after;   /* entries from after + 1 on */
    uint32_t count;   /* 0: position only */
    bool states;      /* the newest scoreboards too */
    int64_t since_ms; /* not 0: where the topic stood then, in Redis' time */
};
/* Asks topic.lua; the answer is for bus_page_of(). False: the reader is away (on_reader_up() will
 * come). */
MUST_CHECK bool bus_read_topic(struct bus *b, const struct bus_read *q,
                               const struct redis_asker *who);

/* What topic.lua found. Strings are valid during the callback. */
struct bus_page {
    struct str epoch;           /* `nothing` when the topic has no event in the present history */
    uint64_t last;              /* newest offset of the topic */
    struct str nothing;         /* epoch of "nothing yet" */
    uint64_t base;              /* no event has an offset up to this; 0: epoch follows `nothing` */
    struct redis_reply entries; /* a list of texts */
    struct str state[2];        /* newest scoreboards: private, public; "" when none or not asked */
    int64_t now_us;             /* Redis' time; 0: it cannot say */
    bool has_since;             /* since_ms was asked, and Redis could say: */
    uint64_t since; /* the log's entries after this offset are younger, the others older */
};
/* False: no answer (r is NULL), an error reply, or nonsense; the last two are logged. */
bool bus_page_of(const struct redis_reply *r, struct bus_page *out);

/* Any command on the first server's reader, its first argument after the name prefixed with `P:`. */
MUST_CHECK bool bus_command(struct bus *b, const struct redis_asker *who, int argc,
                            const struct str *argv);
