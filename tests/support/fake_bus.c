/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_bus.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/redis/redis_reply_hiredis.h"
#include "tests/support/fake_event.h"

#define TOPICS 8
#define CLOCK_AHEAD 1700000000000LL /* of Redis */

struct fake_read {
    struct redis_call call;
    struct list node;
    struct bus_read q;
    char topic[64];
    bool looked;
    char now[24], since[24]; /* since "": not asked */
    char epoch[EPOCH_LEN + 1];
    uint64_t base, last;
    char nothing[EPOCH_LEN + 1];
    size_t n;
    struct str entries[64]; /* owned */
    struct str state[2];    /* owned */
};
struct fake_command {
    struct redis_call call;
    struct list node;
};
struct bus {
    const struct bus_handler *handler;
    void *arg;
    const struct bus_listener *listeners[BUS_CHANNELS];
    void *listener_args[BUS_CHANNELS];
    struct list reads;
    struct list commands_open;
    bool reader_up;
    bool is_timeless; /* as a Redis that refuses TIME */
    uint32_t page;
    char nothing[EPOCH_LEN + 1];
    char commands[512];
    char argument[16384]; /* the last one of the newest command */
    size_t argument_len;
    struct fake_topic *topics[TOPICS]; /* owned */
};
static struct str copy_str(struct str s)
{
    char *p = s.n ? malloc(s.n) : NULL;
    if (s.n) {
        assert(p);
        memcpy(p, s.p, s.n);
    }
    return (struct str){p, s.n};
}

static void free_str(struct str *s)
{
    free((char *)(uintptr_t)s->p);
    *s = STR_NONE;
}

struct bus *fake_bus_create(void)
{
    struct bus *b = calloc(1, sizeof(*b));
    assert(b);
    list_init(&b->reads);
    list_init(&b->commands_open);
    b->reader_up = true;
    b->page = 64;
    fake_bus_set_nothing(b, FAKE_NOTHING_A);
    return b;
}

void fake_bus_set_nothing(struct bus *b, const char *epoch)
{
    memcpy(b->nothing, epoch, EPOCH_LEN);
}

static void forget_events(struct fake_topic *t)
{
    for (size_t i = 0; i <= t->last; i++) {
        free_str(&t->live[i]);
        free_str(&t->log[i]);
    }
    t->state[0] = t->state[1] = STR_NONE;
}

static void free_read(struct fake_read *r)
{
    struct redis_asker *asker = &r->call.asker;
    redis_call_cancel(asker->call ? asker->call : &(struct redis_call *){NULL});
    list_del(&r->node);
    for (size_t i = 0; i < r->n; i++) {
        free_str(&r->entries[i]);
    }
    free_str(&r->state[0]);
    free_str(&r->state[1]);
    free(r);
}

void fake_bus_free(struct bus *b)
{
    LIST_FOR_EACH (it, next, &b->reads) {
        free_read(LIST_ENTRY(it, struct fake_read, node));
    }
    while (!list_empty(&b->commands_open)) {
        fake_bus_answer_command(b, NULL);
    }
    for (size_t i = 0; i < TOPICS && b->topics[i]; i++) {
        forget_events(b->topics[i]);
        free(b->topics[i]);
    }
    free(b);
}

static void set_epoch(struct fake_topic *t, const char *epoch)
{
    memcpy(t->epoch, epoch, EPOCH_LEN);
}

struct fake_topic *fake_topic(struct bus *b, const char *name)
{
    size_t i = 0;
    while (b->topics[i] && strcmp(b->topics[i]->name, name) != 0) {
        i++;
        assert(i < TOPICS);
    }
    if (!b->topics[i]) {
        b->topics[i] = calloc(1, sizeof(struct fake_topic));
        assert(b->topics[i]);
        b->topics[i]->bus = b;
        snprintf(b->topics[i]->name, sizeof(b->topics[i]->name), "%s", name);
        set_epoch(b->topics[i], FAKE_EPOCH_A);
    }
    return b->topics[i];
}

