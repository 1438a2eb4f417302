/* SPDX-License-Identifier: MIT */
/* The servers of the configuration as one: which topic lives where, reads, readiness. */
#include "gateway/bus/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis/redis_access.h"
#include "common/redis/redis_link.h"
#include "common/redis/server_list.h"
#include "gateway/bus/bus_server.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"
#include "proto/position.h"
#include "topic_lua.h"

enum { TRIAL_EVERY_MS = 1000 };

struct bus {
    const struct bus_handler *handler; /* static */
    void *arg;
    struct {
        const struct bus_listener *listener; /* static; NULL: nobody listens */
        void *arg;
    } channels[BUS_CHANNELS];
    struct gw_metrics *metrics; /* borrowed */
    struct redis_script topic_script;
    char digest[SERVER_LIST_DIGEST_MAX];
    struct bus_server *servers[SERVER_LIST_MAX]; /* owned */
    struct trial {
        struct bus *bus; /* borrowed (holds this) */
        struct redis_call *call;
        bool passed; /* its reader may run topic.lua */
    } trials[SERVER_LIST_MAX];
    unsigned n;
    struct redis_access *access; /* owned */
    struct timer again;          /* for trials that did not pass */
    uint64_t down_since_ms;      /* 0 while all are up */
    bool was_up;
};

/* ---- which topic lives where ---- */

unsigned bus_server_of(const struct bus *b, struct str topic)
{
    return server_list_of(topic, b->n);
}

unsigned bus_servers(const struct bus *b)
{
    return b->n;
}

/* `all` is on every server; ours for that of server 2 is `all/2`. */
static struct str name_in_redis(struct str topic)
{
    return str_starts(topic, STR("all/")) ? STR("all") : topic;
}

static struct str topic_of(unsigned server, struct str name, char text[static 16])
{
    if (server == 0 || !str_eq(name, STR("all"))) {
        return name;
    }
    int n = snprintf(text, 16, "all/%u", server);
    return (struct str){text, (size_t)n};
}

void bus_subscribe(struct bus *b, struct str topic)
{
    bus_server_subscribe(b->servers[bus_server_of(b, topic)], name_in_redis(topic));
}

void bus_unsubscribe(struct bus *b, struct str topic)
{
    bus_server_unsubscribe(b->servers[bus_server_of(b, topic)], name_in_redis(topic));
}

/* ---- reads ---- */

/* What clients are told must be a position, whatever Redis says. */
static bool parse_last(struct str epoch, struct str last, uint64_t *out)
{
    char text[POSITION_TEXT_MAX + 1];
    struct position p;
    int n = snprintf(text, sizeof(text), "%.*s:%.*s", STR_ARG(epoch), STR_ARG(last));
    if (epoch.n != EPOCH_LEN || n < 0 || n > POSITION_TEXT_MAX ||
        !position_parse((struct str){text, (size_t)n}, &p)) {
        return false;
    }
    *out = p.offset;
    return true;
}

/* A time of Redis in microseconds; 0 when it is none. */
static int64_t parse_us(struct str s)
{
    int64_t us = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || i >= 18) {
            return 0;
        }
        us = us * 10 + (s.p[i] - '0');
    }
    return us;
}

/* What an answer does not have at its end it does not say. */
enum { PAGE_STATES = 5, PAGE_NOTHING = 7 };

static bool parse_page(const struct redis_reply *r, struct bus_page *out)
{
    if (r->type != REPLY_LIST || r->n < PAGE_STATES) {
        return false;
    }
    bool says_nothing = r->n >= PAGE_NOTHING;
    *out = (struct bus_page){
        .epoch = redis_reply_text_at(r, 0),
        .entries = redis_reply_at(r, 2),
        .state = {redis_reply_text_at(r, 4), redis_reply_text_at(r, 3)},
        .nothing = redis_reply_text_at(r, says_nothing ? 5 : 0),
    };
    if (str_eq(out->epoch, STR("0"))) {
        out->epoch = out->nothing;
    }
    out->now_us = parse_us(redis_reply_text_at(r, 7));
    struct str since = redis_reply_text_at(r, 8);
    out->has_since = since.n > 0 && parse_last(out->epoch, since, &out->since);
    return out->entries.type == REPLY_LIST &&
           parse_last(out->nothing, says_nothing ? redis_reply_text_at(r, 6) : STR("0"),
                      &out->base) &&
           parse_last(out->epoch, redis_reply_text_at(r, 1), &out->last);
}

