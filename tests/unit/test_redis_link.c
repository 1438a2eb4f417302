/* SPDX-License-Identifier: MIT */
/* redis_link once it is READY, and how it is lost and found again. */
#include "tests/unit/redis_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* --- commands --- */

static void commands_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("SET"), STR("k"), STR("1"));
    COMMAND(f, STR("INCR"), STR("k"));
    assert_true(redis_link_command(f->link, NULL, 1, &STR("PING"))); /* nobody listens */
    COMMAND(f, STR("GET"), STR("k"));
    COMMAND(f, STR("STRLEN"), STR(""));
    COMMAND(f, STR("NOSUCH"));
    assert_int_equal(0, f->answers);
    assert_true(redis_link_unsent_bytes(f->link) > 0);
    WAIT_UNTIL(f, f->answers == 5);
    assert_string_equal("OK 2 2 0 ERR unknown command 'NOSUCH', with args beginning with:  ",
                        f->seen);
    assert_int_equal(0, redis_link_unsent_bytes(f->link));
}

static void arguments_with_any_bytes_arrive_whole(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    size_t n = 3 * 1024 * 1024;
    char *big = malloc(n);
    assert_non_null(big);
    for (size_t i = 0; i < n; i++) {
        big[i] = (char)i;
    }
    COMMAND(f, STR("SET"), STR("k\0\r\n"), ((struct str){big, n}));
    COMMAND(f, STR("STRLEN"), STR("k\0\r\n"));
    COMMAND(f, STR("BITCOUNT"), STR("k\0\r\n"));
    WAIT_UNTIL(f, f->answers == 3);
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "OK %zu %zu ", n, n * 4);
    assert_string_equal(expected, f->seen);
    free(big);
}

static void command_without_connection_is_refused(void **state)
{
    struct fixture *f = *state;
    start_link(f, socket_url(f, "", 0));
    assert_false(redis_link_command(f->link, &NOTED(f), 1, &STR("PING")));
    assert_false(redis_link_eval(f->link, &f->echo, &NOTED(f), 0, 0, NULL));
    assert_false(redis_link_subscribe(f->link, &STR("c"), 1));
    assert_false(redis_link_unsubscribe(f->link, &STR("c"), 1));
    WAIT_UNTIL(f, f->lost >= 1);
    assert_int_equal(0, f->answers);
}

static void commands_over_the_unsent_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    start_link_with(f, socket_url(f, "", 0), 0, 1000);
    WAIT_UNTIL(f, f->ready == 1);
    static const char zeros[600];
    COMMAND(f, STR("ECHO"), ((struct str){zeros, sizeof(zeros)}));
    COMMAND(f, STR("ECHO"), ((struct str){zeros, sizeof(zeros)}));
    assert_true(redis_link_unsent_bytes(f->link) > 1000);
    assert_false(redis_link_command(f->link, &NOTED(f), 1, &STR("PING")));
    WAIT_UNTIL(f, f->answers == 2);
    COMMAND(f, STR("PING"));
    WAIT_UNTIL(f, f->answers == 3);
}

/* --- scripts --- */

static void scripts_are_there_when_the_link_is_ready(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    const struct str one[] = {STR("hello")};
    const struct str key[] = {STR("n")};
    assert_true(redis_link_eval(f->link, &f->echo, &NOTED(f), 0, 1, one));
    assert_true(redis_link_eval(f->link, &f->incr, &NOTED(f), 1, 1, key));
    WAIT_UNTIL(f, f->answers == 2);
    assert_string_equal("hello 1 ", f->seen);
}

static void on_noscript(const struct redis_reply *r, void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(REDIS_ERROR_NOSCRIPT, redis_error_of(r));
    const struct str key[] = {STR("n")};
    assert_true(redis_link_eval(f->link, &f->incr, &NOTED(f), 1, 1, key));
}

static void forgotten_script_is_loaded_before_the_caller_sends_again(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("SCRIPT"), STR("FLUSH"));
    const struct str key[] = {STR("n")};
    assert_true(redis_link_eval(f->link, &f->incr, &ASKER(f, on_noscript), 1, 1, key));
    WAIT_UNTIL(f, f->answers == 2);
    assert_string_equal("OK 1 ", f->seen);
}