void fake_publish(struct fake_topic *t, const struct event *e)
{
    assert(t->last < FAKE_EVENTS);
    uint64_t offset = ++t->last;
    struct event in_log = *e;
    struct buf whole = fake_message(t->epoch, offset, e);
    t->live[offset] = buf_str(&whole);
    t->at_ms[offset] = clock_mono_ms();
    in_log.is_marker = e->type == EVENT_SCOREBOARD_UPDATE;
    struct buf entry = fake_message(t->epoch, offset, &in_log);
    t->log[offset] = buf_str(&entry);
    if (in_log.is_marker) {
        t->state[e->is_public] = t->live[offset];
    }
}

void fake_new_epoch(struct fake_topic *t, const char *epoch)
{
    forget_events(t);
    set_epoch(t, epoch);
    t->base = t->last = 0;
    t->floor = 0;
    t->heard = 0;
}

void fake_bus_set_reader(struct bus *b, bool up)
{
    b->reader_up = up;
}

void fake_bus_set_timeless(struct bus *b)
{
    b->is_timeless = true;
}

void fake_bus_set_page(struct bus *b, uint32_t entries)
{
    b->page = entries;
}

const char *fake_bus_commands(struct bus *b)
{
    static char copy[sizeof(b->commands)];
    memcpy(copy, b->commands, sizeof(copy));
    b->commands[0] = '\0';
    return copy;
}

static void note(struct bus *b, char what, struct str topic)
{
    size_t n = strlen(b->commands);
    snprintf(b->commands + n, sizeof(b->commands) - n, "%c%.*s ", what, STR_ARG(topic));
}

static struct fake_read *oldest(const struct bus *b)
{
    struct list *node = list_first(&b->reads);
    assert(node);
    return LIST_ENTRY(node, struct fake_read, node);
}

size_t fake_bus_n_reads(const struct bus *b)
{
    size_t n = 0;
    for (const struct list *it = b->reads.next; it != &b->reads; it = it->next) {
        n++;
    }
    return n;
}

const struct bus_read *fake_bus_read(const struct bus *b)
{
    return &oldest(b)->q;
}

static void look(struct bus *b, struct fake_read *r)
{
    const struct fake_topic *t = fake_topic(b, r->topic);
    bool nothing = t->begins_with_nothing && t->last == 0;
    memcpy(r->epoch, nothing ? b->nothing : t->epoch, sizeof(r->epoch));
    memcpy(r->nothing, b->nothing, sizeof(r->nothing));
    r->base = t->base;
    r->last = t->last;
    uint32_t most = r->q.count < b->page ? r->q.count : b->page;
    for (uint64_t o = MAX(r->q.after, t->floor) + 1; o <= t->last && r->n < most; o++) {
        r->entries[r->n++] = copy_str(t->log[o]);
    }
    if (!b->is_timeless) {
        snprintf(r->now, sizeof(r->now), "%llu",
                 (unsigned long long)(clock_mono_ms() + CLOCK_AHEAD) * 1000);
    }
    if (r->q.since_ms > 0 && !b->is_timeless) {
        uint64_t since = t->last;
        while (since > t->floor && (int64_t)t->at_ms[since] + CLOCK_AHEAD >= r->q.since_ms) {
            since--;
        }
        snprintf(r->since, sizeof(r->since), "%llu", (unsigned long long)since);
    }
    for (size_t i = 0; r->q.states && i < 2; i++) {
        r->state[i] = copy_str(t->state[i]);
    }
    r->looked = true;
}

void fake_bus_look(struct bus *b)
{
    LIST_FOR_EACH (it, next, &b->reads) {
        struct fake_read *r = LIST_ENTRY(it, struct fake_read, node);
        if (!r->looked) {
            look(b, r);
            return;
        }
    }
}

static redisReply text_reply(struct str s)
{
    return (redisReply){.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)s.p, .len = s.n};
}

