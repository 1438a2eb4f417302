/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/access/auth_answer.h"
#include "gateway/access/auth_cache.h"

enum { MAX_ENTRIES = 4, LIFETIME_MS = 2000 };

static int set_up(void **state)
{
    struct auth_cache *c = auth_cache_create(MAX_ENTRIES);
    if (!c) {
        return -1;
    }
    auth_cache_set_lifetime(c, LIFETIME_MS);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    *state = auth_cache_free(*state);
    return 0;
}

static struct auth_key key_of(enum auth_question_kind kind, const char *token, const char *filters)
{
    const struct auth_question q = {
        .kind = kind, .credential.token = str_of(token), .filters = str_of(filters)};
    struct auth_key k;
    assert_true(auth_key_make(&q, &k));
    return k;
}

static struct auth_key key_number(unsigned i)
{
    char token[16];
    (void)snprintf(token, sizeof(token), "t%u", i);
    return key_of(AUTH_WHO, token, "");
}

static void put(struct auth_cache *c, const struct auth_key *k, enum auth_result result,
                const char *user, uint64_t asked_ms, uint64_t now_ms)
{
    const struct auth_answer a = {.result = result, .user = str_of(user)};
    struct held_answer *h = held_answer_create(&a);
    assert_non_null(h);
    auth_cache_put(c, k, h, asked_ms, now_ms);
    assert_null(held_answer_unref(h));
}

static bool has(struct auth_cache *c, const struct auth_key *k, uint64_t now_ms)
{
    return auth_cache_get(c, k, now_ms) != NULL;
}

static void every_part_of_a_question_makes_its_key(void **state UNUSED)
{
    const struct auth_key keys[] = {
        key_of(AUTH_WHO, "", ""),
        key_of(AUTH_MAY, "", ""),
        key_of(AUTH_WHO, "ab", ""),
        key_of(AUTH_MAY, "ab", ""),
        key_of(AUTH_MAY, "a", "b"),
        key_of(AUTH_MAY, "", "ab"),
        key_of(AUTH_MAY, "ab", "/all-events"),
        key_of(AUTH_MAY, "ac", "/all-events"),
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        for (size_t j = 0; j < ARRAY_LEN(keys); j++) {
            assert_int_equal(str_eq(auth_key_str(&keys[i]), auth_key_str(&keys[j])), i == j);
        }
    }
    struct auth_key again = key_of(AUTH_MAY, "ab", "/all-events");
    assert_true(str_eq(auth_key_str(&again), auth_key_str(&keys[6])));
}

static void an_answer_serves_for_its_lifetime_from_being_asked(void **state)
{
    static const struct {
        enum auth_result result;
        uint64_t lifetime_ms;
    } rows[] = {{AUTH_OK, LIFETIME_MS},
                {AUTH_UNAUTHORIZED, 1000},
                {AUTH_FORBIDDEN, 1000},
                {AUTH_NOT_FOUND, 1000},
                {AUTH_UNAVAILABLE, 0}};
    struct auth_cache *c = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct auth_key k = key_number((unsigned)i);
        put(c, &k, rows[i].result, "", 5000, 5000);
        uint64_t end_ms = 5000 + rows[i].lifetime_ms;
        assert_int_equal(has(c, &k, end_ms - 1), rows[i].lifetime_ms > 0);
        assert_false(has(c, &k, end_ms));
        assert_false(has(c, &k, end_ms - 1)); /* it was dropped */
    }
    assert_int_equal(auth_cache_count(c), 0);
}

static void a_slow_answer_has_aged_on_its_way(void **state)
{
    struct auth_cache *c = *state;
    struct auth_key k = key_number(1);
    put(c, &k, AUTH_OK, "ana", 1000, 2900);
    assert_true(has(c, &k, 2999));
    assert_false(has(c, &k, 3000));
    put(c, &k, AUTH_OK, "ana", 1000, 3000);
    assert_int_equal(auth_cache_count(c), 0);
}

static void nothing_is_kept_without_a_lifetime(void **state)
{
    struct auth_cache *c = *state;
    auth_cache_set_lifetime(c, 0);
    struct auth_key k = key_number(1);
    put(c, &k, AUTH_OK, "ana", 1000, 1000);
    put(c, &k, AUTH_FORBIDDEN, "", 1000, 1000);
    assert_int_equal(auth_cache_count(c), 0);
}

static void a_newer_answer_replaces_an_older_and_never_the_reverse(void **state)
{
    struct auth_cache *c = *state;
    struct auth_key k = key_number(1);
    put(c, &k, AUTH_OK, "old", 1000, 1100);
    put(c, &k, AUTH_OK, "new", 1500, 1600);
    put(c, &k, AUTH_OK, "old", 1200, 1700);
    struct held_answer *h = auth_cache_get(c, &k, 1800);
    assert_non_null(h);
    assert_true(str_eq(h->a.user, STR("new")));
    assert_true(has(c, &k, 3499));
    assert_int_equal(auth_cache_count(c), 1);
}

