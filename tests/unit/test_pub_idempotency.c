/* SPDX-License-Identifier: MIT */
/* idempotency: keys, hashes and ids. */
#include "publisher/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void keys_are_printable_ascii(void **state)
{
    (void)state;
    char longest[257];
    memset(longest, 'k', sizeof(longest));
    assert_true(idempotency_key_valid(STR("a")));
    assert_true(idempotency_key_valid(STR(" ~")));
    assert_true(idempotency_key_valid((struct str){longest, 255}));
    assert_false(idempotency_key_valid((struct str){longest, 256}));
    assert_false(idempotency_key_valid(STR("")));
    assert_false(idempotency_key_valid(STR("a\x1f")));
    assert_false(idempotency_key_valid(STR("\x7f")));
    assert_false(idempotency_key_valid(STR("\xc3\xa9")));
    assert_false(idempotency_key_valid(STR("a\0b")));
}

static void a_key_is_hashed_with_its_owner(void **state)
{
    (void)state;
    struct idempotency i;
    /* printf 'token:php\0k1' | sha256sum */
    idempotency_make(STR("token:php"), STR("k1"), &i);
    assert_string_equal(i.hex, "dda85aa9c2d0743945cde95a5a1113af258d2f86ecbb8ae9b425063fefb3fb07");
    char id[EVENT_ID_LEN + 1];
    event_id_write(i.id, id);
    assert_string_equal(id, "3ahaqcLQdDlFzelaWhETrw");
}

static void owner_and_key_do_not_run_together(void **state)
{
    (void)state;
    struct idempotency a;
    struct idempotency b;
    idempotency_make(STR("ab"), STR("c"), &a);
    idempotency_make(STR("a"), STR("bc"), &b);
    assert_string_not_equal(a.hex, b.hex);
}

static void ids_are_base64url(void **state)
{
    (void)state;
    uint8_t bytes[EVENT_ID_BYTES];
    char id[EVENT_ID_LEN + 1];
    memset(bytes, 0, sizeof(bytes));
    event_id_write(bytes, id);
    assert_string_equal(id, "AAAAAAAAAAAAAAAAAAAAAA");
    memset(bytes, 0xff, sizeof(bytes));
    event_id_write(bytes, id);
    assert_string_equal(id, "_____________________w");
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 17);
    }
    event_id_write(bytes, id);
    assert_string_equal(id, "ABEiM0RVZneImaq7zN3u_w");
}

static void hash_of_nothing_is_known(void **state)
{
    (void)state;
    char hex[SHA256_HEX_LEN + 1];
    sha256_hex(STR_NONE, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_printable_ascii),
        cmocka_unit_test(a_key_is_hashed_with_its_owner),
        cmocka_unit_test(owner_and_key_do_not_run_together),
        cmocka_unit_test(ids_are_base64url),
        cmocka_unit_test(hash_of_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
