/* SPDX-License-Identifier: MIT */
/* What error replies mean, on each supported server. */
#include "common/redis/redis_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/compiler.h"

#define SHA "c2763063be164fad072bc837d4cee5c80b4f1569"
#define IN_7 " script: " SHA ", on @user_script:1."
#define IN_6_2 "ERR Error running script (call to f_" SHA "): @user_script:1: @user_script: 1: "

struct meaning {
    const char *text;
    enum redis_error error;
};

static void assert_meanings(const struct meaning *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct redis_reply r = {.type = REPLY_ERROR, .text = str_of(cases[i].text)};
        if (redis_error_of(&r) != cases[i].error) {
            fail_msg("%s: %d", cases[i].text, redis_error_of(&r));
        }
        r.type = REPLY_TEXT;
        assert_int_equal(REDIS_ERROR_NONE, redis_error_of(&r));
    }
}

static void errors_are_told_apart_by_their_code(void **state UNUSED)
{
    static const struct meaning cases[] = {
        {"NOSCRIPT No matching script.", REDIS_ERROR_NOSCRIPT},
        {"READONLY You can't write against a read only replica.", REDIS_ERROR_READONLY},
        {"LOADING Redis is loading the dataset in memory", REDIS_ERROR_AWAY},
        {"BUSY Redis is busy running a script.", REDIS_ERROR_AWAY},
        {"MASTERDOWN Link with MASTER is down", REDIS_ERROR_AWAY},
        {"CLUSTERDOWN Hash slot not served", REDIS_ERROR_AWAY},
        {"TRYAGAIN Multiple keys", REDIS_ERROR_AWAY},
        {"OOM command not allowed", REDIS_ERROR_FULL},
        {"MISCONF Redis is configured", REDIS_ERROR_FULL},
        {"NOREPLICAS Not enough good replicas", REDIS_ERROR_FULL},
        {"NOAUTH Authentication required.", REDIS_ERROR_DENIED},
        {"WRONGPASS invalid", REDIS_ERROR_DENIED},
        {"NOPERM this user", REDIS_ERROR_DENIED},
        {"OOM", REDIS_ERROR_FULL},
        {"BUSYGROUP Consumer Group name already exists", REDIS_ERROR_OTHER},
        {"BUS", REDIS_ERROR_OTHER},
        {"ERR NOSCRIPT", REDIS_ERROR_OTHER},
        {"", REDIS_ERROR_OTHER},
    };
    assert_meanings(cases, ARRAY_LEN(cases));
    assert_int_equal(REDIS_ERROR_NONE, redis_error_of(NULL));
}

static void errors_inside_scripts_mean_the_same(void **state UNUSED)
{
    static const struct meaning cases[] = {
        /* Redis 7, 8 and Valkey put the command's code first. */
        {"OOM command not allowed when used memory > 'maxmemory'." IN_7, REDIS_ERROR_FULL},
        {"READONLY You can't write against a read only replica." IN_7, REDIS_ERROR_READONLY},
        {"NOREPLICAS Not enough good replicas to write." IN_7, REDIS_ERROR_FULL},
        /* Redis 6.2 hides it. */
        {IN_6_2 "-OOM command not allowed when used memory > 'maxmemory'.", REDIS_ERROR_FULL},
        {IN_6_2 "-READONLY You can't write against a read only replica.", REDIS_ERROR_READONLY},
        {IN_6_2 "-MISCONF Errors writing to the AOF file: No space left", REDIS_ERROR_FULL},
        {IN_6_2 "-NOREPLICAS Not enough good replicas to write.", REDIS_ERROR_FULL},
        /* No version gives a code for what its ACL refuses. */
        {IN_6_2 "The user executing the script can't run this command or subcommand",
         REDIS_ERROR_DENIED},
        {"ERR The user executing the script can't run this command or subcommand" IN_7,
         REDIS_ERROR_DENIED},
        {"ERR The user executing the script can't access at least one of the keys mentioned in "
         "the command arguments" IN_7,
         REDIS_ERROR_DENIED},
        {"ERR The user executing the script can't publish to the channel mentioned in the "
         "command" IN_7,
         REDIS_ERROR_DENIED},
        {"ERR ACL failure in script: User ana has no permissions to run the 'publish' "
         "command" IN_7,
         REDIS_ERROR_DENIED},
        /* A fault of the data or of the script stays one. */
        {"WRONGTYPE Operation against a key holding the wrong kind of value" IN_7,
         REDIS_ERROR_OTHER},
        {IN_6_2 "WRONGTYPE Operation against a key", REDIS_ERROR_OTHER},
        {"ERR user_script:1: attempt to index a nil value" IN_7, REDIS_ERROR_OTHER},
    };
    assert_meanings(cases, ARRAY_LEN(cases));
}

/* What others wrote into a command does not decide what its error means. */
static void echoed_arguments_mean_nothing(void **state UNUSED)
{
    static const struct meaning cases[] = {
        {"ERR unknown command 'X', with args beginning with: ' -OOM ' 'ACL failure in script'",
         REDIS_ERROR_OTHER},
        {"ERR wrong -NUMBER of arguments", REDIS_ERROR_OTHER},
    };
    assert_meanings(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_told_apart_by_their_code),
        cmocka_unit_test(errors_inside_scripts_mean_the_same),
        cmocka_unit_test(echoed_arguments_mean_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
