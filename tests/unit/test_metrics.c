/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/metrics.h"

struct numbers {
    uint64_t accepted, refused;
    int64_t level;
    struct histogram seconds;
};

static void assert_text(struct buf *b, const char *want)
{
    buf_addc(b, '\0');
    assert_false(b->failed);
    assert_string_equal(b->p, want);
    buf_release(b);
}

static void rows_of_one_name_share_help_and_type(void **state)
{
    (void)state;
    static const struct metric_desc rows[] = {
        {METRIC_COUNTER, "hands_total", "result=\"ok\"", "Hands.",
         offsetof(struct numbers, accepted)},
        {METRIC_COUNTER, "hands_total", "result=\"no\"", "Hands.",
         offsetof(struct numbers, refused)},
        {METRIC_GAUGE, "level", "", "A level.", offsetof(struct numbers, level)},
    };
    const struct numbers n = {.accepted = UINT64_MAX, .refused = 0, .level = -3};
    struct buf b = {0};
    metrics_render(&b, rows, ARRAY_LEN(rows), &n);
    assert_text(&b, "# HELP hands_total Hands.\n"
                    "# TYPE hands_total counter\n"
                    "hands_total{result=\"ok\"} 18446744073709551615\n"
                    "hands_total{result=\"no\"} 0\n"
                    "# HELP level A level.\n"
                    "# TYPE level gauge\n"
                    "level -3\n");
}

static void histogram_counts_into_the_bucket_whose_bound_is_not_below(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        size_t bucket;
    } rows[] = {
        {-1, 0},
        {0, 0},
        {50e-6, 0},
        {51e-6, 1},
        {1e-3, 4},
        {1.1e-3, 5},
        {10, HISTOGRAM_BUCKETS - 1},
        {10.1, HISTOGRAM_BUCKETS},
        {1e9, HISTOGRAM_BUCKETS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct histogram h = {0};
        histogram_observe(&h, rows[i].seconds);
        assert_int_equal(h.bucket[rows[i].bucket], 1);
        assert_int_equal(h.count, 1);
        assert_true(h.sum == rows[i].seconds);
    }
}

static void histogram_is_rendered_cumulative_with_le_behind_its_labels(void **state)
{
    (void)state;
    static const struct metric_desc rows[] = {
        {METRIC_HISTOGRAM, "t_seconds", "kind=\"a\"", "T.", offsetof(struct numbers, seconds)},
    };
    struct numbers n = {0};
    histogram_observe(&n.seconds, 0.00025);
    histogram_observe(&n.seconds, 0.5);
    histogram_observe(&n.seconds, 20);
    struct buf b = {0};
    metrics_render(&b, rows, 1, &n);
    assert_text(&b, "# HELP t_seconds T.\n"
                    "# TYPE t_seconds histogram\n"
                    "t_seconds_bucket{kind=\"a\",le=\"5e-05\"} 0\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.0001\"} 0\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.00025\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.0005\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.001\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.0025\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.005\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.01\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.02\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.1\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"0.25\"} 1\n"
                    "t_seconds_bucket{kind=\"a\",le=\"1\"} 2\n"
                    "t_seconds_bucket{kind=\"a\",le=\"2.5\"} 2\n"
                    "t_seconds_bucket{kind=\"a\",le=\"10\"} 2\n"
                    "t_seconds_bucket{kind=\"a\",le=\"+Inf\"} 3\n"
                    "t_seconds_sum{kind=\"a\"} 20.50025\n"
                    "t_seconds_count{kind=\"a\"} 3\n");
}

static void histogram_without_labels_has_bare_sum_and_count(void **state)
{
    (void)state;
    static const struct metric_desc rows[] = {
        {METRIC_HISTOGRAM, "t_seconds", "", "T.", offsetof(struct numbers, seconds)},
    };
    const struct numbers n = {0};
    struct buf b = {0};
    metrics_render(&b, rows, 1, &n);
    buf_addc(&b, '\0');
    assert_non_null(
        strstr(b.p, "\nt_seconds_bucket{le=\"+Inf\"} 0\nt_seconds_sum 0\nt_seconds_count 0\n"));
    buf_release(&b);
}

static void single_values_are_shortest_but_exact(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "1"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e18, "1e+18"},
        {1792000000.12, "1792000000.12"},
        {1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char want[128];
        (void)snprintf(want, sizeof(want), "# HELP x X.\n# TYPE x gauge\nx{a=\"b\"} %s\n",
                       rows[i].text);
        struct buf b = {0};
        metrics_render_one(&b, METRIC_GAUGE, "x", "a=\"b\"", "X.", rows[i].value);
        assert_text(&b, want);
    }
}

/* The value of a series without labels. */
static double value_of(const char *text, const char *name)
{
    char line_start[64];
    (void)snprintf(line_start, sizeof(line_start), "\n%s ", name);
    const char *at = strstr(text, line_start);
    assert_non_null(at);
    char *end;
    double value = strtod(at + strlen(line_start), &end);
    assert_int_equal(*end, '\n');
    return value;
}

static void process_metrics_are_plausible(void **state)
{
    (void)state;
    struct buf b = {0};
    metrics_render_process(&b, "gateway");
    buf_addc(&b, '\0');
    assert_false(b.failed);
    assert_non_null(strstr(b.p, "\nbroadcaster_build_info{version=\"" BROADCASTER_VERSION
                                "\",process=\"gateway\"} 1\n"));
    assert_true(value_of(b.p, "process_cpu_seconds_total") >= 0);
    assert_true(value_of(b.p, "process_resident_memory_bytes") > 100e3);
    double open_fds = value_of(b.p, "process_open_fds");
    assert_true(open_fds >= 3 && open_fds <= value_of(b.p, "process_max_fds"));
    double age = (double)time(NULL) - value_of(b.p, "process_start_time_seconds");
    assert_true(age > -5 && age < 600); /* btime is in whole seconds */
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_name_share_help_and_type),
        cmocka_unit_test(histogram_counts_into_the_bucket_whose_bound_is_not_below),
        cmocka_unit_test(histogram_is_rendered_cumulative_with_le_behind_its_labels),
        cmocka_unit_test(histogram_without_labels_has_bare_sum_and_count),
        cmocka_unit_test(single_values_are_shortest_but_exact),
        cmocka_unit_test(process_metrics_are_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
