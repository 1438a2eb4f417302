/* SPDX-License-Identifier: MIT */
#include "publisher/bus_beat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

enum { BEAT_MS = 5000 };

static void on_servers(const struct redis_reply *r, void *arg)
{
    struct bus_beat *b = arg;
    if (!r || r->type != REPLY_TEXT) {
        return; /* compared again with the next beat */
    }
    b->agrees = str_eq(r->text, b->list_digest);
    if (!b->agrees) {
        log_error("another list of redis servers is in use: not ready until P:servers says ours");
    }
    b->on_agreed(b->arg);
}

/* Whoever comes first says which list of servers this is; the others compare. */
static void check_list(struct bus_beat *b)
{
    const struct str set[] = {STR("SET"), str_of(b->list_key), b->list_digest, STR("NX")};
    const struct str get[] = {STR("GET"), str_of(b->list_key)};
    const struct redis_asker who = {.fn = on_servers, .arg = b};
    (void)!redis_link_command(b->link, NULL, ARRAY_LEN(set), set);
    (void)!redis_link_command(b->link, &who, ARRAY_LEN(get), get);
}

/* Lines of INFO replication like slave0:ip=…,port=…,state=online,… */
static int64_t count_replicas(struct str info)
{
    static const struct str online = {",state=online,", 14};
    int64_t n = 0;
    const char *at = memmem(info.p, info.n, online.p, online.n);
    while (at) {
        n++;
        at += online.n;
        at = memmem(at, (size_t)(info.p + info.n - at), online.p, online.n);
    }
    return n;
}

/* Only a history that still holds is told: gateways would connect anew because of another. */
static void on_replication(const struct redis_reply *r, void *arg)
{
    struct bus_beat *b = arg;
    if (!r) {
        return;
    }
    if (!redis_link_is_same_history(b->link, r)) {
        redis_link_restart(b->link, "the server was demoted or promoted in place");
        return;
    }
    *b->replicas = count_replicas(redis_reply_text(r));
    const struct str argv[] = {
        STR("PUBLISH"),
        str_of(b->channel),
        str_of(redis_link_history(b->link)),
    };
    (void)!redis_link_command(b->link, NULL, ARRAY_LEN(argv), argv);
}

/* Tells a server that was emptied from what it was before: topic.lua. */
static void write_era(struct bus_beat *b)
{
    char text[17];
    (void)snprintf(text, sizeof(text), "%016" PRIx64, random_u64());
    const struct str argv[] = {STR("SET"), str_of(b->era_key), {text, 16}, STR("NX")};
    (void)!redis_link_command(b->link, NULL, ARRAY_LEN(argv), argv);
}

static void send_beat(void *arg)
{
    struct bus_beat *b = arg;
    write_era(b);
    if (!b->agrees && redis_link_is_ready(b->link)) {
        check_list(b);
    }
    const struct str argv[] = {STR("INFO"), STR("replication")};
    /* Refused when the link is not ready: then there is no sign of life to give. */
    const struct redis_asker who = {.fn = on_replication, .arg = b};
    (void)!redis_link_command(b->link, &who, ARRAY_LEN(argv), argv);
}

void bus_beat_now(struct bus_beat *b)
{
    send_beat(b);
}

bool bus_beat_init(struct bus_beat *b, struct loop *l, const char *prefix)
{
    if (asprintf(&b->channel, "%s:beat", prefix) < 0) {
        b->channel = NULL;
    }
    if (asprintf(&b->list_key, "%s:servers", prefix) < 0) {
        b->list_key = NULL;
    }
    if (asprintf(&b->era_key, "%s:era", prefix) < 0) {
        b->era_key = NULL;
    }
    return b->channel && b->list_key && b->era_key && timer_init(&b->timer, l, send_beat, b);
}

void bus_beat_release(struct bus_beat *b)
{
    timer_release(&b->timer);
    free(b->channel);
    free(b->list_key);
    free(b->era_key);
}

void bus_beat_start(struct bus_beat *b)
{
    timer_start_every_ms(&b->timer, BEAT_MS);
}
