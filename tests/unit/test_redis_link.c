/* SPDX-License-Identifier: MIT */
/* Against a real redis-server, one per test. */
#include "common/redis_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <event2/listener.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "tests/support/certs.h"
#include "tests/support/redis_server.h"

enum { WATCHDOG_MS = 15000, POLL_MS = 5, TEXT_MAX = 4096 };

struct fixture {
    struct redis_server server;
    struct loop *loop;
    struct timer poll, watchdog;
    bool too_long;
    struct redis_url url;
    struct redis_link *link;
    struct redis_script echo, incr;
    struct redis_script *scripts[2];

    int ready, lost, subscribed, messages, answers, nulls;
    int nulls_when_lost; /* at the first loss */
    char why[300];       /* of the last loss */
    char whys[TEXT_MAX]; /* of all, each on a line */
    char seen[TEXT_MAX]; /* what came in, one word each */
};

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
    assert_false(redis_link_command(f->link, NULL, NULL, 1, &STR("PING")));
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

static void on_answer(const struct redisReply *r, void *arg)
{
    struct fixture *f = arg;
    f->answers++;
    if (!r) {
        f->nulls++;
        note(f, "NULL");
        assert_false(redis_link_is_ready(f->link));
        assert_false(redis_link_command(f->link, NULL, NULL, 1, &STR("PING")));
    } else if (r->type == REDIS_REPLY_INTEGER) {
        char number[32];
        (void)snprintf(number, sizeof(number), "%lld", r->integer);
        note(f, number);
    } else if (r->str) {
        note(f, r->str);
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

#define WAIT_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        timer_start_ms(&(f)->watchdog, WATCHDOG_MS);                                               \
        while (!(condition)) {                                                                     \
            assert_int_equal(0, loop_run((f)->loop));                                              \
            if ((f)->too_long) {                                                                   \
                fail_msg("waited in vain for: %s (ready %d, lost %d, why \"%s\", seen \"%s\")",    \
                         #condition, (f)->ready, (f)->lost, (f)->why, (f)->seen);                  \
            }                                                                                      \
        }                                                                                          \
        timer_stop(&(f)->watchdog);                                                                \
    } while (0)

/* --- setting up --- */

static int setup(void **state)
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
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    redis_link_free(f->link);
    redis_url_release(&f->url);
    timer_release(&f->poll);
    timer_release(&f->watchdog);
    loop_free(f->loop);
    redis_server_remove(&f->server);
    free(f);
    return 0;
}

static void start_link_with(struct fixture *f, const char *url, uint32_t reply_timeout_ms,
                            size_t max_unsent_bytes)
{
    const char *why = NULL;
    if (!redis_url_parse(str_of(url), &f->url, &why)) {
        fail_msg("%s: %s", url, why);
    }
    const struct redis_link_options o = {.name = "test",
                                         .url = &f->url,
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

static void start_link(struct fixture *f, const char *url)
{
    start_link_with(f, url, 0, 0);
}

static const char *socket_url(const struct fixture *f, const char *credentials, int db)
{
    static char url[200];
    (void)snprintf(url, sizeof(url), "unix://%s%s?db=%d", credentials, f->server.socket, db);
    return url;
}

static const char *tcp_url(const char *scheme, const char *host, uint16_t port)
{
    static char url[200];
    (void)snprintf(url, sizeof(url), "%s://%s:%u", scheme, host, port);
    return url;
}

static void start_all(struct fixture *f)
{
    redis_server_start(&f->server, NULL);
    start_link(f, socket_url(f, "", 0));
    WAIT_UNTIL(f, f->ready == 1);
}

#define COMMAND(f, ...)                                                                            \
    do {                                                                                           \
        const struct str argv_[] = {__VA_ARGS__};                                                  \
        assert_true(redis_link_command((f)->link, on_answer, (f), ARRAY_LEN(argv_), argv_));       \
    } while (0)

/* --- connecting --- */

static void connected_link_knows_history_and_eviction_policy(void **state)
{
    struct fixture *f = *state;
    const char *const args[] = {"--maxmemory-policy", "allkeys-lru", NULL};
    redis_server_start(&f->server, args);
    start_link(f, socket_url(f, "", 0));
    assert_string_equal("", redis_link_history(f->link));
    WAIT_UNTIL(f, f->ready == 1);
    assert_true(redis_link_is_ready(f->link));
    assert_int_equal(1, redis_link_connects(f->link));
    assert_int_equal(81, strlen(redis_link_history(f->link))); /* 40 hex digits : 40 hex digits */
    assert_int_equal(':', redis_link_history(f->link)[40]);
    assert_string_equal("allkeys-lru", redis_link_eviction(f->link));
}

static void addresses_of_each_kind_connect(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        f->ready = 0;
        start_link(f, tcp_url("redis", hosts[i], f->server.port));
        WAIT_UNTIL(f, f->ready == 1);
        assert_int_equal(0, f->lost);
        f->link = redis_link_free(f->link);
        redis_url_release(&f->url);
    }
}

static void database_and_name_are_set_for_the_connection(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    start_link(f, socket_url(f, "", 3));
    WAIT_UNTIL(f, f->ready == 1);
    COMMAND(f, STR("CLIENT"), STR("INFO"));
    WAIT_UNTIL(f, f->answers == 1);
    assert_non_null(strstr(f->seen, " db=3 "));
    assert_non_null(strstr(f->seen, " name=broadcaster-test "));
    assert_non_null(strstr(f->seen, " resp=3"));
}

static void missing_server_is_tried_again_until_it_is_there(void **state)
{
    struct fixture *f = *state;
    start_link(f, tcp_url("redis", "127.0.0.1", f->server.port));
    WAIT_UNTIL(f, f->lost >= 2);
    assert_string_equal("Connection refused", f->why);
    assert_int_equal(0, f->ready);
    redis_server_start(&f->server, NULL);
    WAIT_UNTIL(f, f->ready == 1);
}

static void missing_socket_is_tried_again_until_it_is_there(void **state)
{
    struct fixture *f = *state;
    start_link(f, socket_url(f, "", 0));
    WAIT_UNTIL(f, f->lost >= 2);
    assert_string_equal("No such file or directory", f->why);
    redis_server_start(&f->server, NULL);
    WAIT_UNTIL(f, f->ready == 1);
}

static const struct refusal {
    const char *credentials;
    const char *args[10];
    const char *why; /* its beginning; NULL: it connects */
} refusals[] = {
    {"", {"--requirepass", "open", NULL}, "NOAUTH"},
    {":wrong@", {"--requirepass", "open", NULL}, "WRONGPASS"},
    {"ana:open@", {"--requirepass", "open", NULL}, "WRONGPASS"},
    {":open@", {"--requirepass", "open", NULL}, NULL},
    {"default:open@", {"--requirepass", "open", NULL}, NULL},
    {"ana:p%40ss@", {"--user", "ana", "on", ">p@ss", "~*", "&*", "+@all", NULL}, NULL},
    {"ana:p@", {"--user", "ana", "on", ">p", "~*", "&*", "+script|load", NULL}, "NOPERM"},
    {"ana:p@", {"--user", "ana", "on", ">p", "~*", "&*", "+script|load", "+info", NULL}, NULL},
    {"", {"--cluster-enabled", "yes", NULL}, "it is a node of a Redis Cluster"},
    {"", {"--replicaof", "127.0.0.1", "1", NULL}, "it is a replica"},
    {"", {"--rename-command", "HELLO", "", NULL}, "it does not know HELLO"},
};

static void servers_that_do_not_fit_are_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal *t = &refusals[i];
        f->ready = f->lost = 0;
        f->why[0] = '\0';
        redis_server_start(&f->server, t->args);
        start_link(f, socket_url(f, t->credentials, 0));
        WAIT_UNTIL(f, f->ready + f->lost > 0);
        if (t->why ? strncmp(t->why, f->why, strlen(t->why)) != 0 : f->ready != 1) {
            fail_msg("case %zu: why is \"%s\"", i, f->why);
        }
        f->link = redis_link_free(f->link);
        redis_url_release(&f->url);
        redis_server_stop(&f->server);
    }
}

