/* SPDX-License-Identifier: MIT */
/* One Redis: names for SUBSCRIBE, signs of life, the two links' events. */
#include "gateway/bus/bus_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis/redis_link.h"
#include "common/strmap.h"
#include "gateway/bus/topic_names.h"
#include "gateway/gw_metrics.h"
#include "proto/topic_keys.h"

#define PROBE_EVERY_MS 5000
#define PROBE_LIMIT_MS 15000   /* a probe must have come back within */
#define BEAT_LIMIT_MS 15000    /* publishers' beats, once heard, must not stay away longer */
#define BEAT_MEMORY_MS 3600000 /* … unless none was heard for an hour: no publisher then */
#define BEHIND_MS 60000        /* a publisher that is behind is believed once in so long */
#define NAME_MAX_BYTES 1024    /* of a key or channel in Redis */

struct bus_server {
    struct bus_server_options o; /* its pointers are borrowed */
    char *prefix;                /* owned: `P:` */
    size_t prefix_len;
    struct redis_url url; /* owned */
    struct redis_script *scripts[1];
    struct redis_link *subscriber, *reader; /* owned */
    struct topic_names *to_join, *to_leave; /* owned: names for the end of the turn */
    struct deferred send_names;
    struct timer probe;
    char probe_name[40];    /* `probe:<16 hex digits>` */
    uint64_t probe_back_ms; /* when the last probe came back (or the link came up) */
    uint64_t beat_ms;       /* when the last beat came; 0: none yet */
    uint64_t other_ms;      /* when links were made anew because of a beat of another history */
    uint64_t other_pair;    /* hash of that one and of ours */
    bool is_listed;         /* P:servers was there when it was read */
    bool agrees;            /* publishers and gateways here know the same list of servers */
    bool is_heard;          /* a probe has come back since both links are ready */
    bool is_up;             /* as the owner was last told */
    bool has_subscriber, has_reader; /* that link was ready, and is not lost yet */
};

/* The name in Redis: `P:` and what follows. 0 when it does not fit. */
static size_t full_name(const struct bus_server *b, struct str name,
                        char out[static NAME_MAX_BYTES])
{
    int n = snprintf(out, NAME_MAX_BYTES, "%s%.*s", b->prefix, STR_ARG(name));
    return n > 0 && n < NAME_MAX_BYTES ? (size_t)n : 0;
}

/* ---- names ---- */

