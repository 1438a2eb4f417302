/* SPDX-License-Identifier: MIT */
#include "common/redis/redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MAX_HOSTS_SHOWN 3

static const struct good {
    const char *text;
    enum redis_url_kind kind;
    const char *user, *password, *service;
    int db;
    struct redis_url_host hosts[MAX_HOSTS_SHOWN];
} good[] = {
    {"redis://redis", REDIS_URL_TCP, NULL, NULL, NULL, 0, {{"redis", 6379}}},
    {"redis://redis/", REDIS_URL_TCP, NULL, NULL, NULL, 0, {{"redis", 6379}}},
    {"redis://redis:6380", REDIS_URL_TCP, NULL, NULL, NULL, 0, {{"redis", 6380}}},
    {"redis://127.0.0.1:1/15", REDIS_URL_TCP, NULL, NULL, NULL, 15, {{"127.0.0.1", 1}}},
    {"redis://h:65535/0", REDIS_URL_TCP, NULL, NULL, NULL, 0, {{"h", 65535}}},
    {"redis://[::1]", REDIS_URL_TCP, NULL, NULL, NULL, 0, {{"::1", 6379}}},
    {"redis://[fe80::1]:7000/2", REDIS_URL_TCP, NULL, NULL, NULL, 2, {{"fe80::1", 7000}}},
    {"redis://:secret@h", REDIS_URL_TCP, NULL, "secret", NULL, 0, {{"h", 6379}}},
    {"redis://ana:s%3Aec%2Fret%40@h:1/3", REDIS_URL_TCP, "ana", "s:ec/ret@", NULL, 3, {{"h", 1}}},
    {"redis://u:a%2Fb%25c%40d%3Ae%23f@h",
     REDIS_URL_TCP,
     "u",
     "a/b%c@d:e#f",
     NULL,
     0,
     {{"h", 6379}}},
    {"redis://u:a:b@h", REDIS_URL_TCP, "u", "a:b", NULL, 0, {{"h", 6379}}},
    {"redis://a%20b:c@d@h", REDIS_URL_TCP, "a b", "c@d", NULL, 0, {{"h", 6379}}},
    {"rediss://u:p@r.example:6390/1", REDIS_URL_TCP, "u", "p", NULL, 1, {{"r.example", 6390}}},
    {"unix:///run/redis.sock", REDIS_URL_UNIX, NULL, NULL, NULL, 0, {{"/run/redis.sock", 0}}},
    {"unix://relative.sock?db=4", REDIS_URL_UNIX, NULL, NULL, NULL, 4, {{"relative.sock", 0}}},
    {"unix://u:p@/run/a@b.sock?db=9", REDIS_URL_UNIX, "u", "p", NULL, 9, {{"/run/a@b.sock", 0}}},
    {"redis+sentinel://a/main", REDIS_URL_SENTINEL, NULL, NULL, "main", 0, {{"a", 26379}}},
    {"redis+sentinel://u:p@a:1,[::2]:2,c/main/7",
     REDIS_URL_SENTINEL,
     "u",
     "p",
     "main",
     7,
     {{"a", 1}, {"::2", 2}, {"c", 26379}}},
    {"rediss+sentinel://a/main", REDIS_URL_SENTINEL, NULL, NULL, "main", 0, {{"a", 26379}}},
};

static void assert_text_equal(const char *expected, const char *actual)
{
    if (!expected || !actual) {
        assert_null(expected);
        assert_null(actual);
    } else {
        assert_string_equal(expected, actual);
    }
}

static void good_addresses_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const struct good *g = &good[i];
        struct redis_url u;
        const char *why = NULL;
        if (!redis_url_parse(str_of(g->text), &u, &why)) {
            fail_msg("%s: %s", g->text, why);
        }
        assert_int_equal(g->kind, u.kind);
        assert_int_equal(strncmp(g->text, "rediss", 6) == 0, u.tls);
        assert_text_equal(g->user, u.user);
        assert_text_equal(g->password, u.password);
        assert_text_equal(g->service, u.service);
        assert_int_equal(g->db, u.db);
        size_t n = 0;
        for (; n < MAX_HOSTS_SHOWN && g->hosts[n].name; n++) {
            assert_string_equal(g->hosts[n].name, u.hosts[n].name);
            assert_int_equal(g->hosts[n].port, u.hosts[n].port);
        }
        assert_int_equal(n, u.n_hosts);
        redis_url_release(&u);
        assert_null(u.text);
    }
}

