/* SPDX-License-Identifier: MIT */
#pragma once
/* An event with everything in it, and its message, for tests. cmocka.h must stand before.
 */
#include "common/buf.h"
#include "proto/event.h"

#define SAMPLE_EPOCH "0123456789abcdef"
#define SAMPLE_ID "AAAAAAAAAAAAAAAAAAAA-_"
#define SAMPLE_TEXT "{\"message\":\"/run/update/\",\"run\":{\"score\":0.045}}"

static inline struct event sample_event(void)
{
    struct event e = {
        .id = STR(SAMPLE_ID),
        .type_name = STR("run_update"),
        .type = EVENT_RUN_UPDATE,
        .timestamp_s = 1704067200,
        .accepted_ms = 1704067200123,
        .contest = STR("annual-2024"),
        .problem = STR("sums"),
        .user = STR("teams:omi:rojos"),
        .problemset = 17,
        .is_public = true,
        .topics = 0x1f,
        .text = STR(SAMPLE_TEXT),
        .n_data = 2,
    };
    e.data[0] = (struct str){e.text.p + 32, 14}; /* {"score":0.045 without its brace */
    e.data[1] = STR(",\"contest_alias\":\"annual-2024\"}");
    return e;
}

static inline struct buf sample_message(const struct position *p, const struct event *e)
{
    struct buf b = {0};
    published_header(p, &b);
    event_encode(e, &b);
    assert_false(b.failed);
    return b;
}

static const struct position sample_place = {SAMPLE_EPOCH, 513};
