/* SPDX-License-Identifier: MIT */
/* Whose question is asked next, and who gives way when too many wait. The judge answers one question
 * at a time, so the order of answers is the order of turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/access/auth_known.h"
#include "gateway/access/auth_lines.h"
#include "gateway/access/auth_turns.h"
#include "tests/unit/auth_fixture.h"

#define ANA "{\"user\":\"ana\"}"
enum { ATTACKER = 1, VICTIM = 2, NO_ADDRESS = 0, MANY = 300 };

/* A stage on which `turns` questions are asked at once, with nothing asked yet. */
static void set_turns(struct fixture *f, int64_t turns)
{
    f->settings->broadcaster.auth_concurrency = turns;
    fixture_remake_auth(f);
    f->judge.body = ANA;
}

/* Asks with a token that no other number has, from this client. */
static bool begin_new(struct asker *a, struct fixture *f, unsigned number, uint64_t client)
{
    char token[41];
    (void)snprintf(token, sizeof(token), "%040x", number);
    return asker_begin_from(a, f, AUTH_MAY, token, "/contest/a", client);
}

static bool begin_anonymous(struct asker *a, struct fixture *f, unsigned number, uint64_t client)
{
    char filters[32];
    (void)snprintf(filters, sizeof(filters), "/problemset/%u", number + 1);
    return asker_begin_from(a, f, AUTH_MAY, "", filters, client);
}

typedef bool (*begin_fn)(struct asker *a, struct fixture *f, unsigned number, uint64_t client);

static struct asker *begin_many(struct fixture *f, begin_fn begin, unsigned n, uint64_t client)
{
    struct asker *a = calloc(n, sizeof(*a));
    assert_non_null(a);
    for (unsigned i = 0; i < n; i++) {
        assert_true(begin(&a[i], f, 1000 + i, client));
    }
    return a;
}

static void end_many(struct asker *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (a[i].calls == 0) {
            auth_cancel(a[i].call);
        }
    }
    free(a);
}

static void turns_go_round_by_address(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) { /* with new credentials, and with none */
        begin_fn begin = i == 0 ? begin_new : begin_anonymous;
        set_turns(f, 1);
        f->answers = 0;
        struct asker *attack = begin_many(f, begin, MANY, ATTACKER);
        struct asker victims[3] = {0};
        for (unsigned v = 0; v < ARRAY_LEN(victims); v++) {
            assert_true(begin(&victims[v], f, v, VICTIM + v));
        }
        for (unsigned v = 0; v < ARRAY_LEN(victims); v++) {
            fixture_run_until(f, &victims[v].calls, 1);
            assert_int_equal(victims[v].result, AUTH_OK);
            assert_in_range(victims[v].place, 1, 2 + ARRAY_LEN(victims));
        }
        end_many(attack, MANY);
    }
}

static void known_credentials_do_not_wait_for_made_up_ones(void **state)
{
    struct fixture *f = *state;
    set_turns(f, 1);
    assert_int_equal(ask(f, AUTH_MAY, "K", "/contest/known").result, AUTH_OK);
    assert_int_equal(ask(f, AUTH_MAY, "L", "/contest/known").result, AUTH_OK);
    f->answers = 0;
    struct asker *attack = begin_many(f, begin_new, MANY, NO_ADDRESS);
    struct asker victims[3] = {0};
    assert_true(asker_begin_from(&victims[0], f, AUTH_MAY, "K", "/contest/a", NO_ADDRESS));
    assert_true(asker_begin_from(&victims[1], f, AUTH_MAY, "L", "/contest/a", NO_ADDRESS));
    assert_true(asker_begin_from(&victims[2], f, AUTH_MAY, "K", "/contest/b", NO_ADDRESS));
    for (unsigned v = 0; v < ARRAY_LEN(victims); v++) {
        fixture_run_until(f, &victims[v].calls, 1);
        assert_int_equal(victims[v].result, AUTH_OK);
        assert_in_range(victims[v].place, 1, 8); /* every other turn is theirs */
    }
    end_many(attack, MANY);
}

static void a_credential_with_a_grant_is_known(void **state)
{
    struct fixture *f = *state;
    set_turns(f, 1);
    struct asker *attack = begin_many(f, begin_new, MANY, NO_ADDRESS);
    const struct auth_question q = {.kind = AUTH_MAY,
                                    .credential.token = STR("G"),
                                    .filters = STR("/contest/a"),
                                    .is_granted = true};
    struct asker victim = {0};
    assert_true(asker_begin_with(&victim, f, &q));
    fixture_run_until(f, &victim.calls, 1);
    assert_in_range(victim.place, 1, 3);
    end_many(attack, MANY);
}

