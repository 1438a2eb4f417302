/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/hub/users.h"

static struct users *create(void)
{
    struct users *u = users_create();
    assert_non_null(u);
    return u;
}

static size_t length(const struct list *head)
{
    size_t n = 0;
    for (const struct list *it = head->next; it != head; it = it->next) {
        n++;
    }
    return n;
}

static void sessions_of_one_name_share_one_user(void **state UNUSED)
{
    struct users *u = create();
    struct list a;
    struct list b;
    list_init(&a);
    list_init(&b);
    struct user *first = users_attach(u, STR("ana"), &a);
    assert_non_null(first);
    assert_ptr_equal(users_attach(u, STR("ana"), &b), first);
    assert_int_equal(users_count(u), 1);
    struct list *sessions = users_sessions(u, STR("ana"));
    assert_non_null(sessions);
    assert_int_equal(length(sessions), 2);
    assert_ptr_equal(list_first(sessions), &a);
    users_detach(u, first, &a);
    assert_ptr_equal(list_first(users_sessions(u, STR("ana"))), &b);
    users_detach(u, first, &b);
    assert_true(list_empty(&a) && list_empty(&b));
    assert_null(users_free(u));
}

static void the_last_session_ends_the_user(void **state UNUSED)
{
    struct users *u = create();
    struct list a;
    list_init(&a);
    struct user *user = users_attach(u, STR("ana"), &a);
    users_detach(u, user, &a);
    assert_int_equal(users_count(u), 0);
    assert_null(users_sessions(u, STR("ana")));
    users_free(u);
}

static void names_compare_byte_for_byte(void **state UNUSED)
{
    struct users *u = create();
    static const char *const names[] = {"ana", "Ana", "omi:ana", "an", "anaa"};
    struct list nodes[ARRAY_LEN(names)];
    struct user *users[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        list_init(&nodes[i]);
        users[i] = users_attach(u, str_of(names[i]), &nodes[i]);
        assert_non_null(users[i]);
    }
    assert_int_equal(users_count(u), ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(length(users_sessions(u, str_of(names[i]))), 1);
        users_detach(u, users[i], &nodes[i]);
    }
    users_free(u);
}

static void the_name_is_a_copy(void **state UNUSED)
{
    struct users *u = create();
    struct list a;
    list_init(&a);
    char name[] = "ana";
    struct user *user = users_attach(u, str_of(name), &a);
    memset(name, 'x', 3);
    assert_true(str_eq(user_name(user), STR("ana")));
    assert_non_null(users_sessions(u, STR("ana")));
    users_detach(u, user, &a);
    users_free(u);
}

static void freeing_nothing_is_harmless(void **state UNUSED)
{
    assert_null(users_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_of_one_name_share_one_user),
        cmocka_unit_test(the_last_session_ends_the_user),
        cmocka_unit_test(names_compare_byte_for_byte),
        cmocka_unit_test(the_name_is_a_copy),
        cmocka_unit_test(freeing_nothing_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
