/* SPDX-License-Identifier: MIT */
#pragma once
/* fake_bus: gateway/bus/bus.h over topics in memory. A test says what is published, what of it is heard,
 * when Redis looks at a question and when its answer arrives.
 */
#include "gateway/bus/bus.h"
#include "proto/event.h"

#define FAKE_EVENTS 4096
#define FAKE_NOTHING_A "aaaaaaaa00000000"
#define FAKE_NOTHING_B "bbbbbbbb00000000"
struct fake_topic {
    struct bus *bus; /* borrowed */
    char name[64];
    char epoch[EPOCH_LEN + 1];
    bool begins_with_nothing;         /* without events it has no epoch, but is at nothing yet */
    uint64_t base;                    /* offsets up to this one are no event's */
    uint64_t last;                    /* newest offset */
    uint64_t floor;                   /* offsets up to this one have left the log */
    struct str live[FAKE_EVENTS + 1]; /* owned; whole messages by offset, as they were published */
    struct str log[FAKE_EVENTS + 1];  /* owned; as they stand in the log (markers) */
    struct str state[2];              /* borrowed from live: private, public */
    uint64_t at_ms[FAKE_EVENTS + 1];  /* when they were published */
    size_t heard; /* live messages up to this offset reached the gateway or were lost */
};

struct bus *fake_bus_create(void);
void fake_bus_free(struct bus *b); /* questions that are open stay unanswered */
struct fake_topic *fake_topic(struct bus *b, const char *name); /* made when new, epoch A */
/* Puts the event into the topic's log; nobody hears it by this. */
void fake_publish(struct fake_topic *t, const struct event *e);
/* From now on topics without a position are at this "nothing yet" (FAKE_NOTHING_A at first). */
void fake_bus_set_nothing(struct bus *b, const char *epoch);
/* Another history begins, without events. */
void fake_new_epoch(struct fake_topic *t, const char *epoch);

/* What a bus tells its handler and its listeners. */
void fake_bus_up(struct bus *b);
void fake_bus_down(struct bus *b);
void fake_bus_reader_up(struct bus *b);
void fake_bus_subscribed(struct bus *b, struct str topic);
void fake_bus_message(struct bus *b, struct str topic, struct str bytes);
void fake_bus_channel(struct bus *b, enum bus_channel channel, struct str bytes);

void fake_bus_set_reader(struct bus *b, bool up);
void fake_bus_set_page(struct bus *b, uint32_t entries); /* at most so many entries a page */
void fake_bus_set_timeless(struct bus *b); /* does not say where a topic stood at a moment */
/* Commands so far: `+contest/a -contest/a `; empties. */
const char *fake_bus_commands(struct bus *b);
/* Answers the oldest of bus_command() with a hash of these fields (name, value, …, NULL), or NULL
 * for no answer at all. */
void fake_bus_answer_command(struct bus *b, const char *const *fields);
size_t fake_bus_n_commands(const struct bus *b); /* without an answer */
/* Answers the oldest of bus_command() with a number. */
void fake_bus_answer_number(struct bus *b, long long n);
/* The same with one entry of a stream, as XRANGE has it. */
void fake_bus_answer_entry(struct bus *b, const char *id, const char *text);
/* The last argument of the newest bus_command(); empty: there was none. */
struct str fake_bus_argument(const struct bus *b);
size_t fake_bus_n_reads(const struct bus *b);              /* questions without an answer */
const struct bus_read *fake_bus_read(const struct bus *b); /* the oldest of them */
void fake_bus_look(struct bus *b);   /* Redis looks now at the oldest not yet looked at */
void fake_bus_answer(struct bus *b); /* the oldest is answered (and looked at now, if not yet) */
void fake_bus_answer_all(struct bus *b);
void fake_bus_fail(struct bus *b); /* the oldest is answered NULL */
