/* SPDX-License-Identifier: MIT */
/* bench/unpacker: a benchmark that takes any bytes for a compressed message proves nothing. */
#include "bench/unpacker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/squeeze.h"

#define TEXT_BYTES 200000

static char text[TEXT_BYTES];
static char squeezed[TEXT_BYTES * 2];

/* Compresses a text of n bytes that begins with `head`. */
static struct str packed(const char *head, size_t n, bool ended)
{
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)('a' + i * i % 7);
    }
    memcpy(text, head, strlen(head));
    return (struct str){squeezed,
                        squeeze((struct str){text, n}, ended, squeezed, sizeof(squeezed))};
}

static void every_message_becomes_its_text(void **state)
{
    (void)state;
    struct unpacker *u = unpacker_create(STR(""));
    static const size_t sizes[] = {10, 65535, 65536, 65537, TEXT_BYTES};
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct str out;
            bool ended = round == 1;
            struct str payload = packed(round == 0 ? "first" : "other", sizes[i], ended);
            for (unsigned times = 0; times < 3; times++) { /* inflated, then remembered */
                assert_true(unpacker_read(u, payload, &out));
                assert_true(str_eq(out, ((struct str){text, sizes[i]})));
            }
        }
    }
    unpacker_free(u);
}

static void broken_bytes_are_refused_each_time(void **state)
{
    (void)state;
    struct unpacker *u = unpacker_create(STR(""));
    struct str out;
    struct str payload = packed("text", 5000, false);
    assert_true(unpacker_read(u, payload, &out));
    squeezed[1] ^= 0x55;
    squeezed[2] ^= 0x55;
    for (unsigned i = 0; i < 3; i++) {
        bool taken = unpacker_read(u, payload, &out);
        assert_false(taken && str_eq(out, ((struct str){text, 5000})));
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_false(unpacker_read(u, STR("\x07\x07\x07"), &out)); /* no such kind of block */
    }
    squeezed[1] ^= 0x55;
    squeezed[2] ^= 0x55;
    assert_true(unpacker_read(u, payload, &out));
    unpacker_free(u);
}

static void text_that_lacks_what_was_published_is_refused(void **state)
{
    (void)state;
    struct unpacker *u = unpacker_create(STR("\"board\":[1,2]"));
    struct str out;
    assert_true(unpacker_read(u, packed("{\"board\":[1,2]", 3000, false), &out));
    assert_false(unpacker_read(u, packed("{\"board\":[1,3]", 3000, false), &out));
    assert_false(unpacker_read(u, packed("{\"board\":[1,3]", 3000, false), &out));
    unpacker_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_becomes_its_text),
        cmocka_unit_test(broken_bytes_are_refused_each_time),
        cmocka_unit_test(text_that_lacks_what_was_published_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