static void an_idle_share_serves_the_others(void **state)
{
    struct fixture *f = *state;
    set_turns(f, 8);
    f->judge.holds = true;
    struct asker *all = begin_many(f, begin_anonymous, 20, ATTACKER);
    fixture_run_until(f, &f->judge.calls, 8);
    assert_int_equal(f->judge.now, 8);
    end_many(all, 20);
}

static void each_class_has_its_share_of_the_turns(void **state)
{
    struct fixture *f = *state;
    set_turns(f, 4);
    assert_int_equal(ask(f, AUTH_MAY, "K", "/contest/known").result, AUTH_OK);
    f->judge.holds = true;
    struct asker *none = begin_many(f, begin_anonymous, 20, ATTACKER);
    struct asker *made_up = begin_many(f, begin_new, 20, ATTACKER);
    struct asker known[20] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        char filters[32];
        (void)snprintf(filters, sizeof(filters), "/contest/c%u", i);
        assert_true(asker_begin_from(&known[i], f, AUTH_MAY, "K", filters, VICTIM));
    }
    for (unsigned n = 0; n < 12; n++) {
        fixture_run_until(f, &f->judge.calls, 1 + 4 + n);
        judge_let_go(&f->judge, 200, ANA);
    }
    fixture_run_until(f, &f->judge.calls, 1 + 4 + 12);
    size_t asked[AUTH_CLASSES];
    for (size_t i = 0; i < AUTH_CLASSES; i++) {
        asked[i] = f->auth->lines.classes[i].n_asked;
    }
    assert_int_equal(asked[AUTH_CLASS_KNOWN], 2);
    assert_int_equal(asked[AUTH_CLASS_NEW], 1);
    assert_int_equal(asked[AUTH_CLASS_NONE], 1);
    f->judge.holds = false;
    end_many(none, 20);
    end_many(made_up, 20);
    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].calls == 0) {
            auth_cancel(known[i].call);
        }
    }
}

static void when_too_many_wait_the_newest_of_the_longest_line_gives_way(void **state)
{
    struct fixture *f = *state;
    f->limits.waiting = 4;
    set_turns(f, 1);
    f->judge.holds = true;
    struct asker first = {0}, attack[4] = {0}, victims[3] = {0};
    assert_true(begin_new(&first, f, 1, ATTACKER)); /* has its turn */
    for (unsigned i = 0; i < ARRAY_LEN(attack); i++) {
        assert_true(begin_new(&attack[i], f, 10 + i, ATTACKER));
    }
    for (unsigned i = 0; i < ARRAY_LEN(victims); i++) {
        assert_true(begin_new(&victims[i], f, 20 + i, VICTIM + i));
    }
    fixture_run_until(f, &f->answers, 3);
    assert_int_equal(attack[0].calls, 0);
    for (unsigned i = 1; i < ARRAY_LEN(attack); i++) {
        assert_int_equal(attack[i].result, AUTH_UNAVAILABLE);
    }
    assert_int_equal(f->metrics.refused_busy, 3);
    assert_int_equal(auth_waiting(f->auth), 4);
    fixture_run_until(f, &f->judge.calls, 1);
    f->judge.holds = false;
    judge_let_go(&f->judge, 200, ANA);
    fixture_run_until(f, &f->answers, 8);
    for (unsigned i = 0; i < ARRAY_LEN(victims); i++) {
        assert_int_equal(victims[i].result, AUTH_OK);
    }
}

static void many_made_up_credentials_push_no_known_one_out(void **state)
{
    struct fixture *f = *state;
    f->limits.waiting = 8;
    set_turns(f, 1);
    assert_int_equal(ask(f, AUTH_MAY, "K", "/contest/known").result, AUTH_OK);
    f->judge.holds = true;
    struct asker known[3] = {0};
    static const char *const filters[] = {"/contest/a", "/contest/b", "/contest/c"};
    struct asker *before = begin_many(f, begin_new, 8, NO_ADDRESS);
    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        assert_true(asker_begin_from(&known[i], f, AUTH_MAY, "K", filters[i], NO_ADDRESS));
    }
    struct asker after[8] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(after); i++) {
        assert_true(begin_new(&after[i], f, i, NO_ADDRESS));
    }
    fixture_run_for_ms(f, 20);
    f->judge.holds = false;
    judge_let_go(&f->judge, 200, ANA);
    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        fixture_run_until(f, &known[i].calls, 1);
        assert_int_equal(known[i].result, AUTH_OK);
    }
    end_many(before, 8);
    for (unsigned i = 0; i < ARRAY_LEN(after); i++) {
        if (after[i].calls == 0) {
            auth_cancel(after[i].call);
        }
    }
}