bool bus_page_of(const struct redis_reply *r, struct bus_page *out)
{
    if (!r) {
        return false;
    }
    bool ok = parse_page(r, out);
    if (!ok) {
        log_warn("a topic could not be read",
                 LF_S("answer", r->type == REPLY_ERROR ? r->text : STR("malformed")));
    }
    return ok;
}

static bool ask(struct bus *b, unsigned server, const struct bus_read *q,
                const struct redis_asker *who)
{
    char after[24], count[16], since[24];
    struct str argv[] = {
        {after, (size_t)snprintf(after, sizeof(after), "%" PRIu64, q->after)},
        STR("0"),
        {count, (size_t)snprintf(count, sizeof(count), "%u", q->count)},
        STR("262144"),
        q->states ? STR("1") : STR("0"),
        {since, (size_t)snprintf(since, sizeof(since), "%" PRId64, q->since_ms)},
    };
    _Static_assert(LIMIT_LOG_PAGE_BYTES == 262144, "the literal above");
    bool sent =
        bus_server_eval(b->servers[server], name_in_redis(q->topic), who, ARRAY_LEN(argv), argv);
    b->metrics->log_reads += sent;
    return sent;
}

bool bus_read_topic(struct bus *b, const struct bus_read *q, const struct redis_asker *who)
{
    return ask(b, bus_server_of(b, q->topic), q, who);
}

/* ---- may we read? ---- */

static void on_trial(const struct redis_reply *r, void *arg)
{
    struct trial *t = arg;
    struct bus_page page;
    t->passed = bus_page_of(r, &page);
    bus_on_links(t->bus);
}

/* Reads a topic that nobody has: whether Redis lets us run topic.lua. */
static void try_reader(struct bus *b, unsigned server)
{
    struct trial *t = &b->trials[server];
    const struct bus_read q = {.topic = STR("probe")};
    redis_call_cancel(&t->call);
    if (!ask(b, server, &q, &(struct redis_asker){on_trial, t, &t->call})) {
        log_debug("reader not tried", LF_U64("server", server));
    }
}

static void on_again(void *arg)
{
    struct bus *b = arg;
    for (unsigned i = 0; i < b->n; i++) {
        if (!b->trials[i].passed && !b->trials[i].call) {
            try_reader(b, i);
        }
    }
}

/* ---- what the servers tell ---- */

static void tell_listeners(const struct bus *b)
{
    for (size_t i = 0; i < BUS_CHANNELS; i++) {
        const struct bus_listener *l = b->channels[i].listener;
        if (l && l->on_up) {
            l->on_up(b->channels[i].arg);
        }
    }
}

void bus_on_links(struct bus *b)
{
    bool up = bus_is_up(b);
    bool came_up = up && b->down_since_ms != 0;
    if (up) {
        b->was_up = true;
        b->down_since_ms = 0;
    } else if (b->down_since_ms == 0) {
        b->down_since_ms = clock_mono_ms();
    }
    b->metrics->redis_up = up;
    if (came_up) {
        tell_listeners(b);
    }
}

void bus_on_eviction(struct bus *b)
{
    b->metrics->redis_unsafe = 0;
    for (unsigned i = 0; i < b->n; i++) {
        b->metrics->redis_unsafe |= bus_server_may_evict(b->servers[i]);
    }
}

void bus_on_up(struct bus *b, unsigned server)
{
    b->handler->on_up(server, b->arg);
}

void bus_on_down(struct bus *b, unsigned server)
{
    b->handler->on_down(server, b->arg);
}

void bus_on_reader_up(struct bus *b, unsigned server)
{
    b->trials[server].passed = false;
    try_reader(b, server);
    b->handler->on_reader_up(server, b->arg);
}

