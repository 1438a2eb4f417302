/* SPDX-License-Identifier: MIT */
/* The record of where a legacy session stood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs these. */
#include <cmocka.h>
#include <string.h>

#include "gateway/session/legacy_resume.h"

#define E1 "0123456789abcdef"
#define E2 "fedcba9876543210"
#define RECORD                                                                                     \
    "1704067200123\ncontest/a " E1 ":7\ncontest/ab " E2 ":18446744073709551615\nuser/ana " E1 ":0" \
    "\n"

static void topic_is_found_by_its_whole_name(void **state)
{
    static const struct {
        const char *record, *topic, *epoch; /* epoch NULL: not found */
        uint64_t offset;
    } rows[] = {
        {RECORD, "contest/a", E1, 7},
        {RECORD, "contest/ab", E2, UINT64_MAX},
        {RECORD, "user/ana", E1, 0},
        {RECORD, "contest/", NULL, 0},
        {RECORD, "contest/abc", NULL, 0},
        {RECORD, "1704067200123", NULL, 0},
        {RECORD, "", NULL, 0},
        {"", "contest/a", NULL, 0},
        {"1", "contest/a", NULL, 0},
        {"1\n", "contest/a", NULL, 0},
        {"1\ncontest/a", "contest/a", NULL, 0},
        {"1\ncontest/a ", "contest/a", NULL, 0},
        {"1\ncontest/a nonsense\n", "contest/a", NULL, 0},
        {"1\ncontest/a " E1 ":7x\n", "contest/a", NULL, 0},
        {"1\ncontest/a " E1 ":7", "contest/a", E1, 7},
        {"\n\n\ncontest/a " E1 ":7\n", "contest/a", E1, 7},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct position p = {.offset = 1};
        bool found = resume_record_find(str_of(rows[i].record), str_of(rows[i].topic), &p);
        assert_int_equal(found, rows[i].epoch != NULL);
        if (found) {
            assert_string_equal(p.epoch, rows[i].epoch);
            assert_true(p.offset == rows[i].offset);
        }
    }
}

static void age_is_read_or_zero(void **state)
{
    static const struct {
        const char *record;
        int64_t made_ms;
    } rows[] = {
        {RECORD, 1704067200123},
        {"", 0},
        {"\n", 0},
        {"12", 12},
        {"12x\n", 0},
        {"-1\n", 0},
        {" 1\n", 0},
        {"99999999999999999999\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(resume_record_made_ms(str_of(rows[i].record)) == rows[i].made_ms);
    }
}

static void key_differs_by_credential_and_by_filters(void **state)
{
    static const struct {
        const char *credential, *filters;
    } pairs[] = {
        {"", "/contest/a"},  {"t", "/contest/a"}, {"t/", "contest/a"},
        {"t", "/contest/b"}, {"t", ""},           {"", "t"},
    };
    char keys[ARRAY_LEN(pairs)][RESUME_KEY_LEN + 1];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_true(resume_key(str_of(pairs[i].credential), str_of(pairs[i].filters), keys[i]));
        assert_int_equal(strlen(keys[i]), RESUME_KEY_LEN);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(keys[i], keys[j]);
        }
    }
}

static void key_is_the_sha256_of_both(void **state)
{
    char key[RESUME_KEY_LEN + 1];
    (void)state;
    /* printf 't\0/user/ana' | sha256sum */
    assert_true(resume_key(STR("t"), STR("/user/ana"), key));
    assert_string_equal(key,
                        "resume:00a9e2b694f4cb4ee081375ff02ce76b29ef56b56d203db62fb75d8ee5569980");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topic_is_found_by_its_whole_name),
        cmocka_unit_test(age_is_read_or_zero),
        cmocka_unit_test(key_differs_by_credential_and_by_filters),
        cmocka_unit_test(key_is_the_sha256_of_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
