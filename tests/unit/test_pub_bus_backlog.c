/* SPDX-License-Identifier: MIT */
/* bus_backlog: who is told what, and which events outlive their requests. No time passes here. */
#include "publisher/bus_backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "publisher/pub_metrics.h"

struct fixture {
    struct loop *loop;
    struct pub_metrics metrics;
    struct bus_backlog backlog;
    int told[BUS_UNKNOWN + 1];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    *state = f;
    f->loop = loop_create();
    assert_non_null(f->loop);
    assert_true(bus_backlog_init(&f->backlog, f->loop, &f->metrics));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bus_backlog_release(&f->backlog);
    f->loop = loop_free(f->loop);
    int left = (int)(f->metrics.in_flight + f->metrics.in_flight_bytes + f->metrics.kept +
                     f->metrics.kept_bytes);
    free(f);
    return left; /* whatever happened: nothing is counted any more */
}

static void on_done(enum bus_outcome outcome, struct str kept, void *arg)
{
    (void)kept;
    struct fixture *f = arg;
    f->told[outcome]++;
}

static struct bus_write *make(struct fixture *f, const char *key, bool keep, size_t bytes)
{
    struct topic_name all;
    topic_name_make_all(&all);
    struct buf envelope = {0};
    assert_true(buf_reserve(&envelope, bytes));
    buf_addc(&envelope, 'e');
    const struct bus_event event = {
        .envelope = &envelope,
        .topics = &all,
        .n_topics = 1,
        .idem = str_of(key),
        .digest = STR("d"),
        .result = STR("r"),
        .keep = keep,
    };
    struct bus_write *e = bus_write_create(&event, STR("P"));
    assert_non_null(e);
    assert_null(envelope.p); /* taken over */
    bus_backlog_add(&f->backlog, e);
    return e;
}

static struct bus_write *make_awaited(struct fixture *f, const char *key, bool keep)
{
    struct bus_write *e = make(f, key, keep, 100);
    bus_backlog_expect(&f->backlog, e, on_done, f, 1000);
    return e;
}

static struct bus_write *oldest_kept(const struct fixture *f)
{
    return bus_backlog_first(&f->backlog, BUS_WRITE_KEPT);
}

static void an_unwritten_event_of_the_grader_is_kept(void **state)
{
    struct fixture *f = *state;
    struct bus_write *e = make_awaited(f, "", true);
    assert_int_equal(f->metrics.in_flight, 1);
    bus_backlog_not_written(&f->backlog, e);
    assert_int_equal(f->told[BUS_UNAVAILABLE], 1);
    assert_int_equal(f->metrics.in_flight, 0);
    assert_int_equal(f->metrics.kept, 1);
    assert_ptr_equal(oldest_kept(f), e);
}

static void others_are_not_kept(void **state)
{
    struct fixture *f = *state;
    bus_backlog_not_written(&f->backlog, make_awaited(f, "", false));
    bus_backlog_not_written(&f->backlog, make_awaited(f, "key", true));
    assert_int_equal(f->told[BUS_UNAVAILABLE], 2);
    assert_int_equal(f->metrics.kept, 0);
    assert_int_equal(f->metrics.in_flight, 0);
}

static void the_word_is_given_once(void **state)
{
    struct fixture *f = *state;
    struct bus_write *e = make_awaited(f, "", true);
    bus_backlog_move(&f->backlog, e, BUS_WRITE_SENT);
    bus_backlog_tell(&f->backlog, e, BUS_UNKNOWN, STR_NONE); /* its deadline */
    bus_backlog_tell(&f->backlog, e, BUS_WRITTEN, STR_NONE); /* then its reply */
    assert_int_equal(f->told[BUS_UNKNOWN], 1);
    assert_int_equal(f->told[BUS_WRITTEN], 0);
    assert_int_equal(f->metrics.unknown, 1);
    assert_int_equal(f->metrics.in_flight, 1); /* until the reply has freed it */
    bus_backlog_drop(&f->backlog, e);
    assert_int_equal(f->metrics.in_flight, 0);
}

static void a_kept_event_refused_again_keeps_its_place(void **state)
{
    struct fixture *f = *state;
    struct bus_write *e[3];
    for (size_t i = 0; i < 3; i++) {
        e[i] = make(f, "", true, 100);
        bus_backlog_not_written(&f->backlog, e[i]);
    }
    bus_backlog_move(&f->backlog, e[0], BUS_WRITE_SENT);
    bus_backlog_move(&f->backlog, e[1], BUS_WRITE_SENT);
    assert_int_equal(f->metrics.kept, 3); /* sent or not: nobody else has them */
    assert_int_equal(f->metrics.in_flight, 0);
    bus_backlog_not_written(&f->backlog, e[1]);
    bus_backlog_not_written(&f->backlog, e[0]);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(oldest_kept(f), e[i]);
        bus_backlog_drop(&f->backlog, e[i]);
    }
}

static void too_many_kept_events_cost_the_oldest(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 1024; i++) {
        bus_backlog_not_written(&f->backlog, make(f, "", true, 100));
    }
    struct bus_write *oldest = oldest_kept(f);
    assert_int_equal(f->metrics.kept_dropped, 0);
    bus_backlog_not_written(&f->backlog, make(f, "", true, 100));
    assert_int_equal(f->metrics.kept, 1024);
    assert_int_equal(f->metrics.kept_dropped, 1);
    assert_ptr_not_equal(oldest_kept(f), oldest);
}

static void too_large_kept_events_cost_the_oldest(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 5; i++) {
        bus_backlog_not_written(&f->backlog, make(f, "", true, (size_t)15 << 20));
    }
    assert_true(f->metrics.kept_dropped > 0);
    assert_true(f->metrics.kept_bytes <= 64 << 20);
    assert_true(f->metrics.kept > 0);
}

