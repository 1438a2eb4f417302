/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "gateway/transport/inflate.h"
#include "tests/support/squeeze.h"

enum { MAX_BYTES = 4096, CAPACITY = 16384 };

static int set_up(void **state)
{
    *state = inflater_create(CAPACITY);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    return inflater_free(*state) == NULL ? 0 : -1;
}

static void expect(struct inflater *f, struct str payload, struct str text)
{
    struct str got = STR_NONE;
    assert_int_equal(inflate_message(f, payload, MAX_BYTES, &got), INFLATE_OK);
    assert_int_equal(got.n, text.n);
    assert_memory_equal(got.p, text.n ? text.p : got.p, text.n);
}

static void expect_failure(struct inflater *f, struct str payload, enum inflate_result r)
{
    struct str got = STR_NONE;
    assert_int_equal(inflate_message(f, payload, MAX_BYTES, &got), r);
    assert_null(got.p);
}

/* RFC 7692, 7.2.3. */
static void examples_of_the_standard_are_understood(void **state)
{
    struct inflater *f = *state;
    expect(f, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), STR("Hello"));
    expect(f, STR("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), STR("Hello"));
    expect(f, STR("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), STR("Hello"));
    expect(f, STR("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), STR("Hello"));
    expect(f, STR("\x00"), STR(""));
}

static void texts_up_to_the_limit_are_taken_and_no_longer_ones(void **state)
{
    static char text[CAPACITY + 1];
    static char payload[2 * CAPACITY];
    struct inflater *f = *state;
    memset(text, 'x', sizeof(text));
    static const size_t good[] = {0, 1, 255, MAX_BYTES - 1, MAX_BYTES};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (int ended = 0; ended < 2; ended++) {
            struct str t = {text, good[i]};
            expect(f, (struct str){payload, squeeze(t, ended, payload, sizeof(payload))}, t);
        }
    }
    static const size_t too_long[] = {MAX_BYTES + 1, CAPACITY, CAPACITY + 1};
    for (size_t i = 0; i < ARRAY_LEN(too_long); i++) {
        size_t n = squeeze((struct str){text, too_long[i]}, false, payload, sizeof(payload));
        expect_failure(f, (struct str){payload, n}, INFLATE_TOO_BIG);
    }
    struct str got;
    size_t n = squeeze((struct str){text, CAPACITY}, false, payload, sizeof(payload));
    assert_int_equal(inflate_message(f, (struct str){payload, n}, CAPACITY, &got), INFLATE_OK);
    assert_int_equal(got.n, CAPACITY);
}

static void bomb_is_given_up_at_the_limit(void **state)
{
    enum { BYTES = 8 << 20 };
    struct inflater *f = *state;
    char *zeros = calloc(1, BYTES);
    char *payload = malloc(BYTES);
    assert_non_null(zeros);
    assert_non_null(payload);
    size_t n = squeeze((struct str){zeros, BYTES}, false, payload, BYTES);
    expect_failure(f, (struct str){payload, n}, INFLATE_TOO_BIG);
    expect(f, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), STR("Hello"));
    free(zeros);
    free(payload);
}

static void each_message_is_inflated_from_nothing(void **state)
{
    struct inflater *f = *state;
    expect(f, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), STR("Hello"));
    /* The same text again, by reference to the first: only with context takeover. */
    expect_failure(f, STR("\xf2\x00\x11\x00\x00"), INFLATE_BROKEN);
    expect(f, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), STR("Hello"));
}

static void what_is_cut_off_or_no_deflate_at_all_is_broken(void **state)
{
    static char payload[1000];
    struct inflater *f = *state;
    struct str text =
        STR("{\"type\":\"subscribe\",\"channel\":\"/contest/annual-2024\",\"id\":17}");
    size_t n = squeeze(text, false, payload, sizeof(payload));
    for (size_t cut = 0; cut < n; cut++) {
        expect_failure(f, (struct str){payload, cut}, INFLATE_BROKEN);
    }
    expect(f, (struct str){payload, n}, text);
    expect_failure(f, STR("\xff"), INFLATE_BROKEN); /* a kind of block that is none */
    expect_failure(f, text, INFLATE_BROKEN);        /* never compressed */
    expect_failure(f, STR("\x00\x05\x00\x00\x00xxxxx\x00"), INFLATE_BROKEN); /* bad length */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(examples_of_the_standard_are_understood),
        TEST(texts_up_to_the_limit_are_taken_and_no_longer_ones),
        TEST(bomb_is_given_up_at_the_limit),
        TEST(each_message_is_inflated_from_nothing),
        TEST(what_is_cut_off_or_no_deflate_at_all_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
