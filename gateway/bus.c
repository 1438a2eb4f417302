/* SPDX-License-Identifier: MIT */
#include "gateway/bus.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis_link.h"
#include "common/settings.h"
#include "gateway/gw_metrics.h"
#include "gateway/topic_names.h"
#include "proto/limits.h"
#include "proto/position.h"
#include "topic_lua.h"

#define PROBE_EVERY_MS 5000
#define PROBE_LIMIT_MS 15000   /* a probe must have come back within */
#define BEAT_LIMIT_MS 15000    /* publishers' beats, once heard, must not stay away longer */
#define BEAT_MEMORY_MS 3600000 /* … unless none was heard for an hour: no publisher then */

struct bus {
    struct loop *loop;                 /* borrowed */
    const struct bus_handler *handler; /* static */
    void *arg;
    struct gw_metrics *metrics; /* borrowed */
    char *prefix;               /* owned: `P:` */
    size_t prefix_len;
    int64_t history_ms;   /* time to live of logs */
    struct redis_url url; /* owned */
    struct redis_script topic_script;
    struct redis_script *scripts[1];
    struct redis_link *subscriber, *reader; /* owned */
    struct topic_names *to_join, *to_leave; /* owned: names for the end of the turn */
    struct deferred send_names;
    struct timer probe;
    char probe_name[40];    /* `probe:<16 hex digits>` */
    uint64_t probe_back_ms; /* when the last probe came back (or the link came up) */
    uint64_t beat_ms;       /* when the last beat came; 0: none yet */
    uint64_t down_since_ms; /* 0 while both links are ready */
    bool was_up;
};

static struct str prefix_of(const struct bus *b)
{
    return (struct str){b->prefix, b->prefix_len};
}

/* ---- names ---- */

static void send_names(void *arg)
{
    struct bus *b = arg;
    size_t n;
    const struct str *names = topic_names_take(b->to_join, &n);

    /* A link that is not ready refuses; on_up() then asks for everything anew. */
    if (n > 0 && !redis_link_subscribe(b->subscriber, names, n)) {
        log_debug("subscribe waits for redis", LF_U64("topics", n));
    }
    names = topic_names_take(b->to_leave, &n);
    if (n > 0 && !redis_link_unsubscribe(b->subscriber, names, n)) {
        log_debug("unsubscribe without redis", LF_U64("topics", n));
    }
}

void bus_subscribe(struct bus *b, struct str topic)
{
    if (redis_link_is_ready(b->subscriber)) {
        topic_names_remove(b->to_leave, topic);
        topic_names_add(b->to_join, topic);
        loop_defer(b->loop, &b->send_names);
    }
}

void bus_unsubscribe(struct bus *b, struct str topic)
{
    if (redis_link_is_ready(b->subscriber)) {
        topic_names_remove(b->to_join, topic);
        topic_names_add(b->to_leave, topic);
        loop_defer(b->loop, &b->send_names);
    }
}

/* ---- liveness ---- */

static void note_links(struct bus *b)
{
    bool up = bus_is_up(b);
    if (up) {
        b->was_up = true;
        b->down_since_ms = 0;
    } else if (b->down_since_ms == 0) {
        b->down_since_ms = clock_mono_ms();
    }
    b->metrics->redis_up = up;
}

static void restart_both(struct bus *b, const char *why)
{
    log_warn("redis links made anew", LF_STR("why", why));
    redis_link_restart(b->subscriber, why);
    redis_link_restart(b->reader, why);
}

static void check_liveness(void *arg)
{
    struct bus *b = arg;
    uint64_t now = clock_mono_ms();

    if (!bus_is_up(b)) {
        return;
    }
    if (strcmp(redis_link_history(b->subscriber), redis_link_history(b->reader)) != 0) {
        restart_both(b, "the two links reached different servers");
        return;
    }
    if (now - b->probe_back_ms > PROBE_LIMIT_MS) {
        b->probe_back_ms = now;
        redis_link_restart(b->subscriber, "its probe did not come back");
        return;
    }
    if (b->beat_ms && now - b->beat_ms > BEAT_LIMIT_MS && now - b->beat_ms < BEAT_MEMORY_MS) {
        b->beat_ms = now; /* asks again in BEAT_LIMIT_MS, not every tick */
        restart_both(b, "publishers' beats stay away");
        return;
    }
    char name[512];
    int n = snprintf(name, sizeof(name), "%s%s", b->prefix, b->probe_name);
    struct str argv[] = {STR("PUBLISH"), {name, (size_t)n}, STR("1")};
    if (!redis_link_command(b->reader, NULL, NULL, ARRAY_LEN(argv), argv)) {
        log_debug("probe not sent");
    }
}