static void a_password_s_error_names_the_character(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"redis://:a/b@h", "user or password hold '/': write %2F"},
        {"redis://u:a/b@h:6379/0", "user or password hold '/': write %2F"},
        {"rediss://u:a#b@h", "user or password hold '#': write %23"},
        {"redis+sentinel://u:a?b@h/main", "user or password hold '?': write %3F"},
        {"redis://u:100%@h", "user or password hold '%' without two hexadecimal digits: write %25"},
        {"redis://u:%zz@h", "user or password hold '%' without two hexadecimal digits: write %25"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_url u;
        const char *why = NULL;
        assert_false(redis_url_parse(str_of(rows[i].text), &u, &why));
        assert_string_equal(rows[i].why, why);
    }
}

static const char *const bad[] = {
    "",
    "redis",
    "redis:",
    "redis:/h",
    "REDIS://h",
    "http://h",
    "redis://",
    "redis:///0",
    "redis://:6379",
    "redis://h:",
    "redis://h:0",
    "redis://h:65536",
    "redis://h:99999999999999999999",
    "redis://h:6379x",
    "redis://h:+1",
    "redis://h/x",
    "redis://h/-1",
    "redis://h/1/2",
    "redis://h/1000001",
    "redis://h?db=1",
    "redis://h#x",
    "redis://a,b",
    "redis://[::1",
    "redis://[::1]x",
    "redis://[]",
    "redis://::1",
    "redis://a b",
    "redis://user@h",
    "redis://user:@h",
    "redis://user:%zz@h",
    "redis://user:%4@h",
    "redis://user:%00@h",
    "redis://us%er:p@h",
    "redis://u:p@",
    "rediss://",
    "unix://",
    "unix://?db=1",
    "unix:///a?db=",
    "unix:///a?db=x",
    "unix:///a?base=1",
    ("unix:///0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789012345678901234567"),
    "redis+sentinel://a",
    "redis+sentinel://a/",
    "redis+sentinel://a//1",
    "redis+sentinel:///main",
    "redis+sentinel://a,/main",
    "redis+sentinel://a/main/x",
    "redis+sentinel://a,b,c,d,e,f,g,h,i/main",
};

static void bad_addresses_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redis_url u;
        const char *why = NULL;
        if (redis_url_parse(str_of(bad[i]), &u, &why)) {
            fail_msg("%s: was taken", bad[i]);
        }
        assert_non_null(why);
    }
}

static void longest_socket_path_is_taken(void **state)
{
    (void)state;
    char text[7 + 107 + 1] = "unix://";
    memset(text + 7, 'a', 107);
    struct redis_url u;
    const char *why = NULL;
    assert_true(redis_url_parse((struct str){text, 7 + 107}, &u, &why));
    assert_int_equal(107, strlen(u.hosts[0].name));
    redis_url_release(&u);
}

static void address_with_zero_byte_is_refused(void **state)
{
    (void)state;
    struct redis_url u;
    const char *why = NULL;
    assert_false(redis_url_parse(STR("redis://h\0x"), &u, &why));
}

static void overlong_address_is_refused(void **state)
{
    (void)state;
    size_t n = 5000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'h', n);
    memcpy(text, "redis://", 8);
    struct redis_url u;
    const char *why = NULL;
    assert_false(redis_url_parse((struct str){text, n}, &u, &why));
    assert_true(redis_url_parse((struct str){text, 4096}, &u, &why));
    redis_url_release(&u);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_are_taken_apart),
        cmocka_unit_test(a_password_s_error_names_the_character),
        cmocka_unit_test(bad_addresses_are_refused_with_a_reason),
        cmocka_unit_test(longest_socket_path_is_taken),
        cmocka_unit_test(address_with_zero_byte_is_refused),
        cmocka_unit_test(overlong_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
