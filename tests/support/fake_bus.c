/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_bus.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "tests/support/fake_event.h"

#define TOPICS 8

struct fake_read {
    struct list node;
    struct bus_read q;
    char topic[64];
    bus_read_fn fn;
    void *arg;
    bool looked;
    char epoch[EPOCH_LEN + 1];
    uint64_t last;
    size_t n;
    struct str entries[64]; /* owned */
    struct str state[2];    /* owned */
};
struct fake_command {
    struct list node;
    bus_reply_fn fn;
    void *arg;
};
struct bus {
    struct list reads;
    struct list commands_open;
    bool reader_up;
    uint32_t page;
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
    return b;
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
    t->last = 0;
    t->floor = 0;
    t->heard = 0;
}

void fake_bus_set_reader(struct bus *b, bool up)
{
    b->reader_up = up;
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
    memcpy(r->epoch, t->epoch, sizeof(r->epoch));
    r->last = t->last;
    uint32_t most = r->q.count < b->page ? r->q.count : b->page;
    for (uint64_t o = MAX(r->q.after, t->floor) + 1; o <= t->last && r->n < most; o++) {
        r->entries[r->n++] = copy_str(t->log[o]);
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

void fake_bus_answer(struct bus *b)
{
    struct fake_read *r = oldest(b);
    if (!r->looked) {
        look(b, r);
    }
    struct bus_page page = {
        .epoch = {r->epoch, EPOCH_LEN},
        .last = r->last,
        .entries = (const struct redisReply *)(const void *)r->entries, /* only we read it */
        .n_entries = r->n,
        .state = {r->state[0], r->state[1]},
    };
    list_del(&r->node);
    r->fn(&page, r->arg);
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
    r->fn(NULL, r->arg);
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

bool bus_read_topic(struct bus *b, const struct bus_read *q, bus_read_fn fn, void *arg)
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
    r->fn = fn;
    r->arg = arg;
    list_push_back(&b->reads, &r->node);
    return true;
}

struct str bus_page_entry(const struct bus_page *p, size_t i)
{
    return ((const struct str *)(const void *)p->entries)[i];
}

bool bus_is_up(const struct bus *b)
{
    return b->reader_up;
}

bool bus_command(struct bus *b, bus_reply_fn fn, void *arg, int argc, const struct str *argv)
{
    assert(argc >= 2);
    if (!b->reader_up) {
        return false;
    }
    struct fake_command *c = calloc(1, sizeof(*c));
    if (!c) {
        return false;
    }
    c->fn = fn;
    c->arg = arg;
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

static void answer_command(struct bus *b, const struct redisReply *r)
{
    struct list *node = list_first(&b->commands_open);
    assert(node);
    struct fake_command *c = LIST_ENTRY(node, struct fake_command, node);
    list_del(node);
    c->fn(r, c->arg);
    free(c);
}

void fake_bus_answer_number(struct bus *b, long long n)
{
    const struct redisReply r = {.type = REDIS_REPLY_INTEGER, .integer = n};
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
    struct redisReply values[8] = {{0}};
    struct redisReply *elements[8];
    struct redisReply hash = {.type = REDIS_REPLY_MAP, .element = elements};
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
    struct redisReply texts[3] = {{.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)id},
                                  {.type = REDIS_REPLY_STRING, .str = (char[]){"m"}},
                                  {.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)text}};
    struct redisReply *fields[] = {&texts[1], &texts[2]};
    struct redisReply field_list = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = fields};
    struct redisReply *parts[] = {&texts[0], &field_list};
    struct redisReply entry = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = parts};
    struct redisReply *entries[] = {&entry};
    const struct redisReply r = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = entries};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        texts[i].len = strlen(texts[i].str);
    }
    answer_command(b, &r);
}

struct str bus_reply_str(const struct redisReply *r)
{
    return (struct str){r->str, r->len};
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