static void sentinel_names_the_master_and_a_dead_sentinel_is_passed_over(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    struct redis_server sentinel;
    redis_server_prepare(&sentinel);
    char conf[128];
    (void)snprintf(conf, sizeof(conf), "%s/sentinel.conf", sentinel.dir);
    FILE *file = fopen(conf, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "bind 127.0.0.1\nsentinel monitor main 127.0.0.1 %u 1\n",
                        f->server.port) > 0);
    assert_int_equal(0, fclose(file));
    const char *const args[] = {"--sentinel", conf, NULL};
    redis_server_start(&sentinel, args);
    char url[200];
    (void)snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%u,127.0.0.1:%u/main", free_port(),
                   sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->ready == 1);
    assert_int_equal(0, f->lost);
    f->link = redis_link_free(f->link);
    redis_url_release(&f->url);

    (void)snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%u/other", sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->lost >= 1);
    assert_non_null(strstr(f->why, "knows no master of this name"));
    redis_server_remove(&sentinel);
}

static void sentinel_taken_for_a_server_is_refused(void **state)
{
    struct fixture *f = *state;
    char conf[128];
    (void)snprintf(conf, sizeof(conf), "%s/sentinel.conf", f->server.dir);
    FILE *file = fopen(conf, "w");
    assert_non_null(file);
    assert_true(fputs("bind 127.0.0.1\n", file) >= 0 && fclose(file) == 0);
    const char *const args[] = {"--sentinel", conf, NULL};
    redis_server_start(&f->server, args);
    start_link(f, tcp_url("redis", "127.0.0.1", f->server.port));
    WAIT_UNTIL(f, f->lost >= 1);
    assert_non_null(strstr(f->why, "it is a Sentinel"));
}

