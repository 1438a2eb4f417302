/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/strmap.h"

enum { KEYS = 200 };

/* What the map is compared with: entry i is in it when present[i]. */
struct model {
    char names[KEYS][16];
    bool present[KEYS];
    size_t count;
    struct strmap map;
    uint64_t random;
};

static void model_init(struct model *m, uint64_t seed)
{
    *m = (struct model){.random = seed};
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(m->names[i], sizeof(m->names[i]), "k%d", i);
    }
}

/* A fixed sequence, so that a failure can be repeated (the hash's secret differs by run, though). */
static size_t model_random(struct model *m, size_t below)
{
    m->random = m->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (size_t)(m->random >> 33) % below;
}

static void model_toggle(struct model *m, size_t i)
{
    struct str key = str_of(m->names[i]);
    if (m->present[i]) {
        assert_ptr_equal(strmap_remove(&m->map, key), m->names[i]);
        m->count--;
    } else {
        assert_true(strmap_add(&m->map, key, m->names[i]));
        m->count++;
    }
    m->present[i] = !m->present[i];
}

static void model_check(const struct model *m)
{
    assert_int_equal(m->map.count, m->count);
    for (size_t i = 0; i < KEYS; i++) {
        const void *want = m->present[i] ? m->names[i] : NULL;
        assert_ptr_equal(strmap_get(&m->map, str_of(m->names[i])), want);
    }
}

static size_t model_index(const struct model *m, const void *value)
{
    return (size_t)((const char *)value - m->names[0]) / sizeof(m->names[0]);
}

static void empty_map_finds_and_removes_nothing(void **state)
{
    (void)state;
    struct strmap m = {0};
    struct strmap_iter it = {0};
    assert_null(strmap_get(&m, STR("a")));
    assert_null(strmap_remove(&m, STR("a")));
    assert_null(strmap_next(&m, &it));
    assert_int_equal(strmap_bytes(&m), 0);
    strmap_release(&m);
}

static void keys_are_bytes_and_may_be_empty_or_hold_zeros(void **state)
{
    (void)state;
    int v[3];
    struct strmap m = {0};
    assert_true(strmap_add(&m, STR(""), &v[0]));
    assert_true(strmap_add(&m, STR("a\0b"), &v[1]));
    assert_true(strmap_add(&m, STR("a\0c"), &v[2]));
    assert_ptr_equal(strmap_get(&m, STR_NONE), &v[0]);
    assert_ptr_equal(strmap_get(&m, STR("a\0b")), &v[1]);
    assert_ptr_equal(strmap_get(&m, STR("a\0c")), &v[2]);
    assert_null(strmap_get(&m, STR("a")));
    strmap_release(&m);
}

static void replace_sets_value_and_key_memory(void **state)
{
    (void)state;
    char first[] = "name";
    char second[] = "name";
    struct strmap m = {0};
    assert_true(strmap_add(&m, str_of(first), first));
    strmap_replace(&m, str_of(second), second);
    first[0] = 'X';
    assert_int_equal(m.count, 1);
    assert_ptr_equal(strmap_get(&m, STR("name")), second);
    strmap_release(&m);
}

static void random_adds_and_removes_agree_with_a_simple_model(void **state)
{
    (void)state;
    struct model m;
    model_init(&m, 1);
    for (int step = 0; step < 20000; step++) {
        model_toggle(&m, model_random(&m, KEYS));
        if (step % 50 == 0) {
            model_check(&m);
        }
    }
    model_check(&m);
    strmap_release(&m.map);
}

static void iteration_meets_every_entry_once(void **state)
{
    (void)state;
    for (size_t entries = 0; entries <= KEYS; entries++) {
        struct model m;
        model_init(&m, entries);
        for (size_t i = 0; i < entries; i++) {
            model_toggle(&m, i);
        }
        bool met[KEYS] = {false};
        size_t n = 0;
        struct strmap_iter it = {0};
        for (const void *v; (v = strmap_next(&m.map, &it)) != NULL; n++) {
            assert_false(met[model_index(&m, v)]);
            met[model_index(&m, v)] = true;
        }
        assert_int_equal(n, entries);
        assert_null(strmap_next(&m.map, &it));
        strmap_release(&m.map);
    }
}

/* Small tables make runs that wrap around the end of the table frequent. */
static void removing_the_current_entry_neither_skips_nor_repeats_another(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct model m;
        model_init(&m, seed);
        size_t entries = 1 + model_random(&m, 24);
        for (size_t i = 0; i < entries; i++) {
            model_toggle(&m, i);
        }
        bool met[KEYS] = {false};
        size_t n = 0;
        struct strmap_iter it = {0};
        for (const void *v; (v = strmap_next(&m.map, &it)) != NULL; n++) {
            size_t i = model_index(&m, v);
            assert_false(met[i]);
            met[i] = true;
            switch (model_random(&m, 3)) {
            case 0:
                strmap_iter_remove(&m.map, &it);
                m.present[i] = false;
                m.count--;
                break;
            case 1: model_toggle(&m, i); break; /* by strmap_remove() */
            default: break;
            }
        }
        assert_int_equal(n, entries);
        model_check(&m);
        strmap_release(&m.map);
    }
}

static void hash_depends_on_every_byte_and_on_the_length(void **state)
{
    (void)state;
    char text[32] = {0};
    uint64_t hashes[2 * sizeof(text) + 1];
    size_t n = 0;
    for (size_t len = 0; len <= sizeof(text); len++) {
        hashes[n++] = strmap_hash((struct str){text, len});
    }
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 1;
        hashes[n++] = strmap_hash((struct str){text, sizeof(text)});
        text[i] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(hashes[i] != hashes[j]);
        }
    }
    assert_true(strmap_hash((struct str){text, 9}) == hashes[9]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_map_finds_and_removes_nothing),
        cmocka_unit_test(keys_are_bytes_and_may_be_empty_or_hold_zeros),
        cmocka_unit_test(replace_sets_value_and_key_memory),
        cmocka_unit_test(random_adds_and_removes_agree_with_a_simple_model),
        cmocka_unit_test(iteration_meets_every_entry_once),
        cmocka_unit_test(removing_the_current_entry_neither_skips_nor_repeats_another),
        cmocka_unit_test(hash_depends_on_every_byte_and_on_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
