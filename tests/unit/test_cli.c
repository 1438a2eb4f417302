/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/service/cli.h"

enum { ARGS_MAX = 8 };

/* argv has NULL behind its last argument. */
static bool parse(char **argv, struct cli *out)
{
    int argc = 0;
    while (argv[argc]) {
        argc++;
    }
    return cli_parse(argc, argv, out);
}

static void no_options_mean_the_default_file_that_may_be_absent(void **state)
{
    (void)state;
    char *argv[] = {"program", NULL};
    struct cli c;
    assert_true(parse(argv, &c));
    assert_string_equal(c.source.path, "/etc/omegaup/broadcaster/config.json");
    assert_false(c.source.path_given);
    assert_false(c.source.strict || c.check_config || c.dump_config || c.version || c.help);
    assert_false(c.insecure);
    assert_null(c.bind);
    assert_int_equal(c.source.n_sets, 0);
    assert_ptr_equal(c.source.environ, environ);
    cli_release(&c);
}

static void names_take_one_or_two_dashes_and_values_either_way(void **state)
{
    (void)state;
    static char *rows[][ARGS_MAX] = {
        {"p", "--config", "f", "--set", "a=b=c", "--bind=::1", "--set=d=e", NULL},
        {"p", "-config", "f", "-set", "a=b=c", "-bind=::1", "-set=d=e", NULL},
        {"p", "-bind", "::1", "--set", "a=b=c", "-config=f", "-set=d=e", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cli c;
        assert_true(parse(rows[i], &c));
        assert_string_equal(c.source.path, "f");
        assert_true(c.source.path_given);
        assert_string_equal(c.bind, "::1");
        assert_int_equal(c.source.n_sets, 2);
        assert_string_equal(c.source.sets[0], "a=b=c");
        assert_string_equal(c.source.sets[1], "d=e");
        cli_release(&c);
    }
}

static void flags_are_set_alone_or_with_true_and_unset_with_false(void **state)
{
    (void)state;
    char *argv[] = {"p", "-insecure", "--version=true", "--help=false", "--dump-config", NULL};
    struct cli c;
    assert_true(parse(argv, &c));
    assert_true(c.insecure);
    assert_true(c.version);
    assert_false(c.help);
    assert_true(c.dump_config);
    cli_release(&c);
}

static void check_config_and_strict_make_unknown_keys_errors(void **state)
{
    (void)state;
    char *check[] = {"p", "--check-config", NULL};
    char *strict[] = {"p", "--strict", NULL};
    struct cli c;
    assert_true(parse(check, &c));
    assert_true(c.check_config && c.source.strict);
    cli_release(&c);
    assert_true(parse(strict, &c));
    assert_true(!c.check_config && c.source.strict);
    cli_release(&c);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    static char *rows[][ARGS_MAX] = {
        {"p", "file", NULL},      {"p", "-", NULL},           {"p", "--", NULL},
        {"p", "", NULL},          {"p", "---config=f", NULL}, {"p", "--config", NULL},
        {"p", "--set", NULL},     {"p", "--conf=f", NULL},    {"p", "--insecure=1", NULL},
        {"p", "--configs", NULL}, {"p", "--=x", NULL},        {"p", "--help", "x", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cli c;
        assert_false(parse(rows[i], &c));
    }
}

static void questions_are_answered_without_a_start(void **state)
{
    (void)state;
    const struct cli rows[] = {
        {.help = true},
        {.version = true},
        {.source = {.path = "/nowhere/config.json"}, .check_config = true},
        {.source = {.path = "/nowhere/config.json"}, .dump_config = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = -1;
        assert_true(cli_answer(&rows[i], "program", &status));
        assert_int_equal(status, EXIT_SUCCESS);
    }
}

static void unusable_settings_are_a_failure(void **state)
{
    (void)state;
    const struct cli c = {.source = {.path = "/nowhere/config.json", .path_given = true},
                          .check_config = true};
    int status = -1;
    assert_true(cli_answer(&c, "program", &status));
    assert_int_equal(status, EXIT_FAILURE);
}

static void without_a_question_there_is_no_answer(void **state)
{
    (void)state;
    const struct cli c = {.source = {.path = "/nowhere/config.json"}};
    int status = -1;
    assert_false(cli_answer(&c, "program", &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_options_mean_the_default_file_that_may_be_absent),
        cmocka_unit_test(names_take_one_or_two_dashes_and_values_either_way),
        cmocka_unit_test(flags_are_set_alone_or_with_true_and_unset_with_false),
        cmocka_unit_test(check_config_and_strict_make_unknown_keys_errors),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(questions_are_answered_without_a_start),
        cmocka_unit_test(unusable_settings_are_a_failure),
        cmocka_unit_test(without_a_question_there_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
