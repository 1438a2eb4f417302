/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <yyjson.h>

#include "common/compiler.h"
#include "gateway/gw_metrics.h"

static const char *render(const struct gw_metrics *m, struct buf *out)
{
    gw_metrics_render(m, out);
    buf_addc(out, '\0');
    assert_false(out->failed);
    return out->p;
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void every_name_that_dashboards_ask_for_is_there_once(void **state UNUSED)
{
    static const char *const names[] = {
        "connections_active",
        "subscriptions_total",
        "messages_sent_total",
        "messages_received_total",
        "broadcaster_websockets_count",
        "broadcaster_sse_count",
        "broadcaster_messages_total",
        "broadcaster_channel_drop_total",
        "broadcaster_dispatch_latency_seconds",
        "broadcaster_process_latency_seconds",
        "build_info",
    };
    struct gw_metrics m = {0};
    struct buf out = {0};
    const char *text = render(&m, &out);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char type[128];
        (void)snprintf(type, sizeof(type), "\n# TYPE %s ", names[i]);
        if (count(text, type) != 1) {
            fail_msg("%s stands there %u times", names[i], count(text, type));
        }
    }
    buf_release(&out);
}

static void no_name_is_described_twice(void **state UNUSED)
{
    struct gw_metrics m = {0};
    struct buf out = {0};
    const char *text = render(&m, &out);
    for (const char *at = strstr(text, "# TYPE "); at; at = strstr(at + 1, "# TYPE ")) {
        char line[160];
        size_t n = strcspn(at, "\n");
        assert_true(n < sizeof(line) - 1);
        memcpy(line, at, n + 1);
        line[n + 1] = '\0';
        assert_int_equal(count(text, line), 1);
    }
    buf_release(&out);
}

static void older_names_show_the_numbers_of_ours(void **state UNUSED)
{
    struct gw_metrics m = {.conns_websocket = 3,
                           .conns_websocket_legacy = 4,
                           .conns_sse = 5,
                           .conns_sse_legacy = 6,
                           .events_received = 7,
                           .closed_slow = 8};
    histogram_observe(&m.publish_to_write, 0.5);
    histogram_observe(&m.publish_to_write, 0.25);
    struct buf out = {0};
    const char *text = render(&m, &out);
    assert_non_null(strstr(text, "\nbroadcaster_websockets_count 7\n"));
    assert_non_null(strstr(text, "\nbroadcaster_sse_count 11\n"));
    assert_non_null(strstr(text, "\nbroadcaster_messages_total 7\n"));
    assert_non_null(strstr(text, "\nbroadcaster_channel_drop_total 8\n"));
    assert_non_null(strstr(text, "\nbroadcaster_dispatch_latency_seconds_sum 0.75\n"));
    assert_non_null(strstr(text, "\nbroadcaster_dispatch_latency_seconds_count 2\n"));
    buf_release(&out);
}

static void labels_tell_rows_of_one_name_apart(void **state UNUSED)
{
    struct gw_metrics m = {.conns_sse_legacy = 9, .resumed = 2, .not_resumed = 1};
    struct buf out = {0};
    const char *text = render(&m, &out);
    assert_non_null(strstr(text, "broadcaster_connections{transport=\"sse\",kind=\"legacy\"} 9\n"));
    assert_non_null(strstr(text, "broadcaster_resumes_total{result=\"recovered\"} 2\n"));
    assert_non_null(strstr(text, "broadcaster_resumes_total{result=\"not_recovered\"} 1\n"));
    buf_release(&out);
}

static void json_holds_every_number_under_its_fields_name(void **state UNUSED)
{
    struct gw_metrics m = {.connections_active = 3, .queue_bytes = -1, .messages_sent = UINT64_MAX};
    struct buf out = {0};
    histogram_observe(&m.loop_lag, 0.25);
    gw_metrics_render_json(&m, 0xabc, 1704067200123, &out);
    yyjson_doc *doc = yyjson_read(out.p, out.n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "time")) == 1704067200.123);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "version")), BROADCASTER_VERSION);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "instance")), "0000000000000abc");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "connections_active")), 3);
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "queue_bytes")), -1);
    assert_true(yyjson_get_uint(yyjson_obj_get(root, "messages_sent")) == UINT64_MAX);
    yyjson_val *lag = yyjson_obj_get(root, "loop_lag");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(lag, "count")), 1);
    assert_true(yyjson_get_real(yyjson_obj_get(lag, "sum")) == 0.25);
#define X_ONE(kind, field, name, labels, help) +1
    assert_int_equal(yyjson_obj_size(root), 3 GW_METRICS(X_ONE));
    yyjson_doc_free(doc);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_that_dashboards_ask_for_is_there_once),
        cmocka_unit_test(no_name_is_described_twice),
        cmocka_unit_test(older_names_show_the_numbers_of_ours),
        cmocka_unit_test(labels_tell_rows_of_one_name_apart),
        cmocka_unit_test(json_holds_every_number_under_its_fields_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