/* --- TLS --- */

struct tls_files {
    char ca[96], cert[96], key[96];
};

/* A server certificate for `name`; its authority becomes the system's. */
static void make_tls_files(const struct fixture *f, const char *name, struct tls_files *out)
{
    (void)snprintf(out->ca, sizeof(out->ca), "%s/ca.pem", f->server.dir);
    (void)snprintf(out->cert, sizeof(out->cert), "%s/cert.pem", f->server.dir);
    (void)snprintf(out->key, sizeof(out->key), "%s/key.pem", f->server.dir);
    struct cert ca =
        cert_make(&(struct cert_spec){.name = "ca", .basic_constraints = "critical,CA:TRUE"});
    struct cert leaf =
        cert_make(&(struct cert_spec){.name = "redis", .issuer = &ca, .alternative_name = name});
    cert_write(out->ca, (const struct cert *[]){&ca}, 1);
    cert_write(out->cert, (const struct cert *[]){&leaf}, 1);
    cert_write_key(out->key, &leaf);
    cert_release(&ca);
    cert_release(&leaf);
    assert_int_equal(0, setenv("SSL_CERT_FILE", out->ca, 1));
}

static void tls_connects_when_the_certificate_names_the_host(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *host;
        bool connects;
    } cases[] = {
        {"DNS:localhost", "localhost", true},
        {"IP:127.0.0.1", "127.0.0.1", true},
        {"DNS:other.example", "localhost", false},
        {"IP:127.0.0.2", "127.0.0.1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_files files;
        make_tls_files(f, cases[i].name, &files);
        char port[8];
        (void)snprintf(port, sizeof(port), "%u", f->server.port);
        const char *const args[] = {"--port",
                                    "0",
                                    "--tls-port",
                                    port,
                                    "--tls-cert-file",
                                    files.cert,
                                    "--tls-key-file",
                                    files.key,
                                    "--tls-ca-cert-file",
                                    files.ca,
                                    "--tls-auth-clients",
                                    "no",
                                    NULL};
        redis_server_start(&f->server, args);
        f->ready = f->lost = f->answers = 0;
        f->seen[0] = '\0';
        start_link(f, tcp_url("rediss", cases[i].host, f->server.port));
        WAIT_UNTIL(f, f->ready + f->lost > 0);
        assert_int_equal(cases[i].connects, f->ready);
        if (cases[i].connects) {
            COMMAND(f, STR("ECHO"), STR("safe"));
            WAIT_UNTIL(f, f->answers == 1);
            assert_string_equal("safe ", f->seen);
        } else {
            if (!strstr(f->whys, "mismatch")) {
                fail_msg("case %zu: why is \"%s\"", i, f->whys);
            }
        }
        f->link = redis_link_free(f->link);
        redis_url_release(&f->url);
        redis_server_stop(&f->server);
    }
    assert_int_equal(0, unsetenv("SSL_CERT_FILE"));
}

static void greet_in_plain(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from,
                           int from_len, void *arg)
{
    (void)l, (void)from, (void)from_len, (void)arg;
    static const char text[] = "-ERR max number of clients reached\r\n";
    assert_int_equal(sizeof(text), write(fd, text, sizeof(text)));
    (void)close(fd);
}

static void tls_to_a_plain_server_is_lost_with_a_reason(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in sin = {.sin_family = AF_INET,
                                    .sin_port = htons(f->server.port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct evconnlistener *l = evconnlistener_new_bind(loop_base(f->loop), greet_in_plain, f,
                                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 8,
                                                       (const struct sockaddr *)&sin, sizeof(sin));
    assert_non_null(l);
    start_link(f, tcp_url("rediss", "127.0.0.1", f->server.port));
    WAIT_UNTIL(f, f->lost >= 1);
    evconnlistener_free(l);
    assert_string_equal("TLS handshake failed: wrong version number", f->why);
}

/* --- commands --- */

static void commands_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("SET"), STR("k"), STR("1"));
    COMMAND(f, STR("INCR"), STR("k"));
    assert_true(redis_link_command(f->link, NULL, NULL, 1, &STR("PING"))); /* nobody listens */
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
    assert_false(redis_link_command(f->link, on_answer, f, 1, &STR("PING")));
    assert_false(redis_link_eval(f->link, &f->echo, on_answer, f, 0, 0, NULL));
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
    assert_false(redis_link_command(f->link, on_answer, f, 1, &STR("PING")));
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
    assert_true(redis_link_eval(f->link, &f->echo, on_answer, f, 0, 1, one));
    assert_true(redis_link_eval(f->link, &f->incr, on_answer, f, 1, 1, key));
    WAIT_UNTIL(f, f->answers == 2);
    assert_string_equal("hello 1 ", f->seen);
}

