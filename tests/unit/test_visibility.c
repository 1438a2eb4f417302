/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/access/visibility.h"
#include "tests/support/fake_event.h"

/* The two tables of architecture.md, "Routing and visibility", written out once more. */
static const char carried[EVENT_TYPES][VIEW_KINDS + 1] = {
    /*                          user, contest, contest/admin, problem, scoreboard, legacy */
    [EVENT_RUN_UPDATE] = "yyynny",    [EVENT_SCOREBOARD_UPDATE] = "nyynyy",
    [EVENT_CLARIFICATION] = "nyyyny", [EVENT_CONTEST_UPDATE] = "nyynny",
    [EVENT_OTHER] = "yyyyyy",
};

static void every_type_is_carried_by_the_views_of_the_table(void **state)
{
    (void)state;
    for (enum event_type type = 0; type < EVENT_TYPES; type++) {
        for (enum view_kind kind = VIEW_USER; kind < VIEW_KINDS; kind++) {
            assert_int_equal(visibility_carries(kind, type), carried[type][kind] == 'y');
        }
    }
}

static void sight_decides_who_sees_what_is_not_public(void **state)
{
    (void)state;
    static const struct {
        bool is_public;
        const char *event_user;
        enum sight sight;
        const char *session_user;
        bool sees;
    } rows[] = {
        {true, "", SIGHT_PUBLIC, "", true},         {true, "ana", SIGHT_PUBLIC, "", true},
        {true, "ana", SIGHT_PUBLIC, "bob", true},   {true, "ana", SIGHT_ALL, "", true},
        {false, "ana", SIGHT_PUBLIC, "ana", true},  {false, "ana", SIGHT_PUBLIC, "bob", false},
        {false, "ana", SIGHT_PUBLIC, "", false},    {false, "", SIGHT_PUBLIC, "ana", false},
        {false, "", SIGHT_PUBLIC, "", false}, /* nobody is not nobody's equal */
        {false, "ana", SIGHT_PUBLIC, "Ana", false}, {false, "ana", SIGHT_PUBLIC, "an", false},
        {false, "an", SIGHT_PUBLIC, "ana", false},  {false, "", SIGHT_ALL, "", true},
        {false, "ana", SIGHT_ALL, "bob", true},     {false, "ana", SIGHT_ALL, "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct event e = fake_run(rows[i].event_user, rows[i].is_public);
        assert_int_equal(visibility_sees(rows[i].sight, str_of(rows[i].session_user), &e),
                         rows[i].sees);
    }
}

static void filter_names_an_event_only_by_its_own_kind_and_topic(void **state)
{
    (void)state;
    static const struct filter filters[TOPIC_KINDS] = {
        [TOPIC_ALL] = {.kind = TOPIC_ALL},
        [TOPIC_PROBLEMSET] = {.kind = TOPIC_PROBLEMSET, .name = STR("17"), .problemset = 17},
        [TOPIC_CONTEST] = {.kind = TOPIC_CONTEST, .name = STR("c")},
        [TOPIC_PROBLEM] = {.kind = TOPIC_PROBLEM, .name = STR("p")},
        [TOPIC_USER] = {.kind = TOPIC_USER, .name = STR("u")},
    };
    for (unsigned topics = 0; topics < 1u << TOPIC_KINDS; topics++) {
        for (int is_same = 0; is_same < 2; is_same++) {
            struct event e = fake_run(is_same ? "u" : "v", true);
            e.contest = is_same ? STR("c") : STR("d");
            e.problem = is_same ? STR("p") : STR("q");
            e.problemset = is_same ? 17 : 18;
            e.topics = (uint8_t)topics;
            for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
                bool expected = (topics >> kind & 1) && (is_same || kind == TOPIC_ALL);
                assert_int_equal(visibility_names(&filters[kind], &e), expected);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_carried_by_the_views_of_the_table),
        cmocka_unit_test(sight_decides_who_sees_what_is_not_public),
        cmocka_unit_test(filter_names_an_event_only_by_its_own_kind_and_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
