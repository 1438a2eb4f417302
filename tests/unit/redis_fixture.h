/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_fixture: a link and a real redis-server, for the tests of redis_link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs these. */
#include <cmocka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config/settings.h"
#include "common/loop.h"
#include "common/redis/redis_access.h"
#include "common/redis/redis_link.h"
#include "tests/support/redis_server.h"

enum { TEXT_MAX = 4096 };

struct fixture {
    struct redis_server server;
    struct loop *loop;
    struct timer poll, watchdog;
    bool too_long;
    struct redis_url url;
    struct redis_link *link;
    struct redis_access *access; /* owned */
    struct settings *settings;   /* owned: what access is made from */
    struct redis_script echo, incr;
    struct redis_script *scripts[2];

    int ready, lost, subscribed, messages, answers, nulls;
    int nulls_when_lost; /* at the first loss */
    char why[300];       /* of the last loss */
    char whys[TEXT_MAX]; /* of all, each on a line */
    char seen[TEXT_MAX]; /* what came in, one word each */
};

/* Of cmocka. The server is prepared, not started. */
int redis_setup(void **state);
int redis_teardown(void **state);

/* Two scripts (f->echo, f->incr), f->server or another by the URL; it begins to connect. */
void start_link(struct fixture *f, const char *url);
void start_link_with(struct fixture *f, const char *url, uint32_t reply_timeout_ms,
                     size_t max_unsent_bytes);
/* Makes f->access anew from f->settings. */
void use_access(struct fixture *f);
void stop_link(struct fixture *f);
/* The server, a link to it, and READY. */
void start_all(struct fixture *f);
/* Valid until the next call. */
const char *socket_url(const struct fixture *f, const char *credentials, int db);
const char *tcp_url(const char *scheme, const char *host, uint16_t port);

/* Counts and notes a reply. */
void on_answer(const struct redis_reply *r, void *arg);

void begin_wait(struct fixture *f);
void keep_waiting(struct fixture *f, const char *condition);
/* Runs the loop until something is so, or fails after a long while. */
#define WAIT_UNTIL(f, condition)                                                                   \
    for (begin_wait(f); !(condition); keep_waiting(f, #condition)) {                               \
    }

#define ASKER(f, callback) ((const struct redis_asker){.fn = (callback), .arg = (f)})
#define NOTED(f) ASKER(f, on_answer)
#define COMMAND(f, ...)                                                                            \
    do {                                                                                           \
        const struct str argv_[] = {__VA_ARGS__};                                                  \
        const struct redis_asker who_ = {.fn = on_answer, .arg = (f)};                             \
        assert_true(redis_link_command((f)->link, &who_, ARRAY_LEN(argv_), argv_));                \
    } while (0)