static void the_bound_is_on_events_in_flight(void **state)
{
    struct fixture *f = *state;
    bus_backlog_not_written(&f->backlog, make(f, "", true, 100)); /* does not count */
    for (size_t i = 0; i < LIMIT_PUBLISHER_IN_FLIGHT; i++) {
        assert_false(bus_backlog_is_full(&f->backlog));
        (void)make(f, "", false, 100);
    }
    assert_true(bus_backlog_is_full(&f->backlog));
}

static void the_bound_is_on_bytes_too(void **state)
{
    struct fixture *f = *state;
    (void)make(f, "", false, LIMIT_PUBLISHER_IN_FLIGHT_BYTES);
    assert_true(bus_backlog_is_full(&f->backlog));
}

static void a_release_tells_everybody(void **state)
{
    struct fixture *f = *state;
    (void)make_awaited(f, "", true);
    bus_backlog_move(&f->backlog, make_awaited(f, "key", false), BUS_WRITE_AGAIN);
    bus_backlog_release(&f->backlog);
    assert_int_equal(f->told[BUS_UNAVAILABLE], 2);
    assert_int_equal(f->metrics.kept, 0);
}

static struct str argument(const struct bus_write *e, enum bus_write_argument a)
{
    return e->argv[e->n_keys + a];
}

static void assert_text(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.n > 0 ? got.p : "", want, got.n);
}

static void arguments_are_those_of_the_script(void **state)
{
    struct fixture *f = *state;
    struct topic_name topics[2];
    topic_name_make_all(&topics[0]);
    assert_true(topic_name_make(TOPIC_CONTEST, STR("a"), &topics[1]));
    struct buf envelope = {0};
    struct buf marker = {0};
    buf_add(&envelope, STR("E"));
    buf_add(&marker, STR("M"));
    const struct bus_event event = {
        .envelope = &envelope,
        .marker = &marker,
        .state = STR("public"),
        .topics = topics,
        .n_topics = 2,
        .refresh_contest = STR("a"),
        .idem = STR("0f"),
        .digest = STR("dd"),
        .result = STR("{}"),
    };
    struct bus_write *e = bus_write_create(&event, STR("P:Q"));
    assert_non_null(e);
    const struct str history[3] = {STR("1000"), STR("600000"), STR("8388608")};
    bus_write_prepare(e, history);
    char first_epoch[EPOCH_LEN + 1];
    memcpy(first_epoch, e->epoch, sizeof(first_epoch));
    bus_write_prepare(e, history);
    assert_string_not_equal(e->epoch, first_epoch);

    static const char *const keys[] = {"P:Q:all:pos",
                                       "P:Q:all:log",
                                       "P:Q:all:state:public",
                                       "P:Q:all:state:private",
                                       "P:Q:contest/a:pos",
                                       "P:Q:contest/a:log",
                                       "P:Q:contest/a:state:public",
                                       "P:Q:contest/a:state:private",
                                       "P:Q:idem:0f",
                                       "P:Q:refresh:due",
                                       "P:Q:refresh:a"};
    assert_int_equal(e->n_keys, ARRAY_LEN(keys));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_text(e->argv[i], keys[i]);
    }
    assert_int_equal(e->n_topics, 2);
    assert_text(e->topics[0], "P:Q:all");
    assert_text(e->topics[1], "P:Q:contest/a");
    assert_text(argument(e, ARG_EPOCH), e->epoch);
    assert_text(argument(e, ARG_ENVELOPE), "E");
    assert_text(argument(e, ARG_MARKER), "M");
    assert_text(argument(e, ARG_STATE), "public");
    assert_text(argument(e, ARG_MAX_EVENTS), "1000");
    assert_text(argument(e, ARG_MAX_MS), "600000");
    assert_text(argument(e, ARG_MAX_BYTES), "8388608");
    assert_text(argument(e, ARG_IDEM), "1");
    assert_text(argument(e, ARG_DIGEST), "dd");
    assert_text(argument(e, ARG_RESULT), "{}");
    assert_text(argument(e, ARG_IDEM_MS), "300000");
    assert_text(argument(e, ARG_REFRESH_CONTEST), "a");
    assert_text(argument(e, ARG_TOPICS), "2");
    assert_text(argument(e, ARG_FIRST_IS_ALL), "1");
    bus_backlog_add(&f->backlog, e); /* which frees it */
}

static void arguments_without_a_key_are_empty(void **state)
{
    struct fixture *f = *state;
    const struct bus_write *e = make(f, "", false, 10);
    assert_false(e->keyed);
    assert_text(argument(e, ARG_IDEM), "");
    assert_text(argument(e, ARG_DIGEST), "");
    assert_text(argument(e, ARG_RESULT), "");
    assert_text(argument(e, ARG_MARKER), "");
    assert_text(argument(e, ARG_STATE), "");
    assert_text(argument(e, ARG_REFRESH_CONTEST), "");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(an_unwritten_event_of_the_grader_is_kept),
        WITH_FIXTURE(others_are_not_kept),
        WITH_FIXTURE(the_word_is_given_once),
        WITH_FIXTURE(a_kept_event_refused_again_keeps_its_place),
        WITH_FIXTURE(too_many_kept_events_cost_the_oldest),
        WITH_FIXTURE(too_large_kept_events_cost_the_oldest),
        WITH_FIXTURE(the_bound_is_on_events_in_flight),
        WITH_FIXTURE(the_bound_is_on_bytes_too),
        WITH_FIXTURE(a_release_tells_everybody),
        WITH_FIXTURE(arguments_are_those_of_the_script),
        WITH_FIXTURE(arguments_without_a_key_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
