/* SPDX-License-Identifier: MIT */
#include "tests/unit/redis_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCHDOG_MS = 15000, POLL_MS = 5 };

static void note(struct fixture *f, const char *word)
{
    size_t n = strlen(f->seen);
    (void)snprintf(f->seen + n, sizeof(f->seen) - n, "%s ", word);
}

static void on_ready(void *arg)
{
    struct fixture *f = arg;
    f->ready++;
}

static void on_lost(const char *why, void *arg)
{
    struct fixture *f = arg;
    if (f->lost++ == 0) {
        f->nulls_when_lost = f->nulls;
    }
    assert_int_equal(REDIS_LINK_BACKOFF, redis_link_state(f->link));
    assert_false(redis_link_command(f->link, NULL, 1, &STR("PING")));
    (void)snprintf(f->why, sizeof(f->why), "%s", why);
    size_t n = strlen(f->whys);
    (void)snprintf(f->whys + n, sizeof(f->whys) - n, "%s\n", why);
}

static void on_subscribed(struct str channel, void *arg)
{
    struct fixture *f = arg;
    f->subscribed++;
    if (channel.n < 10) {
        char word[32];
        (void)snprintf(word, sizeof(word), "+%.*s", STR_ARG(channel));
        note(f, word);
    }
}

static void on_message(struct str channel, struct str payload, void *arg)
{
    struct fixture *f = arg;
    char word[64];
    f->messages++;
    (void)snprintf(word, sizeof(word), "%.*s=%.*s", STR_ARG(channel), STR_ARG(payload));
    note(f, word);
}

static const struct redis_link_handler handler = {
    .on_ready = on_ready,
    .on_lost = on_lost,
    .on_subscribed = on_subscribed,
    .on_message = on_message,
};

void on_answer(const struct redis_reply *r, void *arg)
{
    struct fixture *f = arg;
    f->answers++;
    if (!r) {
        f->nulls++;
        note(f, "NULL");
        assert_false(redis_link_is_ready(f->link));
        assert_false(redis_link_command(f->link, NULL, 1, &STR("PING")));
    } else if (r->type == REPLY_INTEGER) {
        char number[32];
        (void)snprintf(number, sizeof(number), "%lld", (long long)r->integer);
        note(f, number);
    } else if (r->text.p) {
        char text[TEXT_MAX / 2];
        (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(r->text));
        note(f, text);
    } else {
        note(f, "?");
    }
}

/* --- the loop, until something is so --- */

static void on_poll(void *arg)
{
    struct fixture *f = arg;
    loop_stop(f->loop);
}

static void on_watchdog(void *arg)
{
    struct fixture *f = arg;
    f->too_long = true;
}

void begin_wait(struct fixture *f)
{
    f->too_long = false;
    timer_start_ms(&f->watchdog, WATCHDOG_MS);
}

void keep_waiting(struct fixture *f, const char *condition)
{
    assert_int_equal(0, loop_run(f->loop));
    if (f->too_long) {
        fail_msg("waited in vain for: %s (ready %d, lost %d, why \"%s\", seen \"%s\")", condition,
                 f->ready, f->lost, f->why, f->seen);
    }
}

/* --- setting up --- */

int redis_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    redis_server_prepare(&f->server);
    f->loop = loop_create();
    assert_non_null(f->loop);
    assert_true(timer_init(&f->poll, f->loop, on_poll, f));
    assert_true(timer_init(&f->watchdog, f->loop, on_watchdog, f));
    timer_start_every_ms(&f->poll, POLL_MS);
    static const char echo[] = "return ARGV[1]";
    static const char incr[] = "return redis.call('INCR', KEYS[1])";
    redis_script_init(&f->echo, "echo", echo, sizeof(echo) - 1);
    redis_script_init(&f->incr, "incr", incr, sizeof(incr) - 1);
    f->scripts[0] = &f->echo;
    f->scripts[1] = &f->incr;
    f->settings = settings_create();
    assert_non_null(f->settings);
    *state = f;
    return 0;
}

static void free_access(struct fixture *f)
{
    f->access = redis_access_free(f->access);
}

void use_access(struct fixture *f)
{
    const char *reason = NULL;
    free_access(f);
    f->access = redis_access_create(f->settings, &reason);
    if (!f->access) {
        fail_msg("%s", reason);
    }
}

int redis_teardown(void **state)
{
    struct fixture *f = *state;
    stop_link(f);
    timer_release(&f->poll);
    timer_release(&f->watchdog);
    loop_free(f->loop);
    redis_server_remove(&f->server);
    free_access(f);
    settings_free(f->settings);
    free(f);
    return 0;
}

void start_link_with(struct fixture *f, const char *url, uint32_t reply_timeout_ms,
                     size_t max_unsent_bytes)
{
    const char *why = NULL;
    if (!redis_url_parse(str_of(url), &f->url, &why)) {
        fail_msg("%s: %s", url, why);
    }
    const struct redis_link_options o = {.name = "test",
                                         .url = &f->url,
                                         .access = &f->access,
                                         .handler = &handler,
                                         .arg = f,
                                         .scripts = f->scripts,
                                         .n_scripts = 2,
                                         .reply_timeout_ms = reply_timeout_ms,
                                         .max_unsent_bytes = max_unsent_bytes};
    assert_int_equal(0, redis_link_create(f->loop, &o, &f->link));
    assert_int_equal(REDIS_LINK_CLOSED, redis_link_state(f->link));
    redis_link_start(f->link);
    assert_int_equal(REDIS_LINK_CONNECTING, redis_link_state(f->link));
}

void start_link(struct fixture *f, const char *url)
{
    start_link_with(f, url, 0, 0);
}

void stop_link(struct fixture *f)
{
    f->link = redis_link_free(f->link);
    redis_url_release(&f->url);
}

const char *socket_url(const struct fixture *f, const char *credentials, int db)
{
    static char url[200];
    (void)snprintf(url, sizeof(url), "unix://%s%s?db=%d", credentials, f->server.socket, db);
    return url;
}

const char *tcp_url(const char *scheme, const char *host, uint16_t port)
{
    static char url[200];
    (void)snprintf(url, sizeof(url), "%s://%s:%u", scheme, host, port);
    return url;
}

void start_all(struct fixture *f)
{
    redis_server_start(&f->server, NULL);
    start_link(f, socket_url(f, "", 0));
    WAIT_UNTIL(f, f->ready == 1);
}
