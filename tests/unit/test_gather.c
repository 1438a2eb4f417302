/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/msg.h"
#include "gateway/session/gather.h"

static void assert_bytes(struct gather *g, struct msg *const *msgs, size_t n, const char *expected)
{
    struct str all = gather_bytes(g, msgs, n);
    assert_int_equal(all.n, strlen(expected));
    assert_memory_equal(all.p, expected, all.n);
}

static void sequences_are_put_together_each_in_its_order(void **state)
{
    (void)state;
    AUTO(gather) *g = gather_create();
    struct msg *a = msg_copy(STR("aa"));
    struct msg *b = msg_copy(STR("b"));
    assert_bytes(g, (struct msg *[]){a, b}, 2, "aab");
    assert_bytes(g, (struct msg *[]){a, b}, 2, "aab");
    assert_bytes(g, (struct msg *[]){b, a}, 2, "baa");
    assert_bytes(g, (struct msg *[]){b}, 1, "b");
    assert_bytes(g, (struct msg *[]){b, a, a}, 3, "baaaa");
    assert_bytes(g, NULL, 0, "");
    msg_unref(a);
    msg_unref(b);
}

static void message_that_is_gone_is_not_taken_for_another_at_its_address(void **state)
{
    (void)state;
    AUTO(gather) *g = gather_create();
    for (char c = 'a'; c <= 'z'; c++) {
        struct msg *m[] = {msg_copy((struct str){&c, 1}), msg_copy(STR("-"))};
        char expected[] = {c, '-', '\0'};
        assert_bytes(g, m, 2, expected);
        msg_unref(m[0]); /* the gatherer keeps it, so the next one lies elsewhere */
        msg_unref(m[1]);
    }
}

static void largest_run_fits(void **state)
{
    (void)state;
    struct gather *g = gather_create();
    struct msg *m[GATHER_MAX_MSGS];
    for (size_t i = 0; i < GATHER_MAX_MSGS; i++) {
        m[i] = msg_create(GATHER_MAX_BYTES / GATHER_MAX_MSGS);
        memset(m[i]->bytes, (int)i, m[i]->len);
    }
    struct str all = gather_bytes(g, m, GATHER_MAX_MSGS);
    assert_int_equal(all.n, GATHER_MAX_BYTES);
    assert_int_equal((uint8_t)all.p[all.n - 1], GATHER_MAX_MSGS - 1);
    for (size_t i = 0; i < GATHER_MAX_MSGS; i++) {
        msg_unref(m[i]);
    }
    assert_true(msg_bytes_alive() > 0);
    gather_free(g);
    assert_int_equal(msg_bytes_alive(), 0);
    gather_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_are_put_together_each_in_its_order),
        cmocka_unit_test(message_that_is_gone_is_not_taken_for_another_at_its_address),
        cmocka_unit_test(largest_run_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