static void the_least_recently_used_makes_room(void **state)
{
    struct auth_cache *c = *state;
    struct auth_key k[MAX_ENTRIES + 1];
    for (unsigned i = 0; i <= MAX_ENTRIES; i++) {
        k[i] = key_number(i);
    }
    for (unsigned i = 0; i < MAX_ENTRIES; i++) {
        put(c, &k[i], AUTH_OK, "ana", 1000, 1000);
    }
    assert_true(has(c, &k[0], 1001)); /* now 1 is the oldest */
    put(c, &k[MAX_ENTRIES], AUTH_OK, "ana", 1002, 1002);
    assert_int_equal(auth_cache_count(c), MAX_ENTRIES);
    assert_true(has(c, &k[0], 1003));
    assert_false(has(c, &k[1], 1003));
    assert_true(has(c, &k[MAX_ENTRIES], 1003));
}

static void forgetting_a_user_leaves_the_others(void **state)
{
    struct auth_cache *c = *state;
    struct auth_key k[3] = {key_number(1), key_number(2), key_number(3)};
    put(c, &k[0], AUTH_OK, "ana", 1000, 1000);
    put(c, &k[1], AUTH_OK, "bob", 1000, 1000);
    put(c, &k[2], AUTH_OK, "ana", 1000, 1000);
    auth_cache_forget_user(c, STR("ana"));
    assert_int_equal(auth_cache_count(c), 1);
    assert_false(has(c, &k[0], 1001));
    assert_true(has(c, &k[1], 1001));
    assert_false(has(c, &k[2], 1001));
}

static void sweeping_drops_what_is_too_old(void **state)
{
    struct auth_cache *c = *state;
    struct auth_key k[2] = {key_number(1), key_number(2)};
    put(c, &k[0], AUTH_OK, "ana", 1000, 1000);
    put(c, &k[1], AUTH_OK, "ana", 2000, 2000);
    auth_cache_sweep(c, 2999);
    assert_int_equal(auth_cache_count(c), 2);
    auth_cache_sweep(c, 3000);
    assert_int_equal(auth_cache_count(c), 1);
    auth_cache_sweep(c, 4000);
    assert_int_equal(auth_cache_count(c), 0);
}

static void clearing_drops_all(void **state)
{
    struct auth_cache *c = *state;
    struct auth_key k = key_number(1);
    put(c, &k, AUTH_OK, "ana", 1000, 1000);
    auth_cache_clear(c);
    assert_int_equal(auth_cache_count(c), 0);
    assert_false(has(c, &k, 1001));
    assert_null(auth_cache_free(NULL));
}

static void a_held_answer_is_a_deep_copy(void **state UNUSED)
{
    char contest[] = "annual-2024";
    char problem[] = "sums";
    char user[] = "ana";
    char body[] = "{}";
    const struct str contests[] = {STR("a"), str_of(contest)};
    const struct str problems[] = {str_of(problem)};
    const int64_t problemsets[] = {17, INT64_MAX};
    struct held_answer *h = held_answer_create(&(struct auth_answer){
        .result = AUTH_OK,
        .user = str_of(user),
        .admin = true,
        .contest_admin = contests,
        .n_contest_admin = 2,
        .problem_admin = problems,
        .n_problem_admin = 1,
        .problemset_admin = problemsets,
        .n_problemset_admin = 2,
        .scoreboard_contest = str_of(contest),
        .scoreboard_admin = true,
        .http_status = 200,
        .http_body = str_of(body),
    });
    assert_non_null(h);
    contest[0] = problem[0] = user[0] = body[0] = '#';
    assert_true(str_eq(h->a.user, STR("ana")) && h->a.admin);
    assert_true(auth_answer_is_contest_admin(&h->a, STR("annual-2024")));
    assert_true(auth_answer_is_contest_admin(&h->a, STR("a")));
    assert_false(auth_answer_is_contest_admin(&h->a, STR("annual")));
    assert_true(auth_answer_is_problem_admin(&h->a, STR("sums")));
    assert_false(auth_answer_is_problem_admin(&h->a, STR("a")));
    assert_true(auth_answer_is_problemset_admin(&h->a, 17));
    assert_true(auth_answer_is_problemset_admin(&h->a, INT64_MAX));
    assert_false(auth_answer_is_problemset_admin(&h->a, 18));
    assert_true(str_eq(h->a.scoreboard_contest, STR("annual-2024")) && h->a.scoreboard_admin);
    assert_true(str_eq(h->a.http_body, STR("{}")));
    assert_int_equal(h->a.http_status, 200);
    assert_ptr_equal(held_answer_ref(h), h);
    assert_null(held_answer_unref(h));
    assert_null(held_answer_unref(h));
    assert_null(held_answer_unref(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_a_question_makes_its_key),
        TEST(an_answer_serves_for_its_lifetime_from_being_asked),
        TEST(a_slow_answer_has_aged_on_its_way),
        TEST(nothing_is_kept_without_a_lifetime),
        TEST(a_newer_answer_replaces_an_older_and_never_the_reverse),
        TEST(the_least_recently_used_makes_room),
        TEST(forgetting_a_user_leaves_the_others),
        TEST(sweeping_drops_what_is_too_old),
        TEST(clearing_drops_all),
        cmocka_unit_test(a_held_answer_is_a_deep_copy),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
