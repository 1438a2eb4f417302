/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/config/settings.h"
#include "common/loop.h"
#include "gateway/access/auth.h"
#include "gateway/access/auth_file.h"
#include "gateway/access/users_file.h"

static const char users_json[] =
    "{ \"tokens\": {\n"
    "    \"ANA\": {\"username\": \"ana\", \"contests\": [\"c-mine\"], \"problems\": [\"p-mine\"],\n"
    "            \"contest_admin\": [\"c-admin\", \"omi:c\"], \"problem_admin\": [\"p-admin\"],\n"
    "            \"problemsets\": [17], \"problemset_admin\": [18]},\n"
    "    \"BOB\": {\"username\": \"teams:omi:bob\", \"admin\": false},\n"
    "    \"ROOT\": {\"username\": \"root\", \"admin\": true} },\n"
    "  \"public\": {\"contests\": [\"c-open\"], \"problems\": [\"p-open\"], \"problemsets\": "
    "[19]},\n"
    "  \"scoreboards\": {\"SEE\": {\"contest\": \"c-board\", \"problemset\": 20},\n"
    "                  \"RULE\": {\"contest\": \"c-board\", \"problemset\": 20, \"admin\": "
    "true}}}\n";

struct fixture {
    struct loop *loop;
    struct settings *settings;
    struct auth_metrics metrics;
    struct auth *auth;
    char path[64];
};

/* What an asker was told; the lists are checked inside the callback. */
struct told {
    struct loop *loop;
    unsigned calls;
    enum auth_result result;
    char user[64];
    bool admin;
    bool rules_board, rules_20; /* contest_admin of c-board, problemset_admin of 20 */
    bool rules_own;             /* ana's own lists, all of them */
    char scoreboard[64];
    bool scoreboard_admin;
    int http_status;
};

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/test_auth_file_XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    write_file(f->path, users_json);
    f->loop = loop_create();
    f->settings = settings_create();
    assert_true(f->loop && f->settings);
    free(f->settings->auth.file);
    f->settings->auth.file = strdup(f->path);
    const char *why = "";
    assert_int_equal(auth_create(f->loop, f->settings, &f->metrics, &f->auth, &why), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_null(auth_free(f->auth));
    (void)settings_free(f->settings);
    (void)loop_free(f->loop);
    (void)unlink(f->path);
    free(f);
    return 0;
}

static void copy(char *out, size_t room, struct str s)
{
    (void)snprintf(out, room, "%.*s", STR_ARG(s));
}

static void on_answer(const struct auth_answer *a, void *arg)
{
    struct told *t = arg;
    t->calls++;
    t->result = a->result;
    t->admin = a->admin;
    copy(t->user, sizeof(t->user), a->user);
    t->rules_board = auth_answer_is_contest_admin(a, STR("c-board"));
    t->rules_20 = auth_answer_is_problemset_admin(a, 20);
    t->rules_own = auth_answer_is_contest_admin(a, STR("c-admin")) &&
                   auth_answer_is_contest_admin(a, STR("omi:c")) &&
                   auth_answer_is_problem_admin(a, STR("p-admin")) &&
                   auth_answer_is_problemset_admin(a, 18);
    copy(t->scoreboard, sizeof(t->scoreboard), a->scoreboard_contest);
    t->scoreboard_admin = a->scoreboard_admin;
    t->http_status = a->http_status;
    loop_stop(t->loop);
}

static struct told ask(struct fixture *f, enum auth_question_kind kind, const char *token,
                       const char *filters)
{
    struct told t = {.loop = f->loop};
    const struct auth_question q = {
        .kind = kind, .credential.token = str_of(token), .filters = str_of(filters)};
    assert_non_null(auth_ask(f->auth, &q, on_answer, &t));
    assert_int_equal(t.calls, 0); /* never inside the call */
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(t.calls, 1);
    return t;
}

