/* SPDX-License-Identifier: MIT */
/* routes: names in paths. Paths and methods are tried over real connections. */
#include "publisher/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_are_decoded(void **state)
{
    (void)state;
    static const struct {
        struct str rest;
        const char *want; /* NULL: refused */
    } rows[] = {
        {STR("ana"), "ana"},
        {STR("ana/"), "ana"},
        {STR("omi%3Aana"), "omi:ana"},
        {STR("omi%3aana"), "omi:ana"},
        {STR("a+b"), "a+b"},
        {STR("%c3%A9"), "\xc3\xa9"},
        {STR("%2F"), "/"},
        {STR(""), ""},
        {STR("/"), ""},
        {STR("a/b"), NULL},
        {STR("ana//"), NULL},
        {STR("%"), NULL},
        {STR("a%4"), NULL},
        {STR("%zz"), NULL},
        {STR("%4/"), NULL},
        {STR("%%41"), NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = {0};
        bool ok = routes_decode_name(rows[i].rest, &out);
        if (ok != (rows[i].want != NULL) || (ok && !str_eq(buf_str(&out), str_of(rows[i].want)))) {
            fail_msg("row %zu: %.*s", i, STR_ARG(rows[i].rest));
        }
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
