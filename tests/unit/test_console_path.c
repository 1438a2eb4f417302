/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/transport/console_path.h"

static void plain_names_are_decoded_and_folders_have_an_index(void **state UNUSED)
{
    static const struct {
        const char *rest, *name;
    } rows[] = {
        {"", "index.html"},
        {"index.html", "index.html"},
        {"assets/index-1a2b.js", "assets/index-1a2b.js"},
        {"a/b/", "a/b/index.html"},
        {"a%20b.txt", "a b.txt"},
        {"a+b", "a+b"},
        {"%61%2fb", "a/b"},
        {"a..b/c.", "a..b/c."},
        {"~x", "~x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[CONSOLE_PATH_MAX];
        if (!console_path_clean(str_of(rows[i].rest), name)) {
            fail_msg("%s was refused", rows[i].rest);
        }
        assert_string_equal(name, rows[i].name);
    }
}

static void what_leads_elsewhere_or_is_hidden_is_refused(void **state UNUSED)
{
    static const char *const rows[] = {
        "/",
        "//",
        "/etc/passwd",
        "..",
        "../",
        "../x",
        "a/..",
        "a/../b",
        "a/../../b",
        ".",
        "./a",
        "a/./b",
        "a//b",
        "a//",
        ".git/config",
        "a/.b",
        "...",
        "%2e%2e/a",
        "%2e%2e%2fa",
        ".%2e/a",
        "a%2f%2e%2e%2fb",
        "a%2f%2fb",
        "%2fetc/passwd",
        "a\\b",
        "..\\a",
        "%5c",
        "a%00",
        "a%00.html",
        "a%0a",
        "a\tb",
        "a%7f",
        "a%80",
        "\xc3\xa9",
        "%",
        "%2",
        "%zz",
        "a%2",
        "%252e%252e/%",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[CONSOLE_PATH_MAX];
        if (console_path_clean(str_of(rows[i]), name)) {
            fail_msg("%s became %s", rows[i], name);
        }
    }
}

/* Every path of up to four of these pieces: what is allowed never leaves the folder. */
static void no_combination_of_pieces_leads_out(void **state UNUSED)
{
    static const char *const pieces[] = {"a", ".", "/", "%2e", "%2f", "\\", "%5c", "%00", ""};
    enum { N = ARRAY_LEN(pieces) };
    for (size_t i = 0; i < (size_t)N * N * N * N; i++) {
        char path[64] = "";
        for (size_t j = 0, rest = i; j < 4; j++, rest /= N) {
            strncat(path, pieces[rest % N], sizeof(path) - strlen(path) - 1);
        }
        char name[CONSOLE_PATH_MAX];
        if (!console_path_clean(str_of(path), name)) {
            continue;
        }
        if (name[0] == '/' || name[0] == '.' || strstr(name, "//") || strstr(name, "/.") ||
            strchr(name, '\\') || name[0] == '\0' || name[strlen(name) - 1] == '/') {
            fail_msg("%s became %s", path, name);
        }
    }
}

static void names_have_a_longest_length(void **state UNUSED)
{
    char name[CONSOLE_PATH_MAX];
    char text[CONSOLE_PATH_MAX + 1];
    memset(text, 'a', sizeof(text));
    assert_true(console_path_clean((struct str){text, CONSOLE_PATH_MAX - 1}, name));
    assert_int_equal(strlen(name), CONSOLE_PATH_MAX - 1);
    assert_false(console_path_clean((struct str){text, CONSOLE_PATH_MAX}, name));
    text[CONSOLE_PATH_MAX - 5] = '/';
    assert_false(console_path_clean((struct str){text, CONSOLE_PATH_MAX - 4}, name));
}

static void endings_tell_the_type(void **state UNUSED)
{
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"index.html", "text/html; charset=utf-8"},
        {"a/b.min.js", "text/javascript; charset=utf-8"},
        {"style.css", "text/css; charset=utf-8"},
        {"logo.svg", "image/svg+xml"},
        {"font.woff2", "font/woff2"},
        {"data.json", "application/json"},
        {"docs/openapi.yaml", "application/yaml"},
        {"a.html/b", "application/octet-stream"},
        {"html", "application/octet-stream"},
        {"a.HTML", "application/octet-stream"},
        {"a.unknown", "application/octet-stream"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(console_path_type(rows[i].name), rows[i].type);
    }
}

static void only_what_a_bundler_names_never_changes(void **state UNUSED)
{
    assert_true(console_path_is_immutable("assets/index-1a2b.js"));
    assert_false(console_path_is_immutable("index.html"));
    assert_false(console_path_is_immutable("sub/assets/x.js"));
    assert_false(console_path_is_immutable("assets.js"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_decoded_and_folders_have_an_index),
        cmocka_unit_test(what_leads_elsewhere_or_is_hidden_is_refused),
        cmocka_unit_test(no_combination_of_pieces_leads_out),
        cmocka_unit_test(names_have_a_longest_length),
        cmocka_unit_test(endings_tell_the_type),
        cmocka_unit_test(only_what_a_bundler_names_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