/* As topic.lua answers. */
void fake_bus_answer(struct bus *b)
{
    struct fake_read *r = oldest(b);
    char last[24], base[24];
    if (!r->looked) {
        look(b, r);
    }
    redisReply entries[ARRAY_LEN(r->entries)];
    redisReply *entry_list[ARRAY_LEN(r->entries)];
    for (size_t i = 0; i < r->n; i++) {
        entries[i] = text_reply(r->entries[i]);
        entry_list[i] = &entries[i];
    }
    snprintf(last, sizeof(last), "%llu", (unsigned long long)r->last);
    snprintf(base, sizeof(base), "%llu", (unsigned long long)r->base);
    redisReply parts[] = {
        text_reply((struct str){r->epoch, EPOCH_LEN}),
        text_reply(str_of(last)),
        {.type = REDIS_REPLY_ARRAY, .elements = r->n, .element = entry_list},
        text_reply(r->state[1]),
        text_reply(r->state[0]),
        text_reply((struct str){r->nothing, EPOCH_LEN}),
        text_reply(str_of(base)),
        text_reply(str_of(r->now)),
        text_reply(str_of(r->since)),
    };
    redisReply *part_list[] = {&parts[0], &parts[1], &parts[2], &parts[3], &parts[4],
                               &parts[5], &parts[6], &parts[7], &parts[8]};
    const redisReply whole = {
        .type = REDIS_REPLY_ARRAY, .elements = ARRAY_LEN(part_list), .element = part_list};
    const struct redis_reply reply = redis_reply_of(&whole);
    list_del(&r->node);
    redis_call_end(&r->call, &reply);
    free_read(r);
}

void fake_bus_answer_all(struct bus *b)
{
    while (!list_empty(&b->reads)) {
        fake_bus_answer(b);
    }
}

void fake_bus_fail(struct bus *b)
{
    struct fake_read *r = oldest(b);
    list_del(&r->node);
    redis_call_end(&r->call, NULL);
    free_read(r);
}

/* ---- bus.h ---- */

void bus_subscribe(struct bus *b, struct str topic)
{
    note(b, '+', topic);
}

void bus_unsubscribe(struct bus *b, struct str topic)
{
    note(b, '-', topic);
}

bool bus_read_topic(struct bus *b, const struct bus_read *q, const struct redis_asker *who)
{
    if (!b->reader_up) {
        return false;
    }
    struct fake_read *r = calloc(1, sizeof(*r));
    if (!r) {
        return false;
    }
    assert(q->topic.n < sizeof(r->topic));
    r->q = *q;
    memcpy(r->topic, q->topic.p, q->topic.n);
    r->q.topic = str_of(r->topic); /* the feed may be freed before the answer */
    redis_call_begin(&r->call, who);
    list_push_back(&b->reads, &r->node);
    return true;
}

bool bus_page_of(const struct redis_reply *r, struct bus_page *out)
{
    if (!r) {
        return false;
    }
    *out = (struct bus_page){
        .epoch = redis_reply_text_at(r, 0),
        .last = strtoull(redis_reply_text_at(r, 1).p, NULL, 10),
        .entries = redis_reply_at(r, 2),
        .state = {redis_reply_text_at(r, 4), redis_reply_text_at(r, 3)},
        .nothing = redis_reply_text_at(r, 5),
        .base = strtoull(redis_reply_text_at(r, 6).p, NULL, 10),
        .has_since = redis_reply_text_at(r, 8).n > 0,
    };
    out->now_us = strtoll(redis_reply_text_at(r, 7).p, NULL, 10);
    out->since = out->has_since ? strtoull(redis_reply_text_at(r, 8).p, NULL, 10) : 0;
    return true;
}

void bus_set_handler(struct bus *b, const struct bus_handler *handler, void *arg)
{
    b->handler = handler;
    b->arg = arg;
}

void bus_listen(struct bus *b, enum bus_channel channel, const struct bus_listener *listener,
                void *arg)
{
    b->listeners[channel] = listener;
    b->listener_args[channel] = arg;
}

static void tell_listeners(struct bus *b)
{
    for (size_t i = 0; i < BUS_CHANNELS; i++) {
        if (b->listeners[i] && b->listeners[i]->on_up) {
            b->listeners[i]->on_up(b->listener_args[i]);
        }
    }
}

