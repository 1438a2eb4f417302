/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>
#include <stdio.h>

#include "gateway/bus/topic_names.h"
#include "tests/support/fail_alloc.h"

static int set_up(void **state)
{
    *state = topic_names_create(STR("P:"));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    fail_alloc_at(-1);
    topic_names_free(*state);
    return 0;
}

static void assert_taken(struct topic_names *t, const char *expected)
{
    char all[256] = "";
    size_t n;
    const struct str *names = topic_names_take(t, &n);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%.*s ", STR_ARG(names[i]));
    }
    assert_string_equal(all, expected);
}

static void names_come_once_in_order_with_their_prefix(void **state)
{
    struct topic_names *t = *state;
    assert_taken(t, "");
    topic_names_add(t, STR("a"));
    topic_names_add(t, STR("b"));
    topic_names_add(t, STR("a"));
    assert_taken(t, "P:a P:b ");
    assert_taken(t, "");
    topic_names_add(t, STR("a"));
    assert_taken(t, "P:a ");
}

static void removed_names_are_not_taken_and_come_last_when_added_again(void **state)
{
    struct topic_names *t = *state;
    topic_names_add(t, STR("a"));
    topic_names_add(t, STR("b"));
    topic_names_add(t, STR("c"));
    topic_names_remove(t, STR("b"));
    topic_names_remove(t, STR("b"));
    topic_names_remove(t, STR("x"));
    assert_taken(t, "P:a P:c ");
    topic_names_add(t, STR("a"));
    topic_names_add(t, STR("b"));
    topic_names_remove(t, STR("a"));
    topic_names_add(t, STR("a"));
    assert_taken(t, "P:b P:a ");
}

static void many_names_are_kept(void **state)
{
    struct topic_names *t = *state;
    char name[16];
    size_t n;
    for (int i = 0; i < 1000; i++) {
        topic_names_add(t, (struct str){name, (size_t)snprintf(name, sizeof(name), "%d", i)});
    }
    for (int i = 0; i < 1000; i += 2) {
        topic_names_remove(t, (struct str){name, (size_t)snprintf(name, sizeof(name), "%d", i)});
    }
    const struct str *names = topic_names_take(t, &n);
    assert_int_equal(n, 500);
    assert_true(str_eq(names[0], STR("P:1")));
    assert_true(str_eq(names[499], STR("P:999")));
}

static void name_without_memory_stays_out_and_harms_no_other(void **state)
{
    struct topic_names *t = *state;
    for (long n = 0; n < 6; n++) {
        struct topic_names *other = topic_names_create(STR("P:"));
        fail_alloc_at(n);
        topic_names_add(other, STR("a"));
        bool hit = fail_alloc_hit();
        fail_alloc_at(-1);
        topic_names_add(other, STR("b"));
        assert_taken(other, hit ? "P:b " : "P:a P:b ");
        topic_names_free(other);
    }
    topic_names_add(t, STR("a"));
    fail_alloc_at(0);
    topic_names_remove(t, STR("a"));
    fail_alloc_at(-1);
    for (long n = 0; n < 2; n++) {
        fail_alloc_at(n);
        assert_null(topic_names_create(STR("P:")));
    }
    topic_names_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_come_once_in_order_with_their_prefix),
        TEST(removed_names_are_not_taken_and_come_last_when_added_again),
        TEST(many_names_are_kept),
        TEST(name_without_memory_stays_out_and_harms_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
