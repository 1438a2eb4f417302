/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/msg.h"

static void new_message_has_one_reference_and_no_tag(void **state)
{
    (void)state;
    struct msg *m = msg_create(10);
    assert_non_null(m);
    assert_int_equal(m->refs, 1);
    assert_int_equal(m->tag, 0);
    assert_int_equal(m->skipped, 0);
    assert_int_equal(m->len, 10);
    assert_null(msg_unref(m));
}

static void copy_holds_the_bytes(void **state)
{
    (void)state;
    struct msg *m = msg_copy(STR("a\0b"));
    assert_non_null(m);
    assert_true(str_eq(msg_str(m), STR("a\0b")));
    msg_unref(m);
    m = msg_copy(STR_NONE);
    assert_non_null(m);
    assert_int_equal(m->len, 0);
    msg_unref(m);
}

static void shared_message_lives_until_its_last_reference_and_counts_once(void **state)
{
    (void)state;
    size_t before = msg_bytes_alive();
    struct msg *m = msg_create(1000);
    assert_non_null(m);
    assert_ptr_equal(msg_ref(m), m);
    assert_int_equal(msg_bytes_alive(), before + 1000);
    msg_unref(m);
    assert_int_equal(m->refs, 1);
    assert_int_equal(msg_bytes_alive(), before + 1000);
    msg_unref(m);
    assert_int_equal(msg_bytes_alive(), before);
}

static void impossible_length_is_refused(void **state)
{
    (void)state;
    size_t before = msg_bytes_alive();
    assert_null(msg_create(SIZE_MAX));
    assert_int_equal(msg_bytes_alive(), before);
}

static void unref_of_null_does_nothing(void **state)
{
    (void)state;
    assert_null(msg_unref(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_message_has_one_reference_and_no_tag),
        cmocka_unit_test(copy_holds_the_bytes),
        cmocka_unit_test(shared_message_lives_until_its_last_reference_and_counts_once),
        cmocka_unit_test(impossible_length_is_refused),
        cmocka_unit_test(unref_of_null_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
