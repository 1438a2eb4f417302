/* SPDX-License-Identifier: MIT */
/* The servers of the configuration as one: which topic lives where, reads, readiness. */
#include "gateway/bus/bus.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/redis/redis_link.h"
#include "common/redis/server_list.h"
#include "gateway/bus/bus_server.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"
#include "proto/position.h"
#include "topic_lua.h"

struct bus {
    const struct bus_handler *handler; /* static */
    void *arg;
    struct gw_metrics *metrics; /* borrowed */
    struct redis_script topic_script;
    char digest[SERVER_LIST_DIGEST_MAX];
    struct bus_server *servers[SERVER_LIST_MAX]; /* owned */
    unsigned n;
    uint64_t down_since_ms; /* 0 while all are up */
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

/* ---- what the servers tell ---- */

static void on_links(void *arg)
{
    struct bus *b = arg;
    if (bus_is_up(b)) {
        b->was_up = true;
        b->down_since_ms = 0;
    } else if (b->down_since_ms == 0) {
        b->down_since_ms = clock_mono_ms();
    }
    b->metrics->redis_up = bus_is_up(b);
}

static void on_up(unsigned server, void *arg)
{
    struct bus *b = arg;
    b->handler->on_up(server, b->arg);
}

static void on_down(unsigned server, void *arg)
{
    struct bus *b = arg;
    b->handler->on_down(server, b->arg);
}

static void on_reader_up(unsigned server, void *arg)
{
    struct bus *b = arg;
    b->handler->on_reader_up(server, b->arg);
}

static void on_subscribed(unsigned server, struct str name, void *arg)
{
    struct bus *b = arg;
    char text[16];
    b->handler->on_subscribed(topic_of(server, name, text), b->arg);
}

static void on_message(unsigned server, struct str name, struct str bytes, void *arg)
{
    struct bus *b = arg;
    char text[16];
    if (str_eq(name, STR("control"))) {
        b->handler->on_control(bytes, b->arg);
    } else if (str_eq(name, STR("room"))) {
        b->handler->on_room(bytes, b->arg);
    } else {
        b->handler->on_message(topic_of(server, name, text), bytes, b->arg);
    }
}

static const struct bus_server_handler server_handler = {
    .on_links = on_links,
    .on_up = on_up,
    .on_down = on_down,
    .on_reader_up = on_reader_up,
    .on_subscribed = on_subscribed,
    .on_message = on_message,
};

/* ---- reads ---- */

struct read_call {
    bus_read_fn fn;
    void *arg;
};
struct str bus_reply_str(const struct redisReply *r)
{
    if (!r || (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS)) {
        return STR_NONE;
    }
    return (struct str){r->str, r->len};
}

struct str bus_page_entry(const struct bus_page *p, size_t i)
{
    return bus_reply_str(p->entries->element[i]);
}

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

static bool parse_page(const struct redisReply *r, struct bus_page *out)
{
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 5 ||
        r->element[2]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    out->epoch = bus_reply_str(r->element[0]);
    if (!parse_last(out->epoch, bus_reply_str(r->element[1]), &out->last)) {
        return false;
    }
    out->entries = r->element[2];
    out->n_entries = r->element[2]->elements;
    out->state[1] = bus_reply_str(r->element[3]);
    out->state[0] = bus_reply_str(r->element[4]);
    return true;
}

static void on_page(const struct redisReply *r, void *arg)
{
    struct read_call *c = arg;
    struct bus_page page;
    bool ok = parse_page(r, &page);

    if (r && !ok) {
        log_warn("a topic could not be read",
                 LF_STR("answer", r->type == REDIS_REPLY_ERROR ? r->str : "malformed"));
    }
    c->fn(ok ? &page : NULL, c->arg);
    free(c);
}

bool bus_read_topic(struct bus *b, const struct bus_read *q, bus_read_fn fn, void *arg)
{
    char epoch[EPOCH_LEN + 1], after[24], count[16];
    struct read_call *c = malloc(sizeof(*c));
    if (!c) {
        return false;
    }
    *c = (struct read_call){fn, arg};
    snprintf(epoch, sizeof(epoch), "%016" PRIx64, random_u64());
    struct str argv[] = {
        {epoch, EPOCH_LEN}, {after, (size_t)snprintf(after, sizeof(after), "%" PRIu64, q->after)},
        STR("0"),           {count, (size_t)snprintf(count, sizeof(count), "%u", q->count)},
        STR("262144"),      q->states ? STR("1") : STR("0"),
    };
    _Static_assert(LIMIT_LOG_PAGE_BYTES == 262144, "the literal above");
    struct bus_server *server = b->servers[bus_server_of(b, q->topic)];
    if (!bus_server_eval(server, name_in_redis(q->topic), on_page, c, ARRAY_LEN(argv), argv)) {
        free(c);
        return false;
    }
    b->metrics->log_reads++;
    return true;
}

bool bus_command(struct bus *b, bus_reply_fn fn, void *arg, int argc, const struct str *argv)
{
    return bus_server_command(b->servers[0], fn, arg, argc, argv);
}

/* ---- life ---- */

static int create_servers(struct bus *b, struct loop *l, const struct settings *s,
                          const char **out_why)
{
    struct bus_server_options o = {
        .loop = l,
        .channel = s->redis.channel,
        .handler = &server_handler,
        .arg = b,
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
    b->handler = o->handler;
    b->arg = o->arg;
    b->metrics = o->metrics;
    b->down_since_ms = clock_mono_ms();
    redis_script_init(&b->topic_script, "topic", topic_lua, topic_lua_len);
    int rc = create_servers(b, l, o->settings, out_why);
    if (rc < 0) {
        return rc;
    }
    *out_bus = TAKE(b);
    return 0;
}

struct bus *bus_free(struct bus *b)
{
    if (b) {
        for (unsigned i = 0; i < b->n; i++) {
            bus_server_free(b->servers[i]);
        }
        free(b);
    }
    return NULL;
}

void bus_start(struct bus *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        bus_server_start(b->servers[i]);
    }
}

bool bus_is_up(const struct bus *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        if (!bus_server_is_up(b->servers[i])) {
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