static void on_beat(struct bus *b, struct str history)
{
    b->beat_ms = clock_mono_ms();
    if (redis_link_is_ready(b->reader) && !str_eq(history, str_of(redis_link_history(b->reader)))) {
        /* Our own knowledge is from the connect; a promotion in place changes the replication id
         * without cutting links, so this costs one reconnect at most. */
        restart_both(b, "a publisher writes to another history");
    }
}

/* ---- link events ---- */

static void on_subscriber_ready(void *arg)
{
    struct bus *b = arg;
    char probe[512], control[512], beat[512], room[512];
    struct str names[] = {
        {probe, (size_t)snprintf(probe, sizeof(probe), "%s%s", b->prefix, b->probe_name)},
        {control, (size_t)snprintf(control, sizeof(control), "%scontrol", b->prefix)},
        {beat, (size_t)snprintf(beat, sizeof(beat), "%sbeat", b->prefix)},
        {room, (size_t)snprintf(room, sizeof(room), "%sroom", b->prefix)},
    };
    b->probe_back_ms = clock_mono_ms();
    note_links(b);
    if (!redis_link_subscribe(b->subscriber, names, ARRAY_LEN(names))) {
        return; /* lost again already: on_lost follows */
    }
    b->handler->on_up(b->arg);
}

static void on_subscriber_lost(const char *why, void *arg)
{
    struct bus *b = arg;
    b->metrics->redis_lost++;
    note_links(b);
    size_t n;
    (void)topic_names_take(b->to_join, &n); /* what was to be sent is void now */
    (void)topic_names_take(b->to_leave, &n);
    log_debug("subscriber lost", LF_STR("why", why));
    b->handler->on_down(b->arg);
}

static void on_subscriber_subscribed(struct str channel, void *arg)
{
    struct bus *b = arg;
    if (channel.n > b->prefix_len) {
        b->handler->on_subscribed(str_after(channel, b->prefix_len), b->arg);
    }
}

static void on_subscriber_message(struct str channel, struct str payload, void *arg)
{
    struct bus *b = arg;
    if (channel.n <= b->prefix_len) {
        return;
    }
    struct str name = str_after(channel, b->prefix_len);
    if (memchr(name.p, '/', name.n) || str_eq(name, STR("all"))) {
        b->handler->on_message(name, payload, b->arg);
    } else if (str_eq(name, STR("control"))) {
        b->handler->on_control(payload, b->arg);
    } else if (str_eq(name, STR("room"))) {
        b->handler->on_room(payload, b->arg);
    } else if (str_eq(name, STR("beat"))) {
        on_beat(b, payload);
    } else {
        b->probe_back_ms = clock_mono_ms();
    }
}

static void on_reader_ready(void *arg)
{
    struct bus *b = arg;
    note_links(b);
    const char *eviction = redis_link_eviction(b->reader);
    b->metrics->redis_unsafe = *eviction && strcmp(eviction, "noeviction") != 0;
    if (b->metrics->redis_unsafe) {
        log_warn("redis may evict keys: set maxmemory-policy noeviction",
                 LF_STR("policy", eviction));
    }
    b->handler->on_reader_up(b->arg);
}

static void on_reader_lost(const char *why, void *arg)
{
    struct bus *b = arg;
    b->metrics->redis_lost++;
    log_debug("reader lost", LF_STR("why", why));
    note_links(b);
}

static const struct redis_link_handler subscriber_handler = {
    .on_ready = on_subscriber_ready,
    .on_lost = on_subscriber_lost,
    .on_subscribed = on_subscriber_subscribed,
    .on_message = on_subscriber_message,
};
static const struct redis_link_handler reader_handler = {
    .on_ready = on_reader_ready,
    .on_lost = on_reader_lost,
};

/* ---- reads ---- */