static void script_digest_is_the_one_redis_computes(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("SCRIPT"), STR("LOAD"), STR("return ARGV[1]"));
    WAIT_UNTIL(f, f->answers == 1);
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "%s ", f->echo.sha);
    assert_string_equal(expected, f->seen);
}

/* --- who no longer waits --- */

struct waiting {
    struct fixture *f;
    struct redis_call *call;
    bool heard;
};

static void on_awaited(const struct redis_reply *r, void *arg)
{
    struct waiting *w = arg;
    assert_null(w->call); /* before the callback, so that it may ask again */
    w->heard = true;
    on_answer(r, w->f);
}

static void cancelled_question_is_executed_and_its_answer_heard_by_nobody(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    struct waiting gone = {.f = f}, stays = {.f = f};
    const struct str incr[] = {STR("INCR"), STR("k")};
    assert_true(redis_link_command(f->link, &(struct redis_asker){on_awaited, &gone, &gone.call},
                                   ARRAY_LEN(incr), incr));
    assert_true(redis_link_command(f->link, &(struct redis_asker){on_awaited, &stays, &stays.call},
                                   ARRAY_LEN(incr), incr));
    assert_non_null(gone.call);
    redis_call_cancel(&gone.call);
    assert_null(gone.call);
    redis_call_cancel(&gone.call); /* harmless */
    WAIT_UNTIL(f, f->answers == 1);
    assert_string_equal("2 ", f->seen);
    assert_false(gone.heard);
    assert_true(stays.heard);
}

static void cancelled_question_hears_nothing_of_a_loss(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    struct waiting gone = {.f = f};
    assert_true(redis_link_command(f->link, &(struct redis_asker){on_awaited, &gone, &gone.call}, 1,
                                   &STR("PING")));
    redis_call_cancel(&gone.call);
    redis_link_restart(f->link, "for a test");
    WAIT_UNTIL(f, f->lost == 1);
    assert_false(gone.heard);
}

/* --- subscriptions --- */

static void publish(struct fixture *f, struct str channel, struct str payload)
{
    /* RESP3: the same connection may publish. */
    COMMAND(f, STR("PUBLISH"), channel, payload);
}

/* Redis 8 and Valkey answer a PUBLISH before its message, when both go to one connection. */
static void assert_seen(const struct fixture *f, const char *redis7, const char *redis8)
{
    if (strcmp(f->seen, redis7) != 0) {
        assert_string_equal(redis8, f->seen);
    }
}

static void messages_come_to_subscribed_channels_only(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    const struct str names[] = {STR("a"), STR("b")};
    assert_true(redis_link_subscribe(f->link, names, 2));
    WAIT_UNTIL(f, f->subscribed == 2);
    publish(f, STR("a"), STR("1"));
    publish(f, STR("c"), STR("2"));
    publish(f, STR("b"), STR("3"));
    WAIT_UNTIL(f, f->answers == 3);
    assert_seen(f, "+a +b a=1 1 0 b=3 1 ", "+a +b 1 a=1 0 1 b=3 ");
    f->seen[0] = '\0';
    assert_true(redis_link_unsubscribe(f->link, names, 1));
    publish(f, STR("a"), STR("4"));
    publish(f, STR("b"), STR("5"));
    WAIT_UNTIL(f, f->answers == 5);
    assert_seen(f, "0 b=5 1 ", "0 1 b=5 ");
}

static void replies_stay_in_order_around_subscriptions(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    const struct str a = STR("a");
    COMMAND(f, STR("ECHO"), STR("1"));
    assert_true(redis_link_unsubscribe(f->link, &a, 1)); /* nothing is subscribed yet */
    assert_true(redis_link_subscribe(f->link, &a, 1));
    COMMAND(f, STR("ECHO"), STR("2"));
    assert_true(redis_link_unsubscribe(f->link, &a, 1));
    assert_true(redis_link_unsubscribe(f->link, &a, 1));
    COMMAND(f, STR("ECHO"), STR("3"));
    assert_true(redis_link_subscribe(f->link, &a, 1));
    COMMAND(f, STR("ECHO"), STR("4"));
    WAIT_UNTIL(f, f->answers == 4);
    assert_string_equal("1 +a 2 3 +a 4 ", f->seen);
    f->seen[0] = '\0';
    assert_true(redis_link_unsubscribe(f->link, &a, 1));
    COMMAND(f, STR("ECHO"), STR("5"));
    WAIT_UNTIL(f, f->answers == 5);
    COMMAND(f, STR("ECHO"), STR("6")); /* hiredis is back in its normal mode */
    COMMAND(f, STR("LRANGE"), STR("l"), STR("0"), STR("-1"));
    WAIT_UNTIL(f, f->answers == 7);
    assert_string_equal("5 6 ? ", f->seen);
    assert_int_equal(0, f->lost);
}

