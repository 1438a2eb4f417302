/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/buf.h"
#include "common/service/parts.h"

static char did[64];
static bool second_fails;

static void note(const char *what)
{
    (void)strncat(did, what, sizeof(did) - strlen(did) - 1);
}

static bool prepare_first(const struct service_plan *plan, void **out_prepared, struct buf *out)
{
    (void)plan;
    (void)out;
    note("p1 ");
    *out_prepared = (void *)"one";
    return true;
}

static bool prepare_second(const struct service_plan *plan, void **out_prepared, struct buf *out)
{
    (void)plan;
    note("p2 ");
    *out_prepared = (void *)"two";
    if (second_fails) {
        buf_add(out, STR("Some.Setting: is wrong\n"));
    }
    return !second_fails;
}

static void commit_first(void *app, const struct settings *next, void *prepared)
{
    (void)next;
    assert_string_equal(prepared, "one");
    assert_string_equal(app, "app");
    note("c1 ");
}

static void commit_second(void *app, const struct settings *next, void *prepared)
{
    (void)app;
    (void)next;
    assert_string_equal(prepared, "two");
    note("c2 ");
}

static void commit_third(void *app, const struct settings *next, void *prepared)
{
    (void)app;
    (void)next;
    assert_null(prepared);
    note("c3 ");
}

static void discard(void *prepared)
{
    assert_string_equal(prepared, "one");
    note("d1 ");
}

static void discard_second(void *prepared)
{
    (void)prepared;
    note("d2 ");
}

static const struct service_part parts[] = {
    {"first", prepare_first, commit_first, discard},
    {"second", prepare_second, commit_second, discard_second},
    {"third", NULL, commit_third, NULL},
};

static void all_prepare_before_any_commits(void **state)
{
    (void)state;
    struct parts_attempt attempt = {0};
    struct buf problems = {0};
    const struct service_plan plan = {0};
    did[0] = '\0';
    second_fails = false;
    assert_true(parts_prepare(parts, ARRAY_LEN(parts), &plan, &attempt, &problems));
    parts_commit(parts, &attempt, (void *)"app", NULL);
    assert_string_equal(did, "p1 p2 c1 c2 c3 ");
    parts_discard(parts, &attempt); /* nothing is left to discard */
    assert_string_equal(did, "p1 p2 c1 c2 c3 ");
    assert_int_equal(problems.n, 0);
}

static void one_that_fails_has_the_others_discarded(void **state)
{
    (void)state;
    struct parts_attempt attempt = {0};
    struct buf problems = {0};
    const struct service_plan plan = {0};
    did[0] = '\0';
    second_fails = true;
    assert_false(parts_prepare(parts, ARRAY_LEN(parts), &plan, &attempt, &problems));
    parts_discard(parts, &attempt);
    assert_string_equal(did, "p1 p2 d1 ");
    assert_true(str_eq(buf_str(&problems), STR("Some.Setting: is wrong\n")));
    buf_release(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_prepare_before_any_commits),
        cmocka_unit_test(one_that_fails_has_the_others_discarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
