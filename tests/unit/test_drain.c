/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdlib.h>

#include "common/config/settings.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/hub.h"
#include "gateway/session/drain.h"
#include "gateway/session/session.h"
#include "tests/support/fake_loop.h"

#define SESSIONS 1000

/* session.h, as far as drain.c knows it. */
struct session {
    struct list node;
    bool is_legacy, is_closing, never_ends;
    unsigned after_ms, deadline_ms, asked;
    unsigned code;
    uint64_t closed_ms;
};
struct fixture {
    struct gw gw;
    struct settings settings;
    struct gw_metrics metrics;
    struct drain *drain;
    struct session s[SESSIONS];
    size_t n;
    uint64_t started_ms;
    unsigned done, positions;
};

struct session *session_of_node(struct list *all_node)
{
    return LIST_ENTRY(all_node, struct session, node);
}

bool session_is_closing(const struct session *s)
{
    return s->is_closing;
}

bool session_takes_reconnect(const struct session *s)
{
    return !s->is_legacy;
}

void session_ask_to_reconnect(struct session *s, unsigned after_ms, unsigned deadline_ms)
{
    s->asked++;
    s->after_ms = after_ms;
    s->deadline_ms = deadline_ms;
}

void session_close(struct session *s, enum close_code code, const char *reason)
{
    assert_non_null(reason);
    assert_false(s->is_closing);
    s->is_closing = true;
    s->code = code;
    s->closed_ms = clock_mono_ms();
}

void hub_send_positions(struct hub *h)
{
    ++*(unsigned *)(void *)h;
}

static void on_done(void *arg)
{
    struct fixture *f = arg;
    f->done++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->gw.loop = loop_create();
    f->gw.settings = &f->settings;
    f->gw.metrics = &f->metrics;
    f->gw.hub = (struct hub *)(void *)&f->positions;
    list_init(&f->gw.sessions);
    f->settings.broadcaster.drain_ms = 20000;
    f->drain = drain_create(&f->gw, on_done, f);
    *state = f;
    return f->drain ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    drain_free(f->drain);
    loop_free(f->gw.loop);
    free(f);
    return 0;
}

static void connect(struct fixture *f, size_t n, bool is_legacy)
{
    while (n-- > 0) {
        struct session *s = &f->s[f->n++];
        s->is_legacy = is_legacy;
        list_push_back(&f->gw.sessions, &s->node);
    }
}

/* Who is closing goes, except who never does; as the peers answer. */
static void let_go(struct fixture *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->s[i].is_closing && !f->s[i].never_ends) {
            list_del(&f->s[i].node);
        }
    }
}

static void start(struct fixture *f)
{
    f->started_ms = clock_mono_ms();
    drain_start(f->drain);
}

static void pass(struct fixture *f, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 50) {
        fake_loop_pass_ms(f->gw.loop, 50);
        let_go(f);
    }
}

static size_t count_closed(const struct fixture *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        n += f->s[i].is_closing;
    }
    return n;
}

static void gateway_without_sessions_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_true(f->gw.is_draining);
    assert_int_equal(f->done, 0); /* from the loop */
    pass(f, 100);
    assert_int_equal(f->done, 1);
    pass(f, 60000);
    assert_int_equal(f->done, 1);
}

static void documented_sessions_are_asked_once_each_at_its_own_time(void **state)
{
    struct fixture *f = *state;
    connect(f, 200, false);
    f->s[7].is_closing = true;
    start(f);
    assert_int_equal(f->positions, 1);
    unsigned early = 0;
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(f->s[i].asked, i == 7 ? 0 : 1);
        assert_true(f->s[i].after_ms <= 15000); /* room for a replay before the deadline */
        early += f->s[i].after_ms < 7500;
    }
    assert_int_equal(f->s[0].deadline_ms, 20000);
    assert_in_range(early, 60, 140);
    pass(f, 19000);
    assert_int_equal(count_closed(f), 1);
}

static void documented_sessions_that_stay_are_closed_1012_in_lots(void **state)
{
    struct fixture *f = *state;
    connect(f, SESSIONS, false);
    start(f);
    pass(f, 20050);
    assert_in_range(count_closed(f), 1, SESSIONS / 8);
    pass(f, 2000);
    assert_int_equal(count_closed(f), SESSIONS);
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(f->s[i].code, 1012);
    }
    assert_int_equal(f->metrics.closed_leaving, SESSIONS);
    assert_int_equal(f->done, 1);
}

static void legacy_sessions_are_closed_evenly_over_the_whole_time(void **state)
{
    struct fixture *f = *state;
    connect(f, 400, true);
    connect(f, 10, false);
    start(f);
    for (uint64_t quarter = 1; quarter <= 3; quarter++) {
        pass(f, 5000);
        assert_in_range(count_closed(f), quarter * 100 - 5, quarter * 100 + 5);
    }
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(f->s[i].asked, i >= 400); /* legacy clients know no such message */
    }
    pass(f, 6000);
    assert_int_equal(count_closed(f), 410);
    assert_int_equal(f->done, 1);
}

static void legacy_sessions_that_leave_by_themselves_are_not_replaced_by_others(void **state)
{
    struct fixture *f = *state;
    connect(f, 400, true);
    start(f);
    for (size_t i = 0; i < 200; i++) {
        list_del(&f->s[i].node);
    }
    pass(f, 10000); /* half the time: half are gone already */
    assert_in_range(count_closed(f), 0, 5);
    pass(f, 5000);
    assert_in_range(count_closed(f), 95, 105);
}

static void second_start_closes_everybody_now(void **state)
{
    struct fixture *f = *state;
    connect(f, 300, true);
    connect(f, 300, false);
    start(f);
    pass(f, 1000);
    drain_start(f->drain);
    pass(f, 100);
    assert_int_equal(count_closed(f), 600);
    pass(f, 100);
    assert_int_equal(f->done, 1);
    assert_int_equal(f->s[599].asked, 1);
}

static void drain_of_no_seconds_closes_everybody_unasked(void **state)
{
    struct fixture *f = *state;
    f->settings.broadcaster.drain_ms = 0;
    connect(f, 300, true);
    connect(f, 300, false);
    start(f);
    pass(f, 100);
    assert_int_equal(count_closed(f), 600);
    assert_int_equal(f->s[599].asked, 0);
    assert_int_equal(f->positions, 0);
}

static void peer_that_never_answers_holds_the_end_up_for_three_seconds(void **state)
{
    struct fixture *f = *state;
    f->settings.broadcaster.drain_ms = 0;
    connect(f, 1, false);
    f->s[0].never_ends = true;
    start(f);
    pass(f, 3000);
    assert_int_equal(f->done, 0);
    pass(f, 300);
    assert_int_equal(f->done, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gateway_without_sessions_is_done_at_once),
        TEST(documented_sessions_are_asked_once_each_at_its_own_time),
        TEST(documented_sessions_that_stay_are_closed_1012_in_lots),
        TEST(legacy_sessions_are_closed_evenly_over_the_whole_time),
        TEST(legacy_sessions_that_leave_by_themselves_are_not_replaced_by_others),
        TEST(second_start_closes_everybody_now),
        TEST(drain_of_no_seconds_closes_everybody_unasked),
        TEST(peer_that_never_answers_holds_the_end_up_for_three_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
