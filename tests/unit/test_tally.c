/* SPDX-License-Identifier: MIT */
/* bench/tally and bench/latency: a benchmark that cannot notice a lost message proves nothing. */
#include "bench/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SENT_AT 1000

static void start(struct tally *t, enum receives receives, uint32_t receivers)
{
    struct tally_options o = {
        .receives = receives, .receivers = receivers, .messages = 200, .measured_from = 1};
    assert_true(tally_init(t, &o));
}

/* A message of this number, sent at SENT_AT, comes to the receiver. */
static void comes(struct tally *t, uint32_t receiver, uint32_t number, uint64_t now)
{
    struct buf b = {0};
    buf_add(&b, STR("{\"data\":\"~x "));
    tally_mark(&b, number, SENT_AT);
    buf_add(&b, STR("\"}"));
    assert_true(tally_received(t, receiver, buf_str(&b), (struct tally_size){b.n, b.n + 4}, now));
    buf_release(&b);
}

static void publish(struct tally *t, unsigned times)
{
    while (times-- > 0) {
        tally_sent(t);
    }
}

static void all_received_once_is_complete(void **state)
{
    (void)state;
    struct tally t;
    start(&t, RECEIVES_ALL, 3);
    publish(&t, 130);
    for (uint32_t n = 0; n < 130; n++) {
        for (uint32_t r = 0; r < 3; r++) {
            assert_false(tally_is_complete(&t));
            comes(&t, r, n, SENT_AT + 10 * (r + 1));
        }
    }
    assert_true(tally_is_complete(&t));
    assert_int_equal(t.expected, 390);
    assert_int_equal(t.delivered, 390);
    assert_int_equal(t.duplicates + t.unexpected + tally_disordered(&t), 0);
    /* The first message only warms up; a message is whole with its last receiver. */
    assert_int_equal(t.each.count, 129 * 3);
    assert_int_equal(t.whole.count, 129);
    assert_int_equal(t.each.max_us, 30);
    assert_int_equal(latency_quantile(&t.whole, 0), 30);
    assert_int_equal(t.each.sum_us, (uint64_t)129 * 60);
    tally_release(&t);
}

static void a_message_that_comes_twice_does_not_stand_for_a_missing_one(void **state)
{
    (void)state;
    struct tally t;
    start(&t, RECEIVES_ALL, 2);
    publish(&t, 1);
    comes(&t, 0, 0, SENT_AT);
    comes(&t, 0, 0, SENT_AT);
    assert_int_equal(t.duplicates, 1);
    assert_int_equal(t.delivered, 1);
    assert_false(tally_is_complete(&t));
    tally_release(&t);
}

static void a_private_message_counts_only_with_its_owner(void **state)
{
    (void)state;
    struct tally t;
    start(&t, RECEIVES_OWN, 3);
    publish(&t, 4);
    for (uint32_t n = 0; n < 4; n++) {
        comes(&t, n % 3, n, SENT_AT);
    }
    assert_true(tally_is_complete(&t));
    assert_int_equal(t.unexpected, 0);
    comes(&t, 2, 4, SENT_AT); /* of receiver 1 */
    assert_int_equal(t.unexpected, 1);
    assert_int_equal(t.delivered, 4);
    tally_release(&t);
}

static void another_order_at_one_receiver_is_noticed(void **state)
{
    (void)state;
    static const uint32_t orders[][3] = {{1, 0, 2}, {1, 0, 2}, {0, 1, 2}};
    struct tally t;
    start(&t, RECEIVES_ALL, 3);
    publish(&t, 3);
    for (uint32_t r = 0; r < 3; r++) {
        for (size_t i = 0; i < 3; i++) {
            comes(&t, r, orders[r][i], SENT_AT);
        }
    }
    assert_true(tally_is_complete(&t));
    assert_int_equal(tally_disordered(&t), 1);
    tally_release(&t);
}

