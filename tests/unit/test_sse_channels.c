/* SPDX-License-Identifier: MIT */
#include "gateway/session/sse_channels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define E1 "0123456789abcdef"
#define E2 "fedcba9876543210"

static struct position at(const char *text)
{
    struct position p;
    assert_true(position_parse(str_of(text), &p));
    return p;
}

static void expect_id(const struct sse_channels *c, const char *expected)
{
    char id[1024];
    assert_true(sse_channels_end_max(c) <= sizeof(id));
    size_t n = sse_channels_write_id(c, id);
    assert_true(n < sse_channels_end_max(c));
    if (!str_eq((struct str){id, n}, str_of(expected))) {
        fail_msg("the id is %.*s, not %s", (int)n, id, expected);
    }
}

static void last_event_id_is_one_position_for_each_channel(void **state)
{
    static const struct {
        const char *list;
        size_t n;
        const char *last_event_id;
        const char *known; /* one letter per channel: - not asked, x unreadable, k known */
    } rows[] = {
        {"/user/a", 1, "", "-"},
        {"/user/a,/user/b", 2, "", "--"},
        {"/user/a", 1, E1 ":7", "k"},
        {"/user/a", 1, "nonsense", "x"},
        {"/user/a,/user/b", 2, E1 ":7," E2 ":0", "kk"},
        {"/user/a,/user/b", 2, E1 ":7,", "kx"},
        {"/user/a,/user/b", 2, "," E1 ":7", "xk"},
        {"/user/a,/user/b", 2, ",", "xx"},
        {"/user/a,/user/b", 2, E1 ":7,nonsense", "kx"},
        {"/user/a,/user/b", 2, E1 ":7, " E1 ":8", "kx"},
        {"/user/a,/user/b", 2, E1 ":7", "xx"},
        {"/user/a,/user/b", 2, E1 ":7," E1 ":7," E1 ":7", "xx"},
        {"/user/a", 1, E1 ":7," E1 ":7", "x"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(sse_channels) *c =
            sse_channels_create(str_of(rows[i].list), rows[i].n, str_of(rows[i].last_event_id));
        assert_non_null(c);
        assert_int_equal(rows[i].n, c->n);
        for (size_t k = 0; k < c->n; k++) {
            char expected = rows[i].known[k];
            char is = !c->v[k].is_asked ? '-' : c->v[k].is_known ? 'k' : 'x';
            if (is != expected) {
                fail_msg("row %zu, channel %zu: %c", i, k, is);
            }
        }
    }
}

static void names_are_those_of_the_list(void **state)
{
    (void)state;
    AUTO(sse_channels) *c = sse_channels_create(STR("/user/a,/contest/b/admin"), 2, STR_NONE);
    assert_non_null(c);
    assert_true(str_eq(c->v[0].name, STR("/user/a")));
    assert_true(str_eq(c->v[1].name, STR("/contest/b/admin")));
}

static void id_is_empty_until_a_position_is_known(void **state)
{
    (void)state;
    AUTO(sse_channels) *c = sse_channels_create(STR("/user/a,/user/b,/user/c"), 3, STR_NONE);
    assert_non_null(c);
    expect_id(c, "");
    struct position p = at(E1 ":18446744073709551615");
    sse_channels_note(c, STR("/user/b"), &p);
    expect_id(c, "," E1 ":18446744073709551615,");
}

static void id_keeps_what_was_asked_until_something_newer_is_told(void **state)
{
    (void)state;
    AUTO(sse_channels) *c = sse_channels_create(STR("/user/a,/user/b"), 2, STR(E1 ":7," E1 ":9"));
    assert_non_null(c);
    expect_id(c, E1 ":7," E1 ":9");
    struct position p = at(E2 ":1");
    sse_channels_note(c, STR("/user/a"), &p);
    expect_id(c, E2 ":1," E1 ":9");
}

static void channel_named_twice_has_its_position_twice(void **state)
{
    (void)state;
    AUTO(sse_channels) *c = sse_channels_create(STR("/user/a,/user/a"), 2, STR_NONE);
    assert_non_null(c);
    struct position p = at(E1 ":1");
    sse_channels_note(c, STR("/user/a"), &p);
    expect_id(c, E1 ":1," E1 ":1");
}

static void other_channels_change_nothing(void **state)
{
    (void)state;
    AUTO(sse_channels) *c = sse_channels_create(STR("/user/a"), 1, STR_NONE);
    assert_non_null(c);
    struct position p = at(E1 ":1");
    sse_channels_note(c, STR("/user/ab"), &p);
    sse_channels_note(c, STR_NONE, &p);
    expect_id(c, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_event_id_is_one_position_for_each_channel),
        cmocka_unit_test(names_are_those_of_the_list),
        cmocka_unit_test(id_is_empty_until_a_position_is_known),
        cmocka_unit_test(id_keeps_what_was_asked_until_something_newer_is_told),
        cmocka_unit_test(channel_named_twice_has_its_position_twice),
        cmocka_unit_test(other_channels_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
