/* SPDX-License-Identifier: MIT */
#pragma once
/* fake_event: events of a contest for tests, each recognisable by its offset.
 */
#include <stdint.h>

#include "common/buf.h"
#include "proto/event.h"

#define FAKE_EPOCH_A "aaaaaaaaaaaaaaaa"
#define FAKE_EPOCH_B "bbbbbbbbbbbbbbbb"
#define FAKE_ID "AAAAAAAAAAAAAAAAAAAA-_"

static inline struct event fake_run(const char *user, bool is_public)
{
    struct event e = {
        .id = STR(FAKE_ID),
        .type_name = STR("run_update"),
        .type = EVENT_RUN_UPDATE,
        .timestamp_s = 1704067200,
        .accepted_ms = 1704067200123,
        .contest = STR("a"),
        .user = str_of(user),
        .is_public = is_public,
        .topics = 1u << TOPIC_CONTEST,
        .text = STR("{\"message\":\"/run/update/\"}"),
        .n_data = 1,
    };
    e.data[0] = STR("{}");
    return e;
}

static inline struct event fake_scoreboard(bool is_public)
{
    struct event e = fake_run("", is_public);
    e.type_name = STR("scoreboard_update");
    e.type = EVENT_SCOREBOARD_UPDATE;
    e.text = STR("{\"message\":\"/scoreboard/update/\"}");
    return e;
}

/* The published message of an event; the buf is the caller's. */
static inline struct buf fake_message(const char *epoch, uint64_t offset, const struct event *e)
{
    struct position p = {.offset = offset};
    struct buf b = {0};
    memcpy(p.epoch, epoch, EPOCH_LEN);
    published_header(&p, &b);
    event_encode(e, &b);
    return b;
}
