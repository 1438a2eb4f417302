/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/redis/server_list.h"

static struct settings *settings_with(const char *const *urls, size_t n)
{
    struct settings *s = settings_create();
    assert_non_null(s);
    s->redis.urls.v = calloc(n + 1, sizeof(char *));
    assert_non_null(s->redis.urls.v);
    for (size_t i = 0; i < n; i++) {
        s->redis.urls.v[i] = strdup(urls[i]);
    }
    s->redis.urls.n = n;
    return s;
}

static void digest_of(const char *a, const char *b, char out[static SERVER_LIST_DIGEST_MAX])
{
    const char *urls[] = {a, b};
    const char *why = NULL;
    AUTO(settings) *s = settings_with(urls, 2);
    assert_true(server_list_digest(s, out, &why));
}

static void single_url_is_a_list_of_one_that_may_go_by_any_name(void **state)
{
    (void)state;
    char out[SERVER_LIST_DIGEST_MAX];
    const char *why = NULL;
    AUTO(settings) *s = settings_create();
    assert_non_null(s);
    assert_int_equal(server_list_count(s), 1);
    assert_string_equal(server_list_url(s, 0), s->redis.url);
    assert_true(server_list_digest(s, out, &why));
    assert_string_equal(out, "1:");
}

static void digest_knows_servers_and_order_but_not_credentials(void **state)
{
    (void)state;
    char plain[SERVER_LIST_DIGEST_MAX], same[SERVER_LIST_DIGEST_MAX], other[SERVER_LIST_DIGEST_MAX];
    digest_of("redis://a", "redis://b", plain);
    assert_memory_equal(plain, "2:", 2);
    digest_of("redis://gateway:secret@a:6379/0", "redis://b", same);
    assert_string_equal(plain, same);
    digest_of("redis://b", "redis://a", other);
    assert_string_not_equal(plain, other);
    digest_of("redis://a:6380", "redis://b", other);
    assert_string_not_equal(plain, other);
    digest_of("redis://a/1", "redis://b", other);
    assert_string_not_equal(plain, other);
}

static void unreadable_url_has_no_digest(void **state)
{
    (void)state;
    const char *urls[] = {"redis://a", "http://b"};
    char out[SERVER_LIST_DIGEST_MAX];
    const char *why = NULL;
    AUTO(settings) *s = settings_with(urls, 2);
    assert_false(server_list_digest(s, out, &why));
    assert_non_null(why);
}

static void all_is_on_each_server_under_its_number(void **state)
{
    (void)state;
    assert_int_equal(server_list_of(STR("all"), 4), 0);
    assert_int_equal(server_list_of(STR("all/1"), 4), 1);
    assert_int_equal(server_list_of(STR("all/3"), 4), 3);
    assert_int_equal(server_list_of(STR("all/4"), 4), 0);
    assert_int_equal(server_list_of(STR("contest/a"), 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_url_is_a_list_of_one_that_may_go_by_any_name),
        cmocka_unit_test(digest_knows_servers_and_order_but_not_credentials),
        cmocka_unit_test(unreadable_url_has_no_digest),
        cmocka_unit_test(all_is_on_each_server_under_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