static void thousand_names_are_subscribed_and_left_again(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    enum { N = 1000 };
    static char text[N][24];
    struct str names[N];
    for (int i = 0; i < N; i++) {
        int len = snprintf(text[i], sizeof(text[i]), "channel/number/%d", i);
        names[i] = (struct str){text[i], (size_t)len};
    }
    assert_true(redis_link_subscribe(f->link, names, N));
    WAIT_UNTIL(f, f->subscribed == N);
    assert_true(redis_link_unsubscribe(f->link, names, N));
    assert_true(redis_link_subscribe(f->link, names, 10)); /* before the confirmations */
    COMMAND(f, STR("PUBSUB"), STR("NUMSUB"), names[N - 1]);
    WAIT_UNTIL(f, f->subscribed == N + 10 && f->answers == 1);
    publish(f, names[N - 1], STR("x"));
    publish(f, names[9], STR("y"));
    WAIT_UNTIL(f, f->answers == 3);
    assert_seen(f, "? 0 channel/number/9=y 1 ", "? 0 1 channel/number/9=y ");
}

static void error_on_a_subscribed_connection_ends_it_with_the_error(void **state)
{
    struct fixture *f = *state;
    const char *const args[] = {"--user",        "ana",   "on",    ">p", "~*",
                                "resetchannels", "&mine", "+@all", NULL};
    redis_server_start(&f->server, args);
    start_link(f, socket_url(f, "ana:p@", 0));
    WAIT_UNTIL(f, f->ready == 1);
    assert_true(redis_link_subscribe(f->link, &STR("others"), 1));
    WAIT_UNTIL(f, f->lost >= 1);
    assert_int_equal(0, strncmp("NOPERM", f->why, 6));
    assert_int_equal(0, f->subscribed);
    WAIT_UNTIL(f, f->ready == 2);
}

/* --- losing and finding again --- */

static void killed_server_gives_null_to_pending_commands_then_the_link_returns(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    char before[128];
    (void)snprintf(before, sizeof(before), "%s", redis_link_history(f->link));
    assert_true(redis_link_subscribe(f->link, &STR("a"), 1));
    WAIT_UNTIL(f, f->subscribed == 1);
    assert_int_equal(0, kill(f->server.pid, SIGSTOP));
    COMMAND(f, STR("ECHO"), STR("1"));
    COMMAND(f, STR("ECHO"), STR("2"));
    redis_server_stop(&f->server);
    WAIT_UNTIL(f, f->lost >= 1);
    assert_int_equal(2, f->nulls);
    assert_int_equal(2, f->nulls_when_lost);
    redis_server_start(&f->server, NULL);
    WAIT_UNTIL(f, f->ready == 2);
    assert_int_equal(2, redis_link_connects(f->link));
    assert_string_not_equal(before, redis_link_history(f->link));
    COMMAND(f, STR("ECHO"), STR("3"));
    WAIT_UNTIL(f, f->answers == 3);
    assert_string_equal("+a NULL NULL 3 ", f->seen);
}

static void silent_server_is_left_after_the_reply_timeout(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    start_link_with(f, socket_url(f, "", 0), 200, 0);
    WAIT_UNTIL(f, f->ready == 1);
    assert_int_equal(0, kill(f->server.pid, SIGSTOP));
    COMMAND(f, STR("ECHO"), STR("1"));
    WAIT_UNTIL(f, f->lost >= 1);
    assert_string_equal("no answer within 200 ms", f->why);
    assert_int_equal(1, f->nulls);
    assert_int_equal(0, kill(f->server.pid, SIGCONT));
    WAIT_UNTIL(f, f->ready == 2);
}