struct read_call {
    struct bus *bus;
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

static bool parse_page(const struct redisReply *r, struct bus_page *out)
{
    if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 5 ||
        r->element[2]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    out->epoch = bus_reply_str(r->element[0]);
    struct str last = bus_reply_str(r->element[1]);
    if (out->epoch.n != EPOCH_LEN || last.n == 0) {
        return false;
    }
    out->last = strtoull(last.p, NULL, 10); /* hiredis terminates its strings */
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
    char key[1024], epoch[EPOCH_LEN + 1], after[24], count[16], history[24];
    int key_len = snprintf(key, sizeof(key), "%s%.*s", b->prefix, STR_ARG(q->topic));
    if (key_len < 0 || (size_t)key_len >= sizeof(key)) {
        return false;
    }
    struct read_call *c = malloc(sizeof(*c));
    if (!c) {
        return false;
    }
    *c = (struct read_call){b, fn, arg};
    snprintf(epoch, sizeof(epoch), "%016" PRIx64, random_u64());
    struct str argv[] = {
        {key, (size_t)key_len},
        {epoch, EPOCH_LEN},
        {after, (size_t)snprintf(after, sizeof(after), "%" PRIu64, q->after)},
        STR("0"),
        {count, (size_t)snprintf(count, sizeof(count), "%u", q->count)},
        STR("262144"),
        q->states ? STR("1") : STR("0"),
        {history, (size_t)snprintf(history, sizeof(history), "%" PRId64, b->history_ms)},
    };
    _Static_assert(LIMIT_LOG_PAGE_BYTES == 262144, "the literal above");
    if (!redis_link_eval(b->reader, &b->topic_script, on_page, c, 1, ARRAY_LEN(argv), argv)) {
        free(c);
        return false;
    }
    b->metrics->log_reads++;
    return true;
}

bool bus_command(struct bus *b, bus_reply_fn fn, void *arg, int argc, const struct str *argv)
{
    char key[1024];
    struct str copy[8];
    if (argc < 2 || argc > (int)ARRAY_LEN(copy)) {
        return false;
    }
    memcpy(copy, argv, (size_t)argc * sizeof(*copy));
    int n = snprintf(key, sizeof(key), "%s%.*s", b->prefix, STR_ARG(argv[1]));
    if (n < 0 || (size_t)n >= sizeof(key)) {
        return false;
    }
    copy[1] = (struct str){key, (size_t)n};
    return redis_link_command(b->reader, fn, arg, argc, copy);
}

/* ---- life ---- */

static int create_link(struct bus *b, bool reader, struct redis_link **out)
{
    struct redis_link_options o = {
        .name = reader ? "reader" : "subscriber",
        .url = &b->url,
        .handler = reader ? &reader_handler : &subscriber_handler,
        .arg = b,
        .scripts = b->scripts,
        .n_scripts = reader ? ARRAY_LEN(b->scripts) : 0,
    };
    return redis_link_create(b->loop, &o, out);
}

static bool create_parts(struct bus *b, const struct settings *s)
{
    size_t n = strlen(s->redis.channel);
    b->prefix = malloc(n + 2);
    if (!b->prefix) {
        return false;
    }
    memcpy(b->prefix, s->redis.channel, n);
    memcpy(b->prefix + n, ":", 2);
    b->prefix_len = n + 1;
    b->to_join = topic_names_create(prefix_of(b));
    b->to_leave = topic_names_create(prefix_of(b));
    return b->to_join && b->to_leave && timer_init(&b->probe, b->loop, check_liveness, b) &&
           create_link(b, false, &b->subscriber) == 0 && create_link(b, true, &b->reader) == 0;
}

int bus_create(struct loop *l, const struct bus_options *o, struct bus **out_bus,
               const char **out_why)
{
    AUTO(bus) *b = calloc(1, sizeof(*b));
    *out_why = "out of memory";
    if (!b) {
        return -ENOMEM;
    }
    b->loop = l;
    b->handler = o->handler;
    b->arg = o->arg;
    b->metrics = o->metrics;
    b->history_ms = o->settings->redis.history_ms;
    b->down_since_ms = clock_mono_ms();
    deferred_init(&b->send_names, send_names, b);
    redis_script_init(&b->topic_script, "topic", topic_lua, topic_lua_len);
    b->scripts[0] = &b->topic_script;
    snprintf(b->probe_name, sizeof(b->probe_name), "probe:%016" PRIx64, random_u64());
    const struct string_list *urls = &o->settings->redis.urls;
    const char *url = urls->n > 0 ? urls->v[0] : o->settings->redis.url;
    if (!redis_url_parse(str_of(url), &b->url, out_why)) {
        return -EINVAL;
    }
    if (!create_parts(b, o->settings)) {
        return -ENOMEM;
    }
    *out_bus = TAKE(b);
    return 0;
}

struct bus *bus_free(struct bus *b)
{
    if (b) {
        timer_release(&b->probe);
        deferred_cancel(&b->send_names);
        redis_link_free(b->subscriber);
        redis_link_free(b->reader);
        topic_names_free(b->to_join);
        topic_names_free(b->to_leave);
        redis_url_release(&b->url);
        free(b->prefix);
        free(b);
    }
    return NULL;
}

void bus_start(struct bus *b)
{
    redis_link_start(b->subscriber);
    redis_link_start(b->reader);
    timer_start_every_ms(&b->probe, PROBE_EVERY_MS);
}

bool bus_is_up(const struct bus *b)
{
    return redis_link_is_ready(b->subscriber) && redis_link_is_ready(b->reader);
}

bool bus_was_up(const struct bus *b)
{
    return b->was_up;
}

uint64_t bus_down_ms(const struct bus *b)
{
    return b->down_since_ms ? clock_mono_ms() - b->down_since_ms : 0;
}