static void send_names(void *arg)
{
    struct bus_server *b = arg;
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

void bus_server_subscribe(struct bus_server *b, struct str name)
{
    if (redis_link_is_ready(b->subscriber)) {
        topic_names_remove(b->to_leave, name);
        topic_names_add(b->to_join, name);
        loop_defer(b->o.loop, &b->send_names);
    }
}

void bus_server_unsubscribe(struct bus_server *b, struct str name)
{
    if (redis_link_is_ready(b->subscriber)) {
        topic_names_remove(b->to_join, name);
        topic_names_add(b->to_leave, name);
        loop_defer(b->o.loop, &b->send_names);
    }
}

/* ---- liveness ---- */

static void note_links(struct bus_server *b)
{
    bool up = bus_server_is_up(b);
    if (up != b->is_up) {
        b->is_up = up;
        bus_on_links(b->o.bus);
    }
}

static void restart_both(struct bus_server *b, const char *why)
{
    log_warn("redis links made anew", LF_U64("server", b->o.index), LF_STR("why", why));
    redis_link_restart(b->subscriber, why);
    redis_link_restart(b->reader, why);
}

static void on_servers(const struct redis_reply *r, void *arg)
{
    struct bus_server *b = arg;
    if (!r || (r->type != REPLY_TEXT && r->type != REPLY_NIL)) {
        return; /* asked again at the next sign of life */
    }
    b->is_listed = r->type == REPLY_TEXT;
    bool agrees = !b->is_listed || str_eq(r->text, b->o.list_digest);
    if (!agrees) {
        log_error("another list of redis servers is in use: not ready until P:servers says ours",
                  LF_U64("server", b->o.index));
    }
    b->agrees = agrees;
    note_links(b);
}

/* Publishers say which list of servers this is; while none has said it, nobody disagrees. */
static void check_list(struct bus_server *b)
{
    char name[NAME_MAX_BYTES];
    struct str key = {name, full_name(b, STR("servers"), name)};
    struct str get[] = {STR("GET"), key};
    const struct redis_asker who = {.fn = on_servers, .arg = b};
    if (!redis_link_command(b->reader, &who, ARRAY_LEN(get), get)) {
        log_debug("list of servers not compared");
    }
}

static void on_probe_sent(const struct redis_reply *r, void *arg)
{
    const struct bus_server *b = arg;
    if (r && r->type == REPLY_ERROR) {
        log_error("redis refuses the probe", LF_U64("server", b->o.index), LF_S("error", r->text));
    }
}

static void send_probe(struct bus_server *b)
{
    const struct redis_asker who = {.fn = on_probe_sent, .arg = b};
    char name[NAME_MAX_BYTES];
    struct str argv[] = {
        STR("PUBLISH"), {name, full_name(b, str_of(b->probe_name), name)}, STR("1")};
    if (!redis_link_command(b->reader, &who, ARRAY_LEN(argv), argv)) {
        log_debug("probe not sent");
    }
}

static void check_liveness(void *arg)
{
    struct bus_server *b = arg;
    uint64_t now = clock_mono_ms();

    if (!redis_link_is_ready(b->subscriber) || !redis_link_is_ready(b->reader)) {
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
    if (!b->agrees || !b->is_listed) {
        check_list(b);
    }
    send_probe(b);
}

static void on_beat(struct bus_server *b, struct str history)
{
    struct str own = str_of(redis_link_history(b->reader));
    b->beat_ms = clock_mono_ms();
    if (redis_link_is_ready(b->reader) && !str_eq(history, own)) {
        /* Our own knowledge is from the connect; a promotion in place changes the replication id
         * without cutting links. If we come back to the same history it is the publisher that is
         * behind, and it will notice. */
        uint64_t pair = strmap_hash(history) ^ ~strmap_hash(own);
        if (pair != b->other_pair || b->beat_ms - b->other_ms > BEHIND_MS) {
            b->other_pair = pair;
            b->other_ms = b->beat_ms;
            restart_both(b, "a publisher writes to another history");
        }
    }
}

/* ---- link events ---- */

static void on_subscriber_ready(void *arg)
{
    struct bus_server *b = arg;
    char text[4][NAME_MAX_BYTES];
    const struct str own[] = {str_of(b->probe_name), STR("beat"), STR("control"), STR("room")};
    struct str names[ARRAY_LEN(own)];
    /* Only the first server carries what is not about topics. */
    size_t n = b->o.index == 0 ? ARRAY_LEN(own) : 2;
    for (size_t i = 0; i < n; i++) {
        names[i] = (struct str){text[i], full_name(b, own[i], text[i])};
    }
    b->probe_back_ms = clock_mono_ms();
    b->has_subscriber = true;
    note_links(b);
    if (!redis_link_subscribe(b->subscriber, names, n)) {
        return; /* lost again already: on_lost follows */
    }
    bus_on_up(b->o.bus, b->o.index);
}

/* Only what was there can be lost: on_lost also comes for each connection that fails. */
static void note_loss(struct bus_server *b, bool *has_link)
{
    b->o.metrics->redis_lost += *has_link;
    *has_link = false;
}

static void on_subscriber_lost(const char *why, void *arg)
{
    struct bus_server *b = arg;
    size_t n;
    note_loss(b, &b->has_subscriber);
    b->is_heard = false;
    note_links(b);
    (void)topic_names_take(b->to_join, &n); /* what was to be sent is void now */
    (void)topic_names_take(b->to_leave, &n);
    log_debug("subscriber lost", LF_U64("server", b->o.index), LF_STR("why", why));
    bus_on_down(b->o.bus, b->o.index);
}

static void on_subscriber_subscribed(struct str channel, void *arg)
{
    struct bus_server *b = arg;
    if (channel.n <= b->prefix_len) {
        return;
    }
    struct str name = str_after(channel, b->prefix_len);
    if (str_eq(name, str_of(b->probe_name))) {
        send_probe(b);
    } else {
        bus_on_subscribed(b->o.bus, b->o.index, name);
    }
}

static void on_subscriber_message(struct str channel, struct str payload, void *arg)
{
    struct bus_server *b = arg;
    if (channel.n <= b->prefix_len) {
        return;
    }
    struct str name = str_after(channel, b->prefix_len);
    if (str_eq(name, STR("beat"))) {
        on_beat(b, payload);
    } else if (str_eq(name, str_of(b->probe_name))) {
        b->probe_back_ms = clock_mono_ms();
        b->is_heard = true;
        note_links(b);
    } else {
        bus_on_message(b->o.bus, b->o.index, name, payload);
    }
}

static void on_reader_ready(void *arg)
{
    struct bus_server *b = arg;
    b->has_reader = true;
    check_list(b);
    send_probe(b);
    note_links(b);
    bus_on_reader_up(b->o.bus, b->o.index);
}

static void on_eviction(void *arg)
{
    struct bus_server *b = arg;
    if (redis_link_may_evict(b->reader)) {
        log_warn("redis may evict keys: set maxmemory-policy noeviction",
                 LF_U64("server", b->o.index), LF_STR("policy", redis_link_eviction(b->reader)));
    }
    bus_on_eviction(b->o.bus);
}

static void on_reader_lost(const char *why, void *arg)
{
    struct bus_server *b = arg;
    note_loss(b, &b->has_reader);
    b->is_heard = false;
    b->agrees = false;
    log_debug("reader lost", LF_U64("server", b->o.index), LF_STR("why", why));
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
    .on_eviction = on_eviction,
};

/* ---- questions ---- */

bool bus_server_eval(struct bus_server *b, struct str name, const struct redis_asker *who, int argc,
                     const struct str *argv)
{
    enum { KEYS = TOPIC_KEYS + 1, ARGUMENTS_MAX = 7 };
    char keys[KEYS][NAME_MAX_BYTES];
    struct str all[KEYS + ARGUMENTS_MAX];
    size_t n = full_name(b, name, keys[0]);
    if (n == 0 || n + TOPIC_KEYS_SUFFIX_BYTES > NAME_MAX_BYTES || argc > ARGUMENTS_MAX) {
        return false;
    }
    for (size_t i = 0; i < TOPIC_KEYS; i++) {
        struct str suffix = topic_key_suffix(i);
        memmove(keys[i], keys[0], n);
        memcpy(keys[i] + n, suffix.p, suffix.n);
        all[i] = (struct str){keys[i], n + suffix.n};
    }
    all[TOPIC_KEYS] = (struct str){keys[TOPIC_KEYS], full_name(b, STR("era"), keys[TOPIC_KEYS])};
    memcpy(all + KEYS, argv, (size_t)argc * sizeof(*argv));
    return redis_link_eval(b->reader, b->o.topic_script, who, KEYS, argc + KEYS, all);
}

bool bus_server_command(struct bus_server *b, const struct redis_asker *who, int argc,
                        const struct str *argv)
{
    char key[NAME_MAX_BYTES];
    struct str copy[8];
    if (argc < 2 || argc > (int)ARRAY_LEN(copy)) {
        return false;
    }
    memcpy(copy, argv, (size_t)argc * sizeof(*copy));
    copy[1] = (struct str){key, full_name(b, argv[1], key)};
    return copy[1].n > 0 && redis_link_command(b->reader, who, argc, copy);
}

/* ---- life ---- */

static int create_link(struct bus_server *b, bool reader, struct redis_link **out)
{
    struct redis_link_options o = {
        .name = reader ? "reader" : "subscriber",
        .url = &b->url,
        .access = b->o.access,
        .handler = reader ? &reader_handler : &subscriber_handler,
        .arg = b,
        .scripts = b->scripts,
        .n_scripts = reader ? ARRAY_LEN(b->scripts) : 0,
    };
    return redis_link_create(b->o.loop, &o, out);
}

static bool create_parts(struct bus_server *b)
{
    size_t n = strlen(b->o.channel);
    b->prefix = malloc(n + 2);
    if (!b->prefix) {
        return false;
    }
    memcpy(b->prefix, b->o.channel, n);
    memcpy(b->prefix + n, ":", 2);
    b->prefix_len = n + 1;
    struct str prefix = {b->prefix, b->prefix_len};
    b->to_join = topic_names_create(prefix);
    b->to_leave = topic_names_create(prefix);
    return b->to_join && b->to_leave && timer_init(&b->probe, b->o.loop, check_liveness, b) &&
           create_link(b, false, &b->subscriber) == 0 && create_link(b, true, &b->reader) == 0;
}

int bus_server_create(const struct bus_server_options *o, struct bus_server **out_server,
                      const char **out_why)
{
    AUTO(bus_server) *b = calloc(1, sizeof(*b));
    *out_why = "out of memory";
    if (!b) {
        return -ENOMEM;
    }
    b->o = *o;
    deferred_init(&b->send_names, send_names, b);
    b->scripts[0] = o->topic_script;
    snprintf(b->probe_name, sizeof(b->probe_name), "probe:%016" PRIx64, random_u64());
    if (!redis_url_parse(str_of(o->url), &b->url, out_why)) {
        return -EINVAL;
    }
    if (!create_parts(b)) {
        return -ENOMEM;
    }
    *out_server = TAKE(b);
    return 0;
}

struct bus_server *bus_server_free(struct bus_server *b)
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

void bus_server_start(struct bus_server *b)
{
    redis_link_start(b->subscriber);
    redis_link_start(b->reader);
    timer_start_every_ms(&b->probe, PROBE_EVERY_MS);
}

bool bus_server_is_up(const struct bus_server *b)
{
    return b->agrees && b->is_heard && redis_link_is_ready(b->subscriber) &&
           redis_link_is_ready(b->reader);
}

bool bus_server_may_evict(const struct bus_server *b)
{
    return redis_link_may_evict(b->reader);
}
