/* SPDX-License-Identifier: MIT */
/* Refused origins are told to the operator, a few times a minute, whoever connects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs four of these. */
#include <cmocka.h>

#include "common/log.h"
#include "common/loop.h"
#include "gateway/transport/origin_log.h"

struct fixture {
    struct loop *loop;
    struct wheel *wheel;
    struct origin_log log;
    char path[64];
    char text[16384];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f) {
        return -1;
    }
    f->loop = loop_create();
    f->wheel = f->loop ? wheel_create(f->loop) : NULL;
    (void)snprintf(f->path, sizeof(f->path), "/tmp/test_origin_log.XXXXXX");
    int fd = mkstemp(f->path);
    (void)close(fd);
    const struct log_options o = {.level = LOG_LEVEL_WARN, .file = f->path};
    if (fd < 0 || !f->wheel || log_setup(&o) < 0) {
        return -1;
    }
    origin_log_init(&f->log, f->wheel);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    const struct log_options back = {.level = LOG_LEVEL_INFO};
    int rc = log_setup(&back);
    origin_log_release(&f->log);
    wheel_free(f->wheel);
    loop_free(f->loop);
    (void)unlink(f->path);
    free(f);
    return rc;
}

static void refuse(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        origin_log_refused(&f->log, STR("http://evil.example"), STR("judge.example"),
                           STR("192.0.2.7"));
    }
}

static void let_pass(struct fixture *f, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        wheel_tick(f->wheel);
    }
}

/* How often the log says this. */
static size_t count(struct fixture *f, const char *what)
{
    FILE *in = fopen(f->path, "re");
    assert_non_null(in);
    size_t n = fread(f->text, 1, sizeof(f->text) - 1, in);
    (void)fclose(in);
    f->text[n] = '\0';
    size_t found = 0;
    for (const char *p = f->text; (p = strstr(p, what)); p++) {
        found++;
    }
    return found;
}

static void each_is_told_with_its_origin(void **state)
{
    struct fixture *f = *state;
    refuse(f, 1);
    assert_int_equal(1, count(f, "origin refused origin=http://evil.example host=judge.example "
                                 "peer=192.0.2.7"));
    let_pass(f, ORIGIN_LOG_MINUTE_S + 1);
    assert_int_equal(0, count(f, "more origins refused"));
}

static void ten_a_minute_and_then_the_count_of_the_rest(void **state)
{
    struct fixture *f = *state;
    refuse(f, 25);
    assert_int_equal(ORIGIN_LOG_LINES, count(f, " origin refused "));
    let_pass(f, ORIGIN_LOG_MINUTE_S + 1);
    assert_int_equal(1, count(f, "more origins refused count=15"));
    refuse(f, 1);
    assert_int_equal(ORIGIN_LOG_LINES + 1, count(f, " origin refused "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_told_with_its_origin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ten_a_minute_and_then_the_count_of_the_rest, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("origin_log", tests, NULL, NULL);
}
