/* SPDX-License-Identifier: MIT */
#include "gateway/transport/sse_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_reader.h"
#include "gateway/session/sse_channels.h"
#include "proto/channel.h"

#define E1 "0123456789abcdef"

static bool read(const char *query, const char *last_event_id, struct sse_request *out)
{
    const struct http_head r = {.query = str_of(query), .last_event_id = str_of(last_event_id)};
    return sse_request_read(&r, out);
}

static void requests_of_both_protocols_are_read(void **state)
{
    static const struct {
        const char *query;
        const char *filters;  /* or */
        const char *channels; /* each followed by a blank */
    } rows[] = {
        {"filter=/user/ana", "/user/ana", ""},
        {"filter=/user/ana&filter=%2Fcontest%2Fa", "/user/ana,/contest/a", ""},
        {"filter=/user/ana,/problemset/1/T&x=y", "/user/ana,/problemset/1/T", ""},
        {"filter=/all-events&lastEventId=1", "/all-events", ""},
        {"channel=/contest/a", "", "/contest/a "},
        {"channel=%2Fcontest%2Fa%2Fadmin&channel=/user/a%2Bb", "", "/contest/a/admin /user/a+b "},
        {"xchannel=1&channel=/user/a+b&channels=2", "", "/user/a+b "},
        {"channel=/user/a&channel=/user/a&channel=/user/b", "", "/user/a /user/a /user/b "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sse_request q;
        struct buf channels = {0};
        if (!read(rows[i].query, NULL, &q)) {
            fail_msg("%s: %s", rows[i].query, q.why);
        }
        assert_true(str_eq(buf_str(&q.filters), str_of(rows[i].filters)));
        for (size_t k = 0; q.channels && k < q.channels->n; k++) {
            buf_add(&channels, q.channels->v[k].name);
            buf_addc(&channels, ' ');
        }
        if (!str_eq(buf_str(&channels), str_of(rows[i].channels))) {
            fail_msg("%s: %.*s", rows[i].query, STR_ARG(buf_str(&channels)));
        }
        buf_release(&channels);
        sse_request_release(&q);
    }
}

static void what_cannot_be_served_is_400_and_says_why(void **state)
{
    static const struct {
        const char *query, *why;
    } rows[] = {
        {"", "need a channel"},
        {"x=y", "need a channel"},
        {"lastEventId=" E1 ":1", "need a channel"},
        {"filter=/user/a&channel=/user/a", "not of both"},
        {"channel=/user/a&filter=", "not of both"},
        {"filter=", "no filter"},
        {"filter=/nothing", "no filter"},
        {"filter=/user/ana,", "no filter"},
        {"filter=%2", "escape"},
        {"channel=%zz", "escape"},
        {"channel=/user/a&lastEventId=%", "escape"},
        {"channel", "channel name"},
        {"channel=", "channel name"},
        {"channel=/user/a&channel=", "channel name"},
        {"channel=&channel=/user/a", "channel name"},
        {"channel=nonsense", "channel name"},
        {"channel=/all-events", "channel name"},
        {"channel=/user/a,/user/b", "channel name"},
        {"channel=/user/a%2C/user/b", "channel name"},
        {"channel=/user/a,", "channel name"},
        {"channel=/user/a%00", "channel name"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sse_request q;
        assert_false(read(rows[i].query, NULL, &q));
        if (q.status != 400 || !strstr(q.why, rows[i].why)) {
            fail_msg("%s: %d %s", rows[i].query, q.status, q.why);
        }
        assert_null(q.channels);
        sse_request_release(&q);
    }
}

static void as_many_filters_as_a_websocket_may_have(void **state)
{
    struct buf query = {0};
    struct sse_request q;
    (void)state;
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        buf_addf(&query, "filter=/user/u%zu&", i);
    }
    buf_addc(&query, '\0');
    assert_true(read(query.p, NULL, &q));
    sse_request_release(&q);
    query.n--;
    buf_add(&query, STR("filter=/user/more"));
    buf_addc(&query, '\0');
    assert_false(read(query.p, NULL, &q));
    assert_int_equal(400, q.status);
    sse_request_release(&q);
    buf_release(&query);
}

static void header_counts_before_parameter(void **state)
{
    static const struct {
        const char *parameter, *header;
        bool is_asked;
        uint64_t offset; /* 0: not readable */
    } rows[] = {
        {"", NULL, false, 0},
        {"&lastEventId=", NULL, false, 0},
        {"&lastEventId=", "", false, 0},
        {"&lastEventId=" E1 "%3A7", NULL, true, 7},
        {"&lastEventId=" E1 ":7", "", true, 7},
        {"&lastEventId=" E1 ":7", E1 ":8", true, 8},
        {"&lastEventId=" E1 ":7", "nonsense", true, 0},
        {"", E1 ":8", true, 8},
        {"", E1 "%3A8", true, 0},
        {"&lastEventId=" E1 ":7&lastEventId=" E1 ":7", NULL, true, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char query[128] = "channel=/user/a";
        struct sse_request q;
        memcpy(query + strlen(query), rows[i].parameter, strlen(rows[i].parameter) + 1);
        assert_true(read(query, rows[i].header, &q));
        const struct sse_channel *c = &q.channels->v[0];
        if (c->is_asked != rows[i].is_asked || c->is_known != (rows[i].offset > 0) ||
            (c->is_known && c->position.offset != rows[i].offset)) {
            fail_msg("row %zu", i);
        }
        sse_request_release(&q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_both_protocols_are_read),
        cmocka_unit_test(what_cannot_be_served_is_400_and_says_why),
        cmocka_unit_test(as_many_filters_as_a_websocket_may_have),
        cmocka_unit_test(header_counts_before_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
