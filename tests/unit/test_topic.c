/* SPDX-License-Identifier: MIT */
/* topic: the grammars at their borders, and names that try to be other names. */
#include "proto/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char letters[1024]; /* filled once by main: many letters, for names of any length */

static struct str long_name(size_t n)
{
    return (struct str){letters, n};
}

struct name_row {
    struct str name;
    bool alias, user, scoreboard_token, token;
};

static const struct name_row names[] = {
    {STR(""), false, false, false, false},
    {STR("a"), true, true, true, true},
    {STR("annual-2024"), true, true, false, true},
    {STR("A_b-9"), true, true, false, true},
    {STR("omi:ana"), true, true, false, true},
    {STR("teams:omi:rojos"), false, true, false, true},
    {STR("a:b:c:d"), false, false, false, true},
    {STR(":a"), false, false, false, true},
    {STR("a:"), false, false, false, true},
    {STR("a::b"), false, false, false, true},
    {STR(":"), false, false, false, true},
    {STR("a.b"), false, true, false, true},
    {STR("a+b"), false, true, false, true},
    {STR("a/b"), false, false, false, true},
    {STR("a b"), false, false, false, false},
    {STR(" a"), false, false, false, false},
    {STR("a\n"), false, false, false, false},
    {STR("a\0b"), false, false, false, false},
    {STR("a\0"), false, false, false, false},
    {STR("a%b"), false, false, false, false},
    {STR("a*b"), false, false, false, false},
    {STR("a?b"), false, false, false, false},
    {STR("ni\xc3\xb1o"), false, false, false, false},
    {STR("Credential=a,b~c"), false, false, false, true},
    {STR(".."), false, true, false, true},
};

static void names_match_their_grammars_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct name_row *row = &names[i];
        if (name_is_alias(row->name) != row->alias || name_is_user(row->name) != row->user ||
            name_is_scoreboard_token(row->name) != row->scoreboard_token ||
            name_is_token(row->name) != row->token) {
            fail_msg("row %zu", i);
        }
    }
}

static void every_byte_is_in_or_out_of_each_grammar(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct str s = {&byte, 1};
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        assert_int_equal(name_is_scoreboard_token(s), alnum);
        assert_int_equal(name_is_alias(s), alnum || c == '_' || c == '-');
        assert_int_equal(name_is_user(s), alnum || (c && strchr("_.+-", c)));
        assert_int_equal(name_is_token(s), alnum || (c && strchr("_.:=,+/~-", c)));
    }
}

static void names_as_long_as_allowed_match_and_a_byte_more_does_not(void **state)
{
    char parts[256];

    (void)state;
    assert_true(name_is_alias(long_name(100)));
    assert_false(name_is_alias(long_name(101)));
    assert_true(name_is_user(long_name(100)));
    assert_false(name_is_user(long_name(101)));
    assert_true(name_is_scoreboard_token(long_name(64)));
    assert_false(name_is_scoreboard_token(long_name(65)));
    assert_true(name_is_token(long_name(512)));
    assert_false(name_is_token(long_name(513)));

    memset(parts, 'a', sizeof(parts));
    parts[100] = ':';
    assert_true(name_is_alias((struct str){parts, 201}));
    assert_false(name_is_alias((struct str){parts, 202}));
    assert_true(name_is_user((struct str){parts, 200}));
    assert_false(name_is_user((struct str){parts, 201}));
}

static void problemset_number_is_read_only_in_its_one_spelling(void **state)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "-1",
                                      "+1",
                                      "01",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "1a",
                                      "9223372036854775808",
                                      "99999999999999999999"};
    int64_t n = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(name_parse_problemset(str_of(bad[i]), &n));
        assert_int_equal(n, 7);
    }
    assert_true(name_parse_problemset(STR("1"), &n));
    assert_int_equal(n, 1);
    assert_true(name_parse_problemset(STR("9223372036854775807"), &n));
    assert_true(n == INT64_MAX);
}