void fake_bus_up(struct bus *b)
{
    if (b->handler) {
        b->handler->on_up(0, b->arg);
    }
    tell_listeners(b);
}

void fake_bus_down(struct bus *b)
{
    b->handler->on_down(0, b->arg);
}

void fake_bus_reader_up(struct bus *b)
{
    b->handler->on_reader_up(0, b->arg);
    tell_listeners(b);
}

void fake_bus_subscribed(struct bus *b, struct str topic)
{
    b->handler->on_subscribed(topic, b->arg);
}

void fake_bus_message(struct bus *b, struct str topic, struct str bytes)
{
    b->handler->on_message(topic, bytes, b->arg);
}

void fake_bus_channel(struct bus *b, enum bus_channel channel, struct str bytes)
{
    b->listeners[channel]->on_message(bytes, b->listener_args[channel]);
}

bool bus_is_up(const struct bus *b)
{
    return b->reader_up;
}

bool bus_command(struct bus *b, const struct redis_asker *who, int argc, const struct str *argv)
{
    assert(argc >= 2);
    if (!b->reader_up) {
        return false;
    }
    struct fake_command *c = calloc(1, sizeof(*c));
    if (!c) {
        return false;
    }
    redis_call_begin(&c->call, who);
    list_push_back(&b->commands_open, &c->node);
    note(b, '?', argv[1]);
    b->argument_len = argv[argc - 1].n;
    assert(b->argument_len <= sizeof(b->argument));
    memcpy(b->argument, argv[argc - 1].p, b->argument_len);
    return true;
}

struct str fake_bus_argument(const struct bus *b)
{
    return (struct str){b->argument, b->argument_len};
}

static void answer_command(struct bus *b, const redisReply *r)
{
    const struct redis_reply reply = r ? redis_reply_of(r) : (struct redis_reply){.n = 0};
    struct list *node = list_first(&b->commands_open);
    assert(node);
    struct fake_command *c = LIST_ENTRY(node, struct fake_command, node);
    list_del(node);
    redis_call_end(&c->call, r ? &reply : NULL);
    free(c);
}

void fake_bus_answer_number(struct bus *b, long long n)
{
    const redisReply r = {.type = REDIS_REPLY_INTEGER, .integer = n};
    answer_command(b, &r);
}

size_t fake_bus_n_commands(const struct bus *b)
{
    size_t n = 0;
    for (const struct list *it = b->commands_open.next; it != &b->commands_open; it = it->next) {
        n++;
    }
    return n;
}

void fake_bus_answer_command(struct bus *b, const char *const *fields)
{
    redisReply values[8] = {{0}};
    redisReply *elements[8];
    redisReply hash = {.type = REDIS_REPLY_MAP, .element = elements};
    for (size_t i = 0; fields && fields[i]; i++) {
        assert(i < ARRAY_LEN(values));
        values[i].type = REDIS_REPLY_STRING;
        values[i].str = (char *)(uintptr_t)fields[i];
        values[i].len = strlen(fields[i]);
        elements[i] = &values[i];
        hash.elements++;
    }
    answer_command(b, fields ? &hash : NULL);
}

void fake_bus_answer_entry(struct bus *b, const char *id, const char *text)
{
    redisReply texts[3] = {{.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)id},
                           {.type = REDIS_REPLY_STRING, .str = (char[]){"m"}},
                           {.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)text}};
    redisReply *fields[] = {&texts[1], &texts[2]};
    redisReply field_list = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = fields};
    redisReply *parts[] = {&texts[0], &field_list};
    redisReply entry = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = parts};
    redisReply *entries[] = {&entry};
    const redisReply r = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = entries};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        texts[i].len = strlen(texts[i].str);
    }
    answer_command(b, &r);
}

unsigned bus_server_of(const struct bus *b, struct str topic)
{
    (void)b;
    (void)topic;
    return 0;
}

unsigned bus_servers(const struct bus *b)
{
    (void)b;
    return 1;
}
