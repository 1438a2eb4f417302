/* SPDX-License-Identifier: MIT */
/* What no Redis sends is refused while it is read; what one sends passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/compiler.h"
#include "common/redis/redis_guard.h"

#define AWAITED "P:contest/a"

struct stage {
    struct redis_guard guard;
    redisReader *reader;
};

static void begin(struct stage *s)
{
    *s = (struct stage){.reader = redisReaderCreate()};
    assert_non_null(s->reader);
    redis_guard_attach(&s->guard, s->reader);
}

static void end(struct stage *s)
{
    redis_guard_detach(&s->guard, s->reader);
    redisReaderFree(s->reader);
    redis_guard_release(&s->guard);
}

/* Feeds text, and tells whether it became a reply. */
static bool reads(struct stage *s, const char *text)
{
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(s->reader, text, strlen(text)), REDIS_OK);
    bool ok = redisReaderGetReply(s->reader, &reply) == REDIS_OK && reply;
    if (reply) {
        freeReplyObject(reply);
    }
    return ok;
}

static const char confirmed[] = ">3\r\n$9\r\nsubscribe\r\n$11\r\n" AWAITED "\r\n:1\r\n";

static void what_a_redis_sends_passes(void **state UNUSED)
{
    static const char *const texts[] = {
        "+OK\r\n",
        ":7\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "-ERR no\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*2\r\n$5\r\nagain\r\n$2\r\nok\r\n",
        "*2\r\n*2\r\n$3\r\n0-1\r\n*2\r\n$1\r\nm\r\n$1\r\nx\r\n:1\r\n",
        "%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
        ">3\r\n$7\r\nmessage\r\n$11\r\n" AWAITED "\r\n$1\r\nx\r\n",
        ">3\r\n$11\r\nunsubscribe\r\n$11\r\n" AWAITED "\r\n:0\r\n",
        ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct stage s;
        begin(&s);
        assert_true(reads(&s, texts[i]));
        assert_false(s.guard.refused);
        end(&s);
    }
}

static void what_no_redis_sends_is_refused(void **state UNUSED)
{
    static const char *const texts[] = {
        ">0\r\n",
        ">1\r\n$7\r\nmessage\r\n",
        ">2\r\n$7\r\nmessage\r\n$1\r\na\r\n",
        ">2\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n",
        ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
        ">3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n:1\r\n",
        ">3\r\n$9\r\nsubscribe\r\n_\r\n:1\r\n",
        ">3\r\n$9\r\nsubscribe\r\n:1\r\n:1\r\n",
        ">3\r\n$9\r\nsubscribe\r\n#t\r\n:1\r\n",
        ">3\r\n$9\r\nsubscribe\r\n,1.5\r\n:1\r\n",
        ">3\r\n$9\r\nsubscribe\r\n*0\r\n:1\r\n",
        ">3\r\n$9\r\nsubscribe\r\n+" AWAITED "\r\n:1\r\n",
        ">3\r\n$10\r\npsubscribe\r\n$11\r\n" AWAITED "\r\n:1\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct stage s;
        begin(&s);
        assert_true(redis_guard_await(&s.guard, STR(AWAITED)));
        assert_false(reads(&s, texts[i]));
        assert_true(s.guard.refused);
        end(&s);
    }
}

static void each_subscribe_is_confirmed_once(void **state UNUSED)
{
    struct stage s;
    begin(&s);
    assert_true(redis_guard_await(&s.guard, STR(AWAITED)));
    assert_true(redis_guard_await(&s.guard, STR(AWAITED)));
    assert_true(reads(&s, confirmed));
    assert_true(reads(&s, confirmed));
    assert_false(reads(&s, confirmed));
    assert_true(s.guard.refused);
    end(&s);
}

static void a_detached_reader_needs_no_guard(void **state UNUSED)
{
    struct stage s;
    begin(&s);
    assert_int_equal(redisReaderFeed(s.reader, "*2\r\n:1\r\n", 8), REDIS_OK);
    void *reply = NULL;
    assert_int_equal(redisReaderGetReply(s.reader, &reply), REDIS_OK);
    assert_null(reply); /* half of it is in the reader's hands */
    redis_guard_detach(&s.guard, s.reader);
    redis_guard_release(&s.guard);
    memset(&s.guard, 0xff, sizeof(s.guard));
    redisReaderFree(s.reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_redis_sends_passes),
        cmocka_unit_test(what_no_redis_sends_is_refused),
        cmocka_unit_test(each_subscribe_is_confirmed_once),
        cmocka_unit_test(a_detached_reader_needs_no_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