void bus_on_subscribed(struct bus *b, unsigned server, struct str name)
{
    char text[16];
    b->handler->on_subscribed(topic_of(server, name, text), b->arg);
}

void bus_on_message(struct bus *b, unsigned server, struct str name, struct str bytes)
{
    static const struct str names[] = {[BUS_CONTROL] = {"control", 7}, [BUS_ROOM] = {"room", 4}};
    char text[16];
    for (size_t i = 0; i < BUS_CHANNELS; i++) {
        if (str_eq(name, names[i])) {
            if (b->channels[i].listener) {
                b->channels[i].listener->on_message(bytes, b->channels[i].arg);
            }
            return;
        }
    }
    b->handler->on_message(topic_of(server, name, text), bytes, b->arg);
}

/* ---- questions of others ---- */

bool bus_command(struct bus *b, const struct redis_asker *who, int argc, const struct str *argv)
{
    return bus_server_command(b->servers[0], who, argc, argv);
}

/* ---- life ---- */

static int create_servers(struct bus *b, struct loop *l, const struct settings *s,
                          const char **out_why)
{
    struct bus_server_options o = {
        .loop = l,
        .bus = b,
        .access = &b->access,
        .metrics = b->metrics,
        .topic_script = &b->topic_script,
    };
    unsigned n = server_list_count(s);
    if (n > SERVER_LIST_MAX || !server_list_digest(s, b->digest, out_why)) {
        *out_why = n > SERVER_LIST_MAX ? "too many servers in Redis.URLs" : *out_why;
        return -EINVAL;
    }
    o.list_digest = str_of(b->digest);
    for (o.index = 0; o.index < n; o.index++) {
        b->trials[o.index] = (struct trial){.bus = b};
        char prefix[SERVER_LIST_PREFIX_MAX];
        server_list_prefix(s, o.index, prefix);
        o.channel = prefix;
        o.url = server_list_url(s, o.index);
        int rc = bus_server_create(&o, &b->servers[b->n], out_why);
        if (rc < 0) {
            return rc;
        }
        b->n++;
    }
    return 0;
}

int bus_create(struct loop *l, const struct bus_options *o, struct bus **out_bus,
               const char **out_why)
{
    AUTO(bus) *b = calloc(1, sizeof(*b));
    *out_why = "out of memory";
    if (!b) {
        return -ENOMEM;
    }
    b->metrics = o->metrics;
    b->down_since_ms = clock_mono_ms();
    redis_script_init(&b->topic_script, "topic", topic_lua, topic_lua_len);
    int rc = create_servers(b, l, o->settings, out_why);
    if (rc < 0) {
        return rc;
    }
    if (!timer_init(&b->again, l, on_again, b)) {
        *out_why = "out of memory";
        return -ENOMEM;
    }
    *out_bus = TAKE(b);
    return 0;
}

struct bus *bus_free(struct bus *b)
{
    if (b) {
        timer_release(&b->again);
        for (unsigned i = 0; i < b->n; i++) {
            redis_call_cancel(&b->trials[i].call);
            bus_server_free(b->servers[i]);
        }
        bus_use_access(b, NULL);
        free(b);
    }
    return NULL;
}

void bus_set_handler(struct bus *b, const struct bus_handler *handler, void *arg)
{
    b->handler = handler;
    b->arg = arg;
}

void bus_listen(struct bus *b, enum bus_channel channel, const struct bus_listener *listener,
                void *arg)
{
    b->channels[channel].listener = listener;
    b->channels[channel].arg = arg;
}

void bus_use_access(struct bus *b, struct redis_access *access)
{
    (void)redis_access_free(b->access);
    b->access = access;
}

void bus_start(struct bus *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        bus_server_start(b->servers[i]);
    }
    timer_start_every_ms(&b->again, TRIAL_EVERY_MS);
}

bool bus_is_up(const struct bus *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        if (!b->trials[i].passed || !bus_server_is_up(b->servers[i])) {
            return false;
        }
    }
    return true;
}

bool bus_was_up(const struct bus *b)
{
    return b->was_up;
}

uint64_t bus_down_ms(const struct bus *b)
{
    return b->down_since_ms ? clock_mono_ms() - b->down_since_ms : 0;
}