static void made_topics_are_plain_or_percent_encoded(void **state)
{
    static const struct {
        enum topic_kind kind;
        struct str name;
        const char *topic; /* NULL: refused */
    } rows[] = {
        {TOPIC_CONTEST, STR("annual-2024"), "contest/annual-2024"},
        {TOPIC_CONTEST, STR("group:a"), "contest/group:a"},
        {TOPIC_PROBLEM, STR("sums"), "problem/sums"},
        {TOPIC_USER, STR("teams:omi:rojos"), "user/teams:omi:rojos"},
        {TOPIC_USER, STR("a.b+c"), "user/a.b+c"},
        {TOPIC_CONTEST, STR("a.b"), "contest/a.b"},
        {TOPIC_CONTEST, STR("a b"), "contest/a%20b"},
        {TOPIC_CONTEST, STR("a%20b"), "contest/a%2520b"},
        {TOPIC_CONTEST, STR("a/b"), "contest/a%2Fb"},
        {TOPIC_CONTEST, STR("../x"), "contest/..%2Fx"},
        {TOPIC_CONTEST, STR("a:b:c"), "contest/a:b:c"},
        {TOPIC_USER, STR("ni\xc3\xb1o"), "user/ni%C3%B1o"},
        {TOPIC_PROBLEM, STR("*?[]{}\"'~=,"), "problem/%2A%3F%5B%5D%7B%7D%22%27%7E%3D%2C"},
        {TOPIC_CONTEST, STR(""), NULL},
        {TOPIC_CONTEST, STR("a\0b"), NULL},
        {TOPIC_CONTEST, STR("a\nb"), NULL},
        {TOPIC_USER, STR("a\x7f"), NULL},
        {TOPIC_USER, STR("a\xc2\x85"), NULL},
        {TOPIC_USER, STR("\xff"), NULL},
        {TOPIC_PROBLEM, STR("\xed\xa0\x80"), NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct topic_name t;
        bool made = topic_name_make(rows[i].kind, rows[i].name, &t);
        assert_int_equal(made, rows[i].topic != NULL);
        if (made) {
            enum topic_kind kind;
            assert_string_equal(t.z, rows[i].topic);
            assert_int_equal(t.n, strlen(rows[i].topic));
            assert_true(topic_kind_of(topic_name_str(&t), &kind));
            assert_int_equal(kind, rows[i].kind);
        }
    }
}

static void name_outside_the_grammar_may_have_200_bytes(void **state)
{
    char spaces[202];
    struct topic_name t;

    (void)state;
    memset(spaces, ' ', sizeof(spaces));
    assert_true(topic_name_make(TOPIC_CONTEST, (struct str){spaces, 200}, &t));
    assert_int_equal(t.n, 8 + 600);
    assert_false(topic_name_make(TOPIC_CONTEST, (struct str){spaces, 201}, &t));
    assert_true(topic_name_make(TOPIC_CONTEST, long_name(200), &t));
    assert_false(topic_name_make(TOPIC_CONTEST, long_name(201), &t));
}

static void longest_alias_of_a_group_stands_as_it_is(void **state)
{
    char alias[201];
    struct topic_name t;

    (void)state;
    memset(alias, 'a', sizeof(alias));
    alias[100] = ':';
    assert_true(topic_name_make(TOPIC_PROBLEM, (struct str){alias, 201}, &t));
    assert_memory_equal(t.z + 8, alias, 201);
}

static void all_and_problemset_topics_are_spelled_so(void **state)
{
    struct topic_name t;

    (void)state;
    topic_name_make_all(&t);
    assert_string_equal(t.z, "all");
    assert_int_equal(t.n, 3);
    topic_name_make_problemset(17, &t);
    assert_string_equal(t.z, "problemset/17");
    assert_int_equal(t.n, 13);
    topic_name_make_problemset(INT64_MAX, &t);
    assert_string_equal(t.z, "problemset/9223372036854775807");
}

static void kind_of_a_topic_is_told_by_its_whole_name(void **state)
{
    static const struct {
        const char *topic;
        int kind; /* -1: none */
    } rows[] = {
        {"all", TOPIC_ALL},
        {"problemset/17", TOPIC_PROBLEMSET},
        {"contest/a", TOPIC_CONTEST},
        {"contest/a%20b", TOPIC_CONTEST},
        {"problem/a", TOPIC_PROBLEM},
        {"user/omi:ana", TOPIC_USER},
        {"", -1},
        {"al", -1},
        {"all/", -1},
        {"allx", -1},
        {"contest", -1},
        {"contest/", -1},
        {"contest/a/b", -1},
        {"contest/a b", -1},
        {"Contest/a", -1},
        {"/contest/a", -1},
        {"problemset/", -1},
        {"problemset/0", -1},
        {"problemset/x", -1},
        {"control", -1},
        {"beat", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum topic_kind kind = TOPIC_KINDS;
        bool known = topic_kind_of(str_of(rows[i].topic), &kind);
        assert_int_equal(known, rows[i].kind >= 0);
        assert_int_equal(kind, known ? rows[i].kind : TOPIC_KINDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_their_grammars_and_no_other),
        cmocka_unit_test(every_byte_is_in_or_out_of_each_grammar),
        cmocka_unit_test(names_as_long_as_allowed_match_and_a_byte_more_does_not),
        cmocka_unit_test(problemset_number_is_read_only_in_its_one_spelling),
        cmocka_unit_test(made_topics_are_plain_or_percent_encoded),
        cmocka_unit_test(name_outside_the_grammar_may_have_200_bytes),
        cmocka_unit_test(longest_alias_of_a_group_stands_as_it_is),
        cmocka_unit_test(all_and_problemset_topics_are_spelled_so),
        cmocka_unit_test(kind_of_a_topic_is_told_by_its_whole_name),
    };
    memset(letters, 'a', sizeof(letters));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