static void a_number_that_was_never_planned_is_unexpected(void **state)
{
    (void)state;
    struct tally t;
    start(&t, RECEIVES_ALL, 1);
    comes(&t, 0, 200, SENT_AT);
    assert_int_equal(t.unexpected, 1);
    assert_true(tally_stray(&t, STR("~b1.5~")));
    assert_int_equal(t.unexpected, 2);
    assert_int_equal(t.delivered, 0);
    tally_release(&t);
}

static void a_text_without_a_whole_mark_is_no_message(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "~",     "~b",    "~b1",    "~b1.",
        "~b1.2", "~b.2~", "~b1.~", "~bx.2~", "{\"type\":\"position\"}"};
    struct tally t;
    start(&t, RECEIVES_ALL, 1);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        /* Exactly as many bytes, so that a sanitizer sees one too many. */
        size_t n = strlen(texts[i]);
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, texts[i], n);
        assert_false(
            tally_received(&t, 0, (struct str){copy, n}, (struct tally_size){n, n}, SENT_AT));
        free(copy);
    }
    assert_int_equal(t.delivered + t.unexpected, 0);
    tally_release(&t);
}

static void quantiles_are_exact_to_two_percent(void **state)
{
    (void)state;
    static const uint64_t scales[] = {1, 10, 1000, 123457, 100000000};
    for (size_t i = 0; i < ARRAY_LEN(scales); i++) {
        static struct latency l;
        l = (struct latency){0};
        for (uint64_t v = 1; v <= 1000; v++) {
            latency_add(&l, v * scales[i]);
        }
        static const double shares[] = {0.01, 0.5, 0.9, 0.99, 1};
        for (size_t k = 0; k < ARRAY_LEN(shares); k++) {
            double wanted = shares[k] * 1000 * (double)scales[i];
            double found = (double)latency_quantile(&l, shares[k]);
            assert_true(found >= wanted * 0.999 && found <= wanted * 1.02);
        }
        assert_int_equal(l.max_us, 1000 * scales[i]);
    }
}

static void quantile_of_nothing_is_zero(void **state)
{
    (void)state;
    static struct latency l;
    assert_int_equal(latency_quantile(&l, 0.5), 0);
}

static void a_message_of_another_length_than_the_first_receivers_is_torn(void **state)
{
    (void)state;
    struct tally t;
    struct buf b = {0};
    start(&t, RECEIVES_ALL, 3);
    publish(&t, 1);
    tally_mark(&b, 0, SENT_AT);
    for (uint32_t r = 0; r < 3; r++) {
        struct tally_size size = {r < 2 ? 100 : 99, 104};
        assert_true(tally_received(&t, r, buf_str(&b), size, SENT_AT));
    }
    assert_true(tally_is_complete(&t));
    assert_int_equal(t.torn, 1);
    buf_release(&b);
    tally_release(&t);
}

static void the_last_receiver_says_how_late_a_message_was(void **state)
{
    (void)state;
    struct tally t;
    start(&t, RECEIVES_ALL, 2);
    publish(&t, 3);
    for (uint32_t n = 0; n < 3; n++) {
        comes(&t, 0, n, SENT_AT + 10 * n);
        comes(&t, 1, n, SENT_AT + 7);
    }
    assert_int_equal(t.late_us[1], 10);
    assert_int_equal(t.late_us[2], 20);
    assert_int_equal(t.wire_bytes - t.bytes,
                     4 * 4); /* comes() says 4 more; two of three measured */
    tally_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_received_once_is_complete),
        cmocka_unit_test(a_message_that_comes_twice_does_not_stand_for_a_missing_one),
        cmocka_unit_test(a_private_message_counts_only_with_its_owner),
        cmocka_unit_test(another_order_at_one_receiver_is_noticed),
        cmocka_unit_test(a_number_that_was_never_planned_is_unexpected),
        cmocka_unit_test(a_text_without_a_whole_mark_is_no_message),
        cmocka_unit_test(a_message_of_another_length_than_the_first_receivers_is_torn),
        cmocka_unit_test(the_last_receiver_says_how_late_a_message_was),
        cmocka_unit_test(quantiles_are_exact_to_two_percent),
        cmocka_unit_test(quantile_of_nothing_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
