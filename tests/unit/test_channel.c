/* SPDX-License-Identifier: MIT */
/* channel: what is a channel, which events it carries, and the legacy filters. */
#include "proto/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_str(struct str got, const char *expected)
{
    assert_int_equal(got.n, strlen(expected));
    if (got.n > 0) {
        assert_memory_equal(got.p, expected, got.n);
    }
}

static void channels_are_read_with_kind_and_name(void **state)
{
    static const struct {
        const char *text;
        enum channel_kind kind;
        const char *name;
    } rows[] = {
        {"/user/ana", CHANNEL_USER, "ana"},
        {"/user/omi:ana", CHANNEL_USER, "omi:ana"},
        {"/user/teams:omi:rojos", CHANNEL_USER, "teams:omi:rojos"},
        {"/user/a.b+c-d_e", CHANNEL_USER, "a.b+c-d_e"},
        {"/user/admin", CHANNEL_USER, "admin"},
        {"/contest/annual-2024", CHANNEL_CONTEST, "annual-2024"},
        {"/contest/group:a", CHANNEL_CONTEST, "group:a"},
        {"/contest/admin", CHANNEL_CONTEST, "admin"},
        {"/contest/a/admin", CHANNEL_CONTEST_ADMIN, "a"},
        {"/contest/group:a/admin", CHANNEL_CONTEST_ADMIN, "group:a"},
        {"/contest/admin/admin", CHANNEL_CONTEST_ADMIN, "admin"},
        {"/problem/sums", CHANNEL_PROBLEM, "sums"},
        {"/problem/group:sums", CHANNEL_PROBLEM, "group:sums"},
        {"/scoreboard/abcDEF123", CHANNEL_SCOREBOARD, "abcDEF123"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct channel c;
        assert_true(channel_parse(str_of(rows[i].text), &c));
        assert_int_equal(c.kind, rows[i].kind);
        assert_str(c.name, rows[i].name);
    }
}

static void almost_channels_are_refused(void **state)
{
    static const struct str bad[] = {
        {NULL, 0},
        STR("/"),
        STR("contest/a"),
        STR("/contest"),
        STR("/contest/"),
        STR("//contest/a"),
        STR("/contest//a"),
        STR("/contest/a/"),
        STR("/contest/a/admin/"),
        STR("/contest/a/Admin"),
        STR("/contest/a/b"),
        STR("/contest//admin"),
        STR("/contest/a/admin/admin"),
        STR("/contest/a.b"),
        STR("/contest/a b"),
        STR("/contest/a:b:c"),
        STR("/contest/a%20b"),
        STR("/contest/a\0"),
        STR("/contest/a\n"),
        STR(" /contest/a"),
        STR("/Contest/a"),
        STR("/user/"),
        STR("/user/ana/"),
        STR("/user/a/b"),
        STR("/user/a:b:c:d"),
        STR("/problem/"),
        STR("/problem/a/admin"),
        STR("/problemset/17"),
        STR("/scoreboard/"),
        STR("/scoreboard/a-b"),
        STR("/scoreboard/a/admin"),
        STR("/all-events"),
        STR("/unknown/a"),
    };
    struct channel c = {.kind = CHANNEL_KINDS};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (channel_parse(bad[i], &c)) {
            fail_msg("row %zu", i);
        }
    }
    assert_int_equal(c.kind, CHANNEL_KINDS);
}

static void every_cut_of_a_channel_is_another_one_or_none(void **state)
{
    struct str whole = STR("/contest/ab/admin");

    (void)state;
    for (size_t n = 0; n <= whole.n; n++) {
        struct channel c;
        bool ok = channel_parse((struct str){whole.p, n}, &c);
        assert_int_equal(ok, n == 10 || n == 11 || n == 17);
    }
}

/* The table of the reference pages; "x" where the type reaches the channel. */
static void types_reach_the_channels_of_the_table(void **state)
{
    static const struct {
        enum event_type type;
        const char *user, *contest, *admin, *problem, *scoreboard;
    } rows[EVENT_TYPES] = {
        {EVENT_RUN_UPDATE, "x", "x", "x", "", ""},
        {EVENT_SCOREBOARD_UPDATE, "", "x", "x", "", "x"},
        {EVENT_CLARIFICATION, "", "x", "x", "x", ""},
        {EVENT_CONTEST_UPDATE, "", "x", "x", "", ""},
        {EVENT_OTHER, "x", "x", "x", "x", "x"},
    };

    (void)state;
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        enum event_type t = rows[i].type;
        assert_int_equal(channel_carries(CHANNEL_USER, t), rows[i].user[0] == 'x');
        assert_int_equal(channel_carries(CHANNEL_CONTEST, t), rows[i].contest[0] == 'x');
        assert_int_equal(channel_carries(CHANNEL_CONTEST_ADMIN, t), rows[i].admin[0] == 'x');
        assert_int_equal(channel_carries(CHANNEL_PROBLEM, t), rows[i].problem[0] == 'x');
        assert_int_equal(channel_carries(CHANNEL_SCOREBOARD, t), rows[i].scoreboard[0] == 'x');
    }
}