static void on_noscript(const struct redisReply *r, void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(REDIS_ERROR_NOSCRIPT, redis_error_of(r));
    const struct str key[] = {STR("n")};
    assert_true(redis_link_eval(f->link, &f->incr, on_answer, f, 1, 1, key));
}

static void forgotten_script_is_loaded_before_the_caller_sends_again(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    COMMAND(f, STR("SCRIPT"), STR("FLUSH"));
    const struct str key[] = {STR("n")};
    assert_true(redis_link_eval(f->link, &f->incr, on_noscript, f, 1, 1, key));
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

static void errors_are_told_apart_by_their_code(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum redis_error error;
    } cases[] = {
        {"NOSCRIPT No matching script.", REDIS_ERROR_NOSCRIPT},
        {"READONLY You can't write against a read only replica.", REDIS_ERROR_AWAY},
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
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        redisReply r = {.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
        assert_int_equal(cases[i].error, redis_error_of(&r));
        r.type = REDIS_REPLY_STRING;
        assert_int_equal(REDIS_ERROR_NONE, redis_error_of(&r));
    }
    assert_int_equal(REDIS_ERROR_NONE, redis_error_of(NULL));
}

/* --- subscriptions --- */

static void publish(struct fixture *f, struct str channel, struct str payload)
{
    /* RESP3: the same connection may publish. */
    COMMAND(f, STR("PUBLISH"), channel, payload);
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
    assert_string_equal("+a +b a=1 1 0 b=3 1 ", f->seen);
    f->seen[0] = '\0';
    assert_true(redis_link_unsubscribe(f->link, names, 1));
    publish(f, STR("a"), STR("4"));
    publish(f, STR("b"), STR("5"));
    WAIT_UNTIL(f, f->answers == 5);
    assert_string_equal("0 b=5 1 ", f->seen);
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
    assert_string_equal("? 0 channel/number/9=y 1 ", f->seen);
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

static void on_answer_restart(const struct redisReply *r, void *arg)
{
    struct fixture *f = arg;
    on_answer(r, arg);
    redis_link_restart(f->link, "from a callback");
}

static void restart_from_a_callback_is_safe(void **state)
{
    struct fixture *f = *state;
    start_all(f);
    assert_true(redis_link_command(f->link, on_answer_restart, f, 1, &STR("PING")));
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

static void link_freed_in_each_early_state_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    static const char *const hosts[] = {"127.0.0.1", "localhost", "name.invalid"};
    for (size_t host = 0; host < ARRAY_LEN(hosts); host++) {
        for (int turns = 0; turns < 4; turns++) {
            start_link(f, tcp_url("redis", hosts[host], f->server.port));
            for (int i = 0; i < turns; i++) {
                loop_stop(f->loop);
                assert_int_equal(0, loop_run(f->loop));
            }
            f->link = redis_link_free(f->link);
            redis_url_release(&f->url);
        }
    }
    assert_int_equal(0, f->lost);
    for (int i = 0; i < 3; i++) { /* evdns lets go of cancelled questions in a later turn */
        loop_stop(f->loop);
        assert_int_equal(0, loop_run(f->loop));
    }
}

int main(void)
{
    if (log_setup(&(struct log_options){.level = LOG_LEVEL_ERROR, .file = "/dev/null"}) < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(connected_link_knows_history_and_eviction_policy),
        TEST(addresses_of_each_kind_connect),
        TEST(database_and_name_are_set_for_the_connection),
        TEST(missing_server_is_tried_again_until_it_is_there),
        TEST(missing_socket_is_tried_again_until_it_is_there),
        TEST(servers_that_do_not_fit_are_refused_with_the_reason),
        TEST(sentinel_names_the_master_and_a_dead_sentinel_is_passed_over),
        TEST(sentinel_taken_for_a_server_is_refused),
        TEST(tls_connects_when_the_certificate_names_the_host),
        TEST(tls_to_a_plain_server_is_lost_with_a_reason),
        TEST(commands_are_answered_in_order),
        TEST(arguments_with_any_bytes_arrive_whole),
        TEST(command_without_connection_is_refused),
        TEST(commands_over_the_unsent_limit_are_refused),
        TEST(scripts_are_there_when_the_link_is_ready),
        TEST(forgotten_script_is_loaded_before_the_caller_sends_again),
        TEST(script_digest_is_the_one_redis_computes),
        cmocka_unit_test(errors_are_told_apart_by_their_code),
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
