/* SPDX-License-Identifier: MIT */
/* pub_metrics: the names that dashboards know. */
#include "publisher/pub_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void assert_has_line(const struct buf *text, const char *line)
{
    struct buf wanted = {0};
    buf_addf(&wanted, "\n%s\n", line);
    assert_non_null(memmem(text->p, text->n, wanted.p, wanted.n));
    buf_release(&wanted);
}

static void the_four_fixed_names_are_there(void **state)
{
    (void)state;
    const struct pub_metrics m = {.messages_received = 7};
    struct buf out = {0};
    pub_metrics_render(&m, &out);
    assert_has_line(&out, "connections_active 0");
    assert_has_line(&out, "subscriptions_total 0");
    assert_has_line(&out, "messages_sent_total 0");
    assert_has_line(&out, "messages_received_total 7");
    buf_release(&out);
}

static void statuses_are_counted_apart(void **state)
{
    (void)state;
    static const int statuses[] = {200, 400, 401, 403, 404, 405, 409, 413, 422, 503};
    struct pub_metrics m = {0};
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        for (size_t n = 0; n <= i; n++) {
            pub_metrics_count_status(&m, statuses[i]);
        }
    }
    pub_metrics_count_status(&m, 418);
    pub_metrics_render(&m, &out);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct buf line = {0};
        buf_addf(&line, "broadcaster_http_requests_total{status=\"%d\"} %zu", statuses[i], i + 1);
        buf_addc(&line, '\0');
        assert_has_line(&out, line.p);
        buf_release(&line);
    }
    assert_has_line(&out, "broadcaster_http_requests_total{status=\"other\"} 1");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_fixed_names_are_there),
        cmocka_unit_test(statuses_are_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
