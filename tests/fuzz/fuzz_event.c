/* SPDX-License-Identifier: MIT */
/* Messages from Redis: what is taken can be written again and read again. */
#include "proto/event.h"
#include "tests/fuzz/fuzz.h"

static struct event sample(void)
{
    struct event e = {
        .id = STR("AAAAAAAAAAAAAAAAAAAA-_"),
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
        .text = STR("{\"message\":\"/run/update/\",\"run\":{\"score\":0.045}}"),
        .n_data = 2,
    };
    e.data[0] = (struct str){e.text.p + 32, 14};
    e.data[1] = STR(",\"contest_alias\":\"annual-2024\"}");
    return e;
}

bool fuzz_seed(size_t i, struct buf *out)
{
    static const struct position place = {"0123456789abcdef", 513};
    struct event e = sample();
    e.is_marker = i == 1;
    e.problemset = i == 2 ? INT64_MAX : e.problemset;
    if (i < 3) {
        published_header(&place, out);
        event_encode(&e, out);
    }
    return i < 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = {(const char *)data, n};
    struct published p;
    struct position position;
    enum event_result place = published_position(bytes, &position);
    if (published_decode(bytes, &p) != EVENT_OK) {
        return 0;
    }
    MUST(place == EVENT_OK && position.offset == p.position.offset);
    MUST(lies_in(p.event.text, bytes) && lies_in(p.event.contest, bytes));
    MUST(lies_in(p.event.user, bytes) && lies_in(p.event.problem, bytes));
    MUST(p.event.n_data <= EVENT_DATA_PARTS);
    for (size_t i = 0; i < p.event.n_data; i++) {
        MUST(lies_in(p.event.data[i], bytes));
    }
    struct buf again = {0};
    struct published back;
    published_header(&p.position, &again);
    event_encode(&p.event, &again);
    MUST(!again.failed && published_decode(buf_str(&again), &back) == EVENT_OK);
    MUST(str_eq(back.event.text, p.event.text) && str_eq(back.event.user, p.event.user));
    MUST(event_data_bytes(&back.event) == event_data_bytes(&p.event));
    buf_release(&again);
    return 0;
}