static void two_thousand_new_credentials_of_one_address_are_all_answered(void **state)
{
    struct fixture *f = *state;
    set_turns(f, 8);
    struct asker *school = begin_many(f, begin_new, 2000, VICTIM);
    fixture_run_until(f, &f->answers, 2000);
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(school[i].result, AUTH_OK);
    }
    assert_int_equal(f->metrics.refused_busy, 0);
    end_many(school, 2000);
}

static void who_joins_counts_in_no_queue_and_stands_in_the_better_line(void **state)
{
    struct fixture *f = *state;
    f->limits.waiting = 20;
    set_turns(f, 1);
    f->judge.holds = true;
    struct asker *attack = begin_many(f, begin_anonymous, 20, ATTACKER);
    struct asker last = {0}, joined[30] = {0};
    assert_true(begin_anonymous(&last, f, 1, ATTACKER)); /* at the end of a long line */
    for (unsigned i = 0; i < ARRAY_LEN(joined); i++) {
        assert_true(begin_anonymous(&joined[i], f, 1, VICTIM));
    }
    assert_int_equal(auth_waiting(f->auth), 20);
    f->answers = 0;
    fixture_run_until(f, &f->judge.calls, 1);
    f->judge.holds = false;
    judge_let_go(&f->judge, 200, ANA);
    for (unsigned i = 0; i < ARRAY_LEN(joined); i++) {
        fixture_run_until(f, &joined[i].calls, 1);
        assert_int_equal(joined[i].result, AUTH_OK);
        assert_in_range(joined[i].place, 1, 4 + ARRAY_LEN(joined));
    }
    end_many(attack, 20);
}

static void questions_that_wait_are_bounded_in_bytes(void **state)
{
    struct fixture *f = *state;
    f->limits.waiting_bytes = 8192;
    set_turns(f, 1);
    f->judge.holds = true;
    struct asker a[50] = {0};
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        assert_true(begin_new(&a[i], f, i, ATTACKER));
    }
    assert_true(f->auth->lines.bytes <= 8192);
    assert_true(f->metrics.refused_busy > 0);
    fixture_run_until(f, &f->answers, (unsigned)f->metrics.refused_busy);
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        if (a[i].calls == 0) {
            auth_cancel(a[i].call);
        }
    }
    assert_int_equal(f->auth->lines.bytes, 0);
    assert_int_equal(auth_waiting(f->auth), 0);
}

/* ---- known credentials ---- */

static void a_credential_is_known_for_ten_minutes(void **state)
{
    (void)state;
    struct auth_known k;
    auth_known_init(&k);
    uint64_t key = auth_known_key(STR("T"));
    assert_false(auth_known_has(&k, key, 0));
    auth_known_accept(&k, key, 1000);
    assert_true(auth_known_has(&k, key, 1000 + AUTH_KNOWN_MS - 1));
    assert_false(auth_known_has(&k, key, 1000 + AUTH_KNOWN_MS));
    auth_known_accept(&k, key, 5000);
    assert_true(auth_known_has(&k, key, 1000 + AUTH_KNOWN_MS));
    auth_known_forget(&k, key);
    assert_false(auth_known_has(&k, key, 5000));
    auth_known_release(&k);
}

static void known_credentials_are_bounded_and_the_oldest_goes(void **state)
{
    (void)state;
    struct auth_known k;
    auth_known_init(&k);
    for (uint64_t i = 1; i <= AUTH_KNOWN_MAX + 10; i++) {
        auth_known_accept(&k, i, 1000);
    }
    assert_int_equal(k.by_key.count, AUTH_KNOWN_MAX);
    assert_false(auth_known_has(&k, 10, 1000));
    assert_true(auth_known_has(&k, 11, 1000));
    auth_known_accept(&k, 1, 1000 + AUTH_KNOWN_MS);
    assert_int_equal(k.by_key.count, 1);
    auth_known_release(&k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_set_up, fixture_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(turns_go_round_by_address),
        TEST(known_credentials_do_not_wait_for_made_up_ones),
        TEST(a_credential_with_a_grant_is_known),
        TEST(an_idle_share_serves_the_others),
        TEST(each_class_has_its_share_of_the_turns),
        TEST(when_too_many_wait_the_newest_of_the_longest_line_gives_way),
        TEST(many_made_up_credentials_push_no_known_one_out),
        TEST(two_thousand_new_credentials_of_one_address_are_all_answered),
        TEST(who_joins_counts_in_no_queue_and_stands_in_the_better_line),
        TEST(questions_that_wait_are_bounded_in_bytes),
        cmocka_unit_test(a_credential_is_known_for_ten_minutes),
        cmocka_unit_test(known_credentials_are_bounded_and_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