static void single_filters_are_read_with_all_their_parts(void **state)
{
    static const struct {
        const char *text;
        enum topic_kind kind;
        const char *name, *token;
        int64_t problemset;
    } rows[] = {
        {"/all-events", TOPIC_ALL, "", "", 0},
        {"/user/ana", TOPIC_USER, "ana", "", 0},
        {"/user/teams:omi:rojos", TOPIC_USER, "teams:omi:rojos", "", 0},
        {"/problem/sums", TOPIC_PROBLEM, "sums", "", 0},
        {"/problemset/17", TOPIC_PROBLEMSET, "17", "", 17},
        {"/problemset/17/Tok3n", TOPIC_PROBLEMSET, "17", "Tok3n", 17},
        {"/problemset/9223372036854775807", TOPIC_PROBLEMSET, "9223372036854775807", "", INT64_MAX},
        {"/contest/annual", TOPIC_CONTEST, "annual", "", 0},
        {"/contest/group:annual", TOPIC_CONTEST, "group:annual", "", 0},
        {"/contest/annual/Tok3n", TOPIC_CONTEST, "annual", "Tok3n", 0},
        {"/contest/annual/admin", TOPIC_CONTEST, "annual", "admin", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f[2];
        size_t n = 0;
        const char *why = NULL;
        assert_true(filters_parse(str_of(rows[i].text), f, 2, &n, &why));
        assert_int_equal(n, 1);
        assert_int_equal(f[0].kind, rows[i].kind);
        assert_str(f[0].name, rows[i].name);
        assert_str(f[0].token, rows[i].token);
        assert_true(f[0].problemset == rows[i].problemset);
    }
}

static void several_filters_are_read_in_their_order(void **state)
{
    struct filter f[FILTERS_MAX];
    size_t n = 0;
    const char *why = NULL;

    (void)state;
    assert_true(filters_parse(STR("/user/ana,/problemset/3/T,/all-events,/user/ana"), f,
                              FILTERS_MAX, &n, &why));
    assert_int_equal(n, 4);
    assert_int_equal(f[0].kind, TOPIC_USER);
    assert_int_equal(f[1].kind, TOPIC_PROBLEMSET);
    assert_str(f[1].token, "T");
    assert_int_equal(f[2].kind, TOPIC_ALL);
    assert_str(f[2].token, "");
    assert_int_equal(f[3].kind, TOPIC_USER);
}

static void wrong_filters_are_refused_with_a_reason(void **state)
{
    static const struct str bad[] = {
        {NULL, 0},
        STR(","),
        STR("/user/ana,"),
        STR(",/user/ana"),
        STR("/user/ana,,/user/bob"),
        STR("/user/ana, /user/bob"),
        STR("/user/"),
        STR("/user/ana/tok"),
        STR("/user/\xff"),
        STR("/problem/"),
        STR("/problem/a/tok"),
        STR("/problem/a.b"),
        STR("/problemset/"),
        STR("/problemset/0"),
        STR("/problemset/-1"),
        STR("/problemset/abc"),
        STR("/problemset/9223372036854775808"),
        STR("/problemset/17/"),
        STR("/problemset/17/a-b"),
        STR("/problemset/17/a/b"),
        STR("/contest/"),
        STR("/contest/a/"),
        STR("/contest/a/b/c"),
        STR("/contest/a/b-c"),
        STR("/contest//tok"),
        STR("/all-events/"),
        STR("/all-events/x"),
        STR("/all"),
        STR("/scoreboard/abc"),
        STR("all-events"),
        STR("/contest/a\0"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct filter f[4];
        size_t n = 99;
        const char *why = NULL;
        if (filters_parse(bad[i], f, 4, &n, &why)) {
            fail_msg("row %zu", i);
        }
        assert_non_null(why);
        assert_int_equal(n, 99);
    }
}

static void more_filters_than_there_is_room_for_are_refused(void **state)
{
    char text[(FILTERS_MAX + 1) * 8];
    struct filter f[FILTERS_MAX];
    size_t n = 0;
    const char *why = NULL;
    size_t at = 0;

    (void)state;
    for (int i = 0; i <= FILTERS_MAX; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s/user/a", i ? "," : "");
    }
    assert_false(filters_parse((struct str){text, at}, f, FILTERS_MAX, &n, &why));
    assert_string_equal(why, "too many filters");
    assert_true(filters_parse((struct str){text, at - 8}, f, FILTERS_MAX, &n, &why));
    assert_int_equal(n, FILTERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_are_read_with_kind_and_name),
        cmocka_unit_test(almost_channels_are_refused),
        cmocka_unit_test(every_cut_of_a_channel_is_another_one_or_none),
        cmocka_unit_test(types_reach_the_channels_of_the_table),
        cmocka_unit_test(single_filters_are_read_with_all_their_parts),
        cmocka_unit_test(several_filters_are_read_in_their_order),
        cmocka_unit_test(wrong_filters_are_refused_with_a_reason),
        cmocka_unit_test(more_filters_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