static void whose_token_it_is_stands_in_the_file(void **state)
{
    static const struct {
        const char *token;
        enum auth_result result;
        const char *user;
        bool admin;
    } rows[] = {
        {"ANA", AUTH_OK, "ana", false},       {"BOB", AUTH_OK, "teams:omi:bob", false},
        {"ROOT", AUTH_OK, "root", true},      {"ana", AUTH_UNAUTHORIZED, "", false},
        {"AN", AUTH_UNAUTHORIZED, "", false}, {"SEE", AUTH_UNAUTHORIZED, "", false},
        {"", AUTH_UNAUTHORIZED, "", false},   {"not a token", AUTH_UNAUTHORIZED, "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct told t = ask(*state, AUTH_WHO, rows[i].token, "");
        assert_int_equal(t.result, rows[i].result);
        assert_string_equal(t.user, rows[i].user);
        assert_int_equal(t.admin, rows[i].admin);
        assert_int_equal(t.http_status, 0);
    }
}

struct may_row {
    const char *filters;
    enum auth_result nobody, ana, bob, root;
};

static void check_may(struct fixture *f, const struct may_row *row)
{
    const struct {
        const char *token, *user;
        enum auth_result want;
    } askers[] = {{"", "", row->nobody},
                  {"ANA", "ana", row->ana},
                  {"BOB", "teams:omi:bob", row->bob},
                  {"ROOT", "root", row->root},
                  {"STRANGER", "", AUTH_UNAUTHORIZED}};
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        struct told t = ask(f, AUTH_MAY, askers[i].token, row->filters);
        if (t.result != askers[i].want) {
            fail_msg("%s asked by '%s': %d, not %d", row->filters, askers[i].token, t.result,
                     askers[i].want);
        }
        assert_string_equal(t.user, t.result == AUTH_OK ? askers[i].user : "");
    }
}

/* Short names, so that the table can be read as one. */
#define OK AUTH_OK
#define NO AUTH_UNAUTHORIZED
#define NOT AUTH_FORBIDDEN
#define NONE AUTH_NOT_FOUND
static void who_may_see_what(void **state)
{
    static const struct may_row rows[] = {
        {"/all-events", NO, NOT, NOT, OK},
        {"/user/ana", NO, OK, NOT, OK},
        {"/user/teams:omi:bob", NO, NOT, OK, OK},
        {"/user/nobody-here", NO, NOT, NOT, OK},
        {"/contest/c-open", OK, OK, OK, OK},
        {"/contest/c-mine", NO, OK, NOT, OK},
        {"/contest/c-admin", NO, OK, NOT, OK},
        {"/contest/omi:c", NO, OK, NOT, OK},
        {"/contest/c-board", NO, NOT, NOT, OK},
        {"/contest/c-board/SEE", OK, OK, OK, OK},
        {"/contest/c-board/RULE", OK, OK, OK, OK},
        {"/contest/c-board/WRONG", NO, NOT, NOT, OK},
        {"/contest/c-mine/SEE", NO, OK, NOT, OK},
        {"/contest/c-none", NONE, NONE, NONE, OK},
        {"/contest/C-OPEN", NONE, NONE, NONE, OK},
        {"/problem/p-open", OK, OK, OK, OK},
        {"/problem/p-mine", NO, OK, NOT, OK},
        {"/problem/p-admin", NO, OK, NOT, OK},
        {"/problem/p-none", NONE, NONE, NONE, OK},
        {"/problem/c-open", NONE, NONE, NONE, OK},
        {"/problemset/17", NO, OK, NOT, OK},
        {"/problemset/18", NO, OK, NOT, OK},
        {"/problemset/19", OK, OK, OK, OK},
        {"/problemset/20", NO, NOT, NOT, OK},
        {"/problemset/20/SEE", OK, OK, OK, OK},
        {"/problemset/17/SEE", NO, OK, NOT, OK},
        {"/problemset/21", NONE, NONE, NONE, OK},
        {"/scoreboard/SEE", OK, OK, OK, OK},
        {"/scoreboard/NONE", NONE, NONE, NONE, NONE},
        {"/scoreboard/", NONE, NONE, NONE, NONE},
        {"/contest/c-open,/problem/p-open", OK, OK, OK, OK},
        {"/contest/c-open,/user/ana", NO, OK, NOT, OK},
        {"/user/ana,/contest/c-none", NO, NONE, NOT, OK},
        {"/contest/c-none,/user/ana", NONE, NONE, NONE, OK},
        {"/contest/c-open,", NONE, NONE, NONE, NONE},
        {"/nonsense", NONE, NONE, NONE, NONE},
        {"", NONE, NONE, NONE, NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_may(*state, &rows[i]);
    }
}
#undef OK
#undef NO
#undef NOT
#undef NONE

static void the_answer_carries_the_users_own_lists(void **state)
{
    struct told t = ask(*state, AUTH_MAY, "ANA", "/contest/c-open");
    assert_true(t.rules_own);
    assert_false(t.admin || t.rules_board || t.rules_20);
    t = ask(*state, AUTH_MAY, "ROOT", "/contest/c-open");
    assert_true(t.admin);
    assert_false(t.rules_own);
}

static void only_an_admin_scoreboard_token_makes_admin(void **state)
{
    struct told t = ask(*state, AUTH_MAY, "ANA", "/contest/c-board/RULE,/problemset/20/RULE");
    assert_true(t.rules_board && t.rules_20 && t.rules_own);
    t = ask(*state, AUTH_MAY, "", "/contest/c-board/RULE");
    assert_true(t.rules_board);
    assert_false(t.rules_20 || t.admin);
    t = ask(*state, AUTH_MAY, "ANA", "/contest/c-board/SEE,/problemset/20/SEE");
    assert_false(t.rules_board || t.rules_20);
}

static void a_scoreboard_token_opens_its_contest(void **state)
{
    struct told t = ask(*state, AUTH_MAY, "", "/scoreboard/SEE");
    assert_string_equal(t.scoreboard, "c-board");
    assert_false(t.scoreboard_admin);
    t = ask(*state, AUTH_MAY, "ANA", "/scoreboard/RULE");
    assert_string_equal(t.scoreboard, "c-board");
    assert_true(t.scoreboard_admin);
    t = ask(*state, AUTH_MAY, "ANA", "/contest/c-board/RULE");
    assert_string_equal(t.scoreboard, "");
}

static void a_file_is_neither_cached_nor_counted_as_calls(void **state)
{
    struct fixture *f = *state;
    (void)ask(f, AUTH_WHO, "ANA", "");
    (void)ask(f, AUTH_WHO, "ANA", "");
    (void)ask(f, AUTH_WHO, "STRANGER", "");
    assert_int_equal(auth_cached(f->auth), 0);
    assert_int_equal(f->metrics.cache_hits, 0);
    assert_int_equal(f->metrics.calls_ok + f->metrics.calls_refused, 0);
}

static bool reload(struct fixture *f, const char **out_why)
{
    struct auth_source *source = auth_file_create(f->path, out_why);
    if (source) {
        auth_use(f->auth, f->settings, source);
    }
    return source != NULL;
}

static void a_reload_takes_the_new_file(void **state)
{
    struct fixture *f = *state;
    const char *why = "";
    write_file(f->path, "{\"tokens\": {\"ANA\": {\"username\": \"anna\"}}}");
    assert_true(reload(f, &why));
    assert_string_equal(ask(f, AUTH_WHO, "ANA", "").user, "anna");
    assert_int_equal(ask(f, AUTH_WHO, "BOB", "").result, AUTH_UNAUTHORIZED);
}

static void a_reload_of_a_broken_file_keeps_the_old_one(void **state)
{
    struct fixture *f = *state;
    const char *why = "";
    write_file(f->path, "{\"tokens\": {\"ANA\": {\"username\": \"anna\", \"admin\": 1}}}");
    assert_false(reload(f, &why));
    char want[256];
    (void)snprintf(want, sizeof(want), "%s:1: tokens[0].admin: must be true or false", f->path);
    assert_string_equal(why, want);
    assert_string_equal(ask(f, AUTH_WHO, "ANA", "").user, "ana");
    assert_int_equal(unlink(f->path), 0);
    assert_false(reload(f, &why));
    assert_string_equal(ask(f, AUTH_WHO, "ANA", "").user, "ana");
}

static void an_answer_on_its_way_is_told_anew_after_the_user_was_forgotten(void **state)
{
    struct fixture *f = *state;
    struct told t = {.loop = f->loop};
    const struct auth_question q = {.kind = AUTH_WHO, .credential.token = STR("ANA")};
    assert_non_null(auth_ask(f->auth, &q, on_answer, &t));
    auth_forget_user(f->auth, STR("ana"));
    const char *why = "";
    write_file(f->path, "{}");
    assert_true(reload(f, &why));
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.result, AUTH_UNAUTHORIZED);
}