static void restarted_link_is_lost_and_ready_again(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("ECHO"), STR("1"));
    redis_link_restart(f->link, "it delivers nothing");
    assert_int_equal(0, f->lost); /* never inside the call */
    WAIT_UNTIL(f, f->ready == 2);
    assert_int_equal(1, f->lost);
    assert_string_equal("it delivers nothing", f->why);
    assert_int_equal(1, f->nulls_when_lost);
}

static void on_answer_restart(const struct redis_reply *r, void *arg)
{
    struct fixture *f = arg;
    on_answer(r, arg);
    redis_link_restart(f->link, "from a callback");
}

static void restart_from_a_callback_is_safe(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    assert_true(redis_link_command(f->link, &ASKER(f, on_answer_restart), 1, &STR("PING")));
    COMMAND(f, STR("ECHO"), STR("2"));
    WAIT_UNTIL(f, f->ready == 2);
    assert_string_equal("from a callback", f->why);
    assert_int_equal(2, f->answers);
}

static void demoted_master_is_left(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("REPLICAOF"), STR("127.0.0.1"), STR("1"));
    COMMAND(f, STR("SET"), STR("k"), STR("v"));
    WAIT_UNTIL(f, f->lost >= 2);
    static const char whys[] = "it has become a replica\nit is a replica, not the master\n";
    assert_int_equal(0, strncmp(whys, f->whys, sizeof(whys) - 1));
}

static void freed_link_gives_null_to_pending_commands_and_says_no_more(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    assert_true(redis_link_subscribe(f->link, &STR("a"), 1));
    COMMAND(f, STR("ECHO"), STR("1"));
    redis_link_restart(f->link, "too late");
    f->link = redis_link_free(f->link);
    assert_int_equal(1, f->nulls);
    assert_int_equal(0, f->lost);
}

static void run_turns(struct fixture *f, int turns)
{
    for (int i = 0; i < turns; i++) {
        loop_stop(f->loop);
        assert_int_equal(0, loop_run(f->loop));
    }
}

static void link_freed_in_each_early_state_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    static const char *const hosts[] = {"127.0.0.1", "localhost", "name.invalid"};
    for (size_t host = 0; host < ARRAY_LEN(hosts); host++) {
        for (int turns = 0; turns < 4; turns++) {
            start_link(f, tcp_url("redis", hosts[host], f->server.port));
            run_turns(f, turns);
            int lost = f->lost, ready = f->ready;
            stop_link(f);
            run_turns(f, 3); /* evdns lets go of cancelled questions in a later turn */
            assert_int_equal(lost, f->lost);
            assert_int_equal(ready, f->ready);
        }
    }
}

int main(void)
{
    if (log_setup(&(struct log_options){.level = LOG_LEVEL_ERROR, .file = "/dev/null"}) < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_setup, redis_teardown)
    const struct CMUnitTest tests[] = {
        TEST(commands_are_answered_in_order),
        TEST(arguments_with_any_bytes_arrive_whole),
        TEST(command_without_connection_is_refused),
        TEST(commands_over_the_unsent_limit_are_refused),
        TEST(scripts_are_there_when_the_link_is_ready),
        TEST(forgotten_script_is_loaded_before_the_caller_sends_again),
        TEST(script_digest_is_the_one_redis_computes),
        TEST(cancelled_question_is_executed_and_its_answer_heard_by_nobody),
        TEST(cancelled_question_hears_nothing_of_a_loss),
        TEST(messages_come_to_subscribed_channels_only),
        TEST(replies_stay_in_order_around_subscriptions),
        TEST(thousand_names_are_subscribed_and_left_again),
        TEST(error_on_a_subscribed_connection_ends_it_with_the_error),
        TEST(killed_server_gives_null_to_pending_commands_then_the_link_returns),
        TEST(silent_server_is_left_after_the_reply_timeout),
        TEST(restarted_link_is_lost_and_ready_again),
        TEST(restart_from_a_callback_is_safe),
        TEST(demoted_master_is_left),
        TEST(freed_link_gives_null_to_pending_commands_and_says_no_more),
        TEST(link_freed_in_each_early_state_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
