/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "common/service/checks.h"

struct row {
    const char *role;
    int64_t port, events_port, metrics, publisher_metrics;
    const char *metrics_bind;
    bool events_port_set, good;
    const char *word; /* in what is said; NULL: nothing about ports */
};

static bool check(const struct row *row, struct buf *out)
{
    AUTO(settings) *s = settings_create();
    assert_non_null(s);
    free(s->broadcaster.bind);
    free(s->metrics.bind);
    s->broadcaster.bind = strdup("127.0.0.1");
    s->metrics.bind = strdup(row->metrics_bind);
    s->broadcaster.port = row->port;
    s->broadcaster.events_port = row->events_port;
    s->broadcaster.events_port_set = row->events_port_set;
    s->metrics.port = row->metrics;
    s->metrics.publisher_port = row->publisher_metrics;
    bool ok = checks_settings(s, row->role, out);
    buf_addc(out, '\0');
    return ok;
}

static void ports_that_collide_are_named(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"gateway", 1, 2, 3, 4, "", true, true, NULL},
        {"gateway", 1, 2, 2, 4, "", true, false,
         "\nMetrics.Port: is the port of "
         "Broadcaster.EventsPort, too: 2\n"},
        {"gateway", 1, 2, 2, 4, "127.0.0.1", true, false, "\nMetrics.Port: "},
        {"gateway", 1, 2, 2, 4, "127.0.0.2", true, true, NULL},
        {"gateway", 1, 2, 22291, 4, "", true, true, NULL},
        {"gateway", 1, 39613, 22291, 4, "", false, false, "22291"},
        {"gateway", 0, 0, 0, 0, "", true, true, NULL},
        {"gateway", 1, 2, 3, 3, "", true, true, "warning: Metrics.PublisherPort: "},
        {"publisher", 1, 2, 2, 4, "", true, true, "warning: "},
        {"publisher", 1, 2, 3, 1, "", true, false, "\nMetrics.PublisherPort: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};
        buf_addc(&out, '\n');
        bool ok = check(&rows[i], &out);
        if (ok != rows[i].good || (rows[i].word && !strstr(out.p, rows[i].word)) ||
            (!rows[i].word && strstr(out.p, "too"))) {
            fail_msg("row %zu: %s", i, out.p);
        }
        buf_release(&out);
    }
}

static void placeholder_of_a_sample_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"", true},
        {"https://judge.example", true},
        {"https://your-judge.invalid", false},
        {"https://your-judge.INVALID:8000/x", false},
        {"https://invalid", true},
        {"https://x.invalid.example", true},
        {"https://xinvalid", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(settings) *s = settings_create();
        assert_non_null(s);
        free(s->broadcaster.frontend_url);
        s->broadcaster.frontend_url = strdup(rows[i].url);
        struct buf out = {0};
        if (checks_settings(s, "gateway", &out) != rows[i].good) {
            fail_msg("%s", rows[i].url);
        }
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_that_collide_are_named),
        cmocka_unit_test(placeholder_of_a_sample_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