static void what_is_wrong_with_a_file_is_said_with_line_and_key(void **state)
{
    static const struct {
        const char *text, *problem; /* after the file's name */
    } rows[] = {
        {"", ": is empty"},
        {"[]", ":1: must be an object"},
        {"{\n\"tokens\": {},\n\"publik\": {}}", ":3: publik: unknown key"},
        {"{\n\"tokens\": {},\n\"tokens\": {}}", ":3: tokens: stands here twice"},
        {"{\n\"tokens\": []}", ":2: tokens: must be an object"},
        {"{\"tokens\": {\n\"A\": 1}}", ":2: tokens[0]: must be an object"},
        {"{\"tokens\": {\n\"A B\": {}}}", ":2: tokens[0]: the key is no token"},
        {"{\"tokens\": {\n\"\": {}}}", ":2: tokens[0]: the key is no token"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\"},\n\"A\": {\"username\": \"b\"}}}",
         ":2: tokens[1]: the same token stands here twice"},
        {"{\"tokens\": {\n\"A\": {}}}", ":2: tokens[0].username: is missing"},
        {"{\"tokens\": {\"A\": {\n\"username\": 1}}}",
         ":2: tokens[0].username: must be a user name"},
        {"{\"tokens\": {\"A\": {\n\"username\": \"a b\"}}}",
         ":2: tokens[0].username: must be a user name"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"admin\": null}}}",
         ":2: tokens[0].admin: must be true or false"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"username\": \"a\"}}}",
         ":2: tokens[0].username: stands here twice"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"contest\": []}}}",
         ":2: tokens[0].contest: unknown key"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"contests\": \"c\"}}}",
         ":2: tokens[0].contests: must be a list of aliases"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"contests\": [\"c\", 1]}}}",
         ":2: tokens[0].contests: must be a list of aliases"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"problem_admin\": [\"a/b\"]}}}",
         ":2: tokens[0].problem_admin: must be a list of aliases"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"problemsets\": [17, \"18\"]}}}",
         ":2: tokens[0].problemsets: must be a list of positive integers"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"problemsets\": [0]}}}",
         ":2: tokens[0].problemsets: must be a list of positive integers"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"problemsets\": [1.5]}}}",
         ":2: tokens[0].problemsets: must be a list of positive integers"},
        {"{\"tokens\": {\"A\": {\"username\": \"a\",\n\"problemsets\": [18446744073709551615]}}}",
         ":2: tokens[0].problemsets: must be a list of positive integers"},
        {"{\"public\":\n[]}", ":1: public: must be an object"},
        {"{\"public\": {\n\"users\": []}}", ":2: public.users: unknown key"},
        {"{\"scoreboards\": {\n\"S\": {}}}", ":2: scoreboards[0].contest: is missing"},
        {"{\"scoreboards\": {\n\"S-\": {}}}", ":2: scoreboards[0]: the key is no token"},
        {"{\"scoreboards\": {\"S\": {\"contest\": \"c\",\n\"problemset\": -1}}}",
         ":2: scoreboards[0].problemset: must be a positive integer"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_file(f->path, rows[i].text);
        struct buf problem = {0};
        struct users_file *users = users_file_read(f->path, &problem);
        assert_null(users);
        char said[256];
        char want[256];
        copy(said, sizeof(said), buf_str(&problem));
        (void)snprintf(want, sizeof(want), "%s%s", f->path, rows[i].problem);
        assert_string_equal(said, want);
        buf_release(&problem);
    }
}

static void broken_json_is_said_with_its_line(void **state)
{
    struct fixture *f = *state;
    write_file(f->path, "{\n  \"tokens\": {\n    \"A\\n\": 1\n  x }\n}");
    struct buf problem = {0};
    assert_null(users_file_read(f->path, &problem));
    struct str text = buf_str(&problem);
    assert_true(str_starts(str_after(text, strlen(f->path)), STR(":4: ")));
    buf_release(&problem);
}

static void an_escaped_line_feed_does_not_shift_lines(void **state)
{
    struct fixture *f = *state;
    write_file(f->path, "{\"a\\n\\n\\nb\": 1}");
    struct buf problem = {0};
    assert_null(users_file_read(f->path, &problem));
    assert_true(str_starts(str_after(buf_str(&problem), strlen(f->path)), STR(":1: ")));
    buf_release(&problem);
}

static void every_section_may_be_missing(void **state)
{
    struct fixture *f = *state;
    write_file(f->path, "{}");
    struct buf problem = {0};
    struct users_file *users = users_file_read(f->path, &problem);
    assert_non_null(users);
    assert_null(users_file_user(users, STR("ANA")));
    assert_false(users_file_knows_contest(users, STR("c-open")));
    assert_null(users_file_free(users));
    assert_null(users_file_free(NULL));
    buf_release(&problem);
}

static void a_missing_file_is_an_error_at_the_start(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(unlink(f->path), 0);
    struct auth *auth = NULL;
    const char *why = NULL;
    assert_true(auth_create(f->loop, f->settings, &f->metrics, &auth, &why) < 0);
    assert_null(auth);
    assert_non_null(strstr(why, "No such file"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(whose_token_it_is_stands_in_the_file),
        TEST(who_may_see_what),
        TEST(the_answer_carries_the_users_own_lists),
        TEST(only_an_admin_scoreboard_token_makes_admin),
        TEST(a_scoreboard_token_opens_its_contest),
        TEST(a_file_is_neither_cached_nor_counted_as_calls),
        TEST(a_reload_takes_the_new_file),
        TEST(a_reload_of_a_broken_file_keeps_the_old_one),
        TEST(an_answer_on_its_way_is_told_anew_after_the_user_was_forgotten),
        TEST(what_is_wrong_with_a_file_is_said_with_line_and_key),
        TEST(broken_json_is_said_with_its_line),
        TEST(an_escaped_line_feed_does_not_shift_lines),
        TEST(every_section_may_be_missing),
        TEST(a_missing_file_is_an_error_at_the_start),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
