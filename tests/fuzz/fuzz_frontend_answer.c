/* SPDX-License-Identifier: MIT */
/* What the judge's frontend answers: of the shape that is expected, or no answer at all. */
#include "gateway/access/auth_answer.h"
#include "tests/fuzz/fuzz.h"

static const struct str seeds[] = {
    STR("{\"session\":{\"valid\":true,\"identity\":{\"username\":\"ana\",\"password\":\"x\"},\"is_"
        "admin\":false}}"),
    STR("{\"session\":{\"valid\":false,\"identity\":null}}"),
    STR("{\"user\":\"ana\",\"admin\":false,\"problem_admin\":[\"p\"],\"contest_admin\":[\"a\","
        "\"b\"],"
        "\"problemset_admin\":[17,9223372036854775807],\"scoreboard\":{\"contest\":\"a\",\"admin\":"
        "true}}"),
    STR("{\"user\":null,\"admin\":true}"),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

static void hold(struct parsed_answer *p)
{
    struct held_answer *held = held_answer_create(&p->a);
    MUST(held && str_eq(held->a.user, p->a.user) && held->a.result == p->a.result);
    (void)held_answer_unref(held); /* always NULL */
    parsed_answer_release(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str body = {(const char *)data, n};
    struct parsed_answer p;
    parsed_answer_read_session(body, &p);
    hold(&p);
    parsed_answer_read_filters(body, false, &p);
    hold(&p);
    parsed_answer_read_filters(body, true, &p);
    hold(&p);
    return 0;
}
