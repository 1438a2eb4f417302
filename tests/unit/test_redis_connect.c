/* SPDX-License-Identifier: MIT */
/* redis_link up to READY: addresses, credentials, what it refuses, Sentinel, TLS. */
#include "tests/unit/redis_fixture.h"

#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/support/certs.h"

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
        stop_link(f);
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
        stop_link(f);
        redis_server_stop(&f->server);
    }
}

static void start_sentinel_with(struct redis_server *s, const char *text, const char *plain_port)
{
    char conf[128];
    (void)snprintf(conf, sizeof(conf), "%s/sentinel.conf", s->dir);
    FILE *file = fopen(conf, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "bind 127.0.0.1\n%s", text) > 0);
    assert_int_equal(0, fclose(file));
    const char *const args[] = {"--sentinel", conf, plain_port ? "--port" : NULL, plain_port, NULL};
    redis_server_start(s, args);
}

static void start_sentinel(struct redis_server *s, const char *text)
{
    start_sentinel_with(s, text, NULL);
}

static void sentinel_names_the_master_and_a_dead_sentinel_is_passed_over(void **state)
{
    struct fixture *f = *state;
    redis_server_start(&f->server, NULL);
    struct redis_server sentinel;
    redis_server_prepare(&sentinel);
    char text[100];
    (void)snprintf(text, sizeof(text), "sentinel monitor main 127.0.0.1 %u 1\n", f->server.port);
    start_sentinel(&sentinel, text);
    char url[200];
    (void)snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%u,127.0.0.1:%u/main", free_port(),
                   sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->ready == 1);
    assert_int_equal(0, f->lost);
    stop_link(f);

    (void)snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%u/other", sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->lost >= 1);
    assert_non_null(strstr(f->why, "knows no master of this name"));
    redis_server_remove(&sentinel);
}

static void sentinel_that_wants_the_password_is_given_it(void **state)
{
    struct fixture *f = *state;
    const char *const server_args[] = {"--requirepass", "sesame", NULL};
    redis_server_start(&f->server, server_args);
    struct redis_server sentinel;
    redis_server_prepare(&sentinel);
    char text[200];
    (void)snprintf(text, sizeof(text),
                   "requirepass sesame\nsentinel monitor main 127.0.0.1 %u 1\n"
                   "sentinel auth-pass main sesame\n",
                   f->server.port);
    start_sentinel(&sentinel, text);
    char url[200];
    (void)snprintf(url, sizeof(url), "redis+sentinel://:sesame@127.0.0.1:%u/main", sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->ready == 1);
    stop_link(f);
    (void)snprintf(url, sizeof(url), "redis+sentinel://:wrong@127.0.0.1:%u/main", sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->lost >= 1);
    assert_non_null(strstr(f->why, "NOAUTH"));
    redis_server_remove(&sentinel);
}

static void sentinel_taken_for_a_server_is_refused(void **state)
{
    struct fixture *f = *state;
    start_sentinel(&f->server, "");
    start_link(f, tcp_url("redis", "127.0.0.1", f->server.port));
    WAIT_UNTIL(f, f->lost >= 1);
    assert_non_null(strstr(f->why, "it is a Sentinel"));
}

/* --- TLS --- */

struct tls_files {
    char ca[96], cert[96], key[96];
};

static void set_text(char **setting, const char *value)
{
    free(*setting);
    *setting = strdup(value);
    assert_non_null(*setting);
}

/* A certificate for `name`, and the authority's beside it. */
static void make_tls_files(const char *dir, const char *name, struct tls_files *out)
{
    (void)snprintf(out->ca, sizeof(out->ca), "%s/ca.pem", dir);
    (void)snprintf(out->cert, sizeof(out->cert), "%s/cert.pem", dir);
    (void)snprintf(out->key, sizeof(out->key), "%s/key.pem", dir);
    struct cert ca =
        cert_make(&(struct cert_spec){.name = "ca", .basic_constraints = "critical,CA:TRUE"});
    struct cert leaf =
        cert_make(&(struct cert_spec){.name = "redis", .issuer = &ca, .alternative_name = name});
    cert_write(out->ca, (const struct cert *[]){&ca}, 1);
    cert_write(out->cert, (const struct cert *[]){&leaf}, 1);
    cert_write_key(out->key, &leaf);
    cert_release(&ca);
    cert_release(&leaf);
}

/* As redis-server is by default, it wants a certificate of the same authority from its clients. */
static void start_tls_server(struct redis_server *s, const struct tls_files *files,
                             const char *auth_clients)
{
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", s->port);
    const char *const args[] = {"--port",
                                "0",
                                "--tls-port",
                                port,
                                "--tls-cert-file",
                                files->cert,
                                "--tls-key-file",
                                files->key,
                                "--tls-ca-cert-file",
                                files->ca,
                                "--tls-auth-clients",
                                auth_clients,
                                NULL};
    redis_server_start(s, args);
}

static void tls_connects_when_the_certificate_names_the_host(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *host, *server_name;
        bool connects;
    } cases[] = {
        {"DNS:localhost", "localhost", "", true},
        {"IP:127.0.0.1", "127.0.0.1", "", true},
        {"DNS:other.example", "127.0.0.1", "other.example", true},
        {"DNS:other.example", "localhost", "", false},
        {"DNS:localhost", "localhost", "other.example", false},
        {"IP:127.0.0.2", "127.0.0.1", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_files files;
        make_tls_files(f->server.dir, cases[i].name, &files);
        set_text(&f->settings->redis.tls.ca_file, files.ca);
        set_text(&f->settings->redis.tls.server_name, cases[i].server_name);
        use_access(f);
        start_tls_server(&f->server, &files, "no");
        f->ready = f->lost = f->answers = 0;
        f->seen[0] = f->whys[0] = '\0';
        start_link(f, tcp_url("rediss", cases[i].host, f->server.port));
        WAIT_UNTIL(f, f->ready + f->lost > 0);
        assert_int_equal(cases[i].connects, f->ready);
        if (cases[i].connects) {
            COMMAND(f, STR("ECHO"), STR("safe"));
            WAIT_UNTIL(f, f->answers == 1);
            assert_string_equal("safe ", f->seen);
        } else if (!strstr(f->whys, "mismatch")) {
            fail_msg("case %zu: why is \"%s\"", i, f->whys);
        }
        stop_link(f);
        redis_server_stop(&f->server);
    }
}

static void authority_of_the_system_is_believed_without_a_ca_file(void **state)
{
    struct fixture *f = *state;
    struct tls_files files;
    make_tls_files(f->server.dir, "DNS:localhost", &files);
    assert_int_equal(0, setenv("SSL_CERT_FILE", files.ca, 1));
    set_text(&f->settings->redis.url, "rediss://localhost");
    use_access(f);
    assert_int_equal(0, unsetenv("SSL_CERT_FILE"));
    start_tls_server(&f->server, &files, "no");
    start_link(f, tcp_url("rediss", "localhost", f->server.port));
    WAIT_UNTIL(f, f->ready == 1);
}

static void server_that_asks_for_a_certificate_is_shown_ours(void **state)
{
    struct fixture *f = *state;
    struct tls_files files;
    make_tls_files(f->server.dir, "IP:127.0.0.1", &files);
    start_tls_server(&f->server, &files, "yes");
    set_text(&f->settings->redis.tls.ca_file, files.ca);
    use_access(f);
    start_link(f, tcp_url("rediss", "127.0.0.1", f->server.port));
    WAIT_UNTIL(f, f->lost >= 1);
    assert_int_equal(0, f->ready);
    /* A reload: the same link, with its next attempt. */
    set_text(&f->settings->redis.tls.cert_file, files.cert);
    set_text(&f->settings->redis.tls.key_file, files.key);
    use_access(f);
    WAIT_UNTIL(f, f->ready == 1);
}

static void sentinel_behind_tls_is_given_its_own_password(void **state)
{
    struct fixture *f = *state;
    struct tls_files files;
    make_tls_files(f->server.dir, "IP:127.0.0.1", &files);
    start_tls_server(&f->server, &files, "yes");
    struct redis_server sentinel;
    redis_server_prepare(&sentinel);
    char text[700], url[100];
    (void)snprintf(text, sizeof(text),
                   "tls-port %u\ntls-cert-file %s\ntls-key-file %s\n"
                   "tls-ca-cert-file %s\ntls-replication yes\n"
                   "user default off\nuser ana on >sesame ~* &* +@all\n"
                   "sentinel monitor main 127.0.0.1 %u 1\n",
                   sentinel.port, files.cert, files.key, files.ca, f->server.port);
    start_sentinel_with(&sentinel, text, "0");
    set_text(&f->settings->redis.tls.ca_file, files.ca);
    set_text(&f->settings->redis.tls.cert_file, files.cert);
    set_text(&f->settings->redis.tls.key_file, files.key);
    set_text(&f->settings->redis.sentinel.username, "ana");
    set_text(&f->settings->redis.sentinel.password, "wrong");
    use_access(f);
    (void)snprintf(url, sizeof(url), "rediss+sentinel://127.0.0.1:%u/main", sentinel.port);
    start_link(f, url);
    WAIT_UNTIL(f, f->lost >= 1);
    assert_non_null(strstr(f->why, "NOAUTH"));
    set_text(&f->settings->redis.sentinel.password, "sesame");
    use_access(f);
    WAIT_UNTIL(f, f->ready == 1);
    redis_server_remove(&sentinel);
}

static void access_that_cannot_be_used_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    struct tls_files files;
    const char *reason = NULL;
    make_tls_files(f->server.dir, "IP:127.0.0.1", &files);
    set_text(&f->settings->redis.tls.cert_file, files.cert);
    assert_null(redis_access_create(f->settings, &reason));
    assert_string_equal("Redis.TLS: CertFile and KeyFile need each other", reason);
    set_text(&f->settings->redis.tls.key_file, "/nowhere/key.pem");
    assert_null(redis_access_create(f->settings, &reason));
    assert_non_null(strstr(reason, "Redis.TLS: cannot use key file /nowhere/key.pem"));
    set_text(&f->settings->redis.tls.key_file, files.key);
    set_text(&f->settings->redis.tls.ca_file, "/nowhere/ca.pem");
    assert_null(redis_access_create(f->settings, &reason));
    assert_non_null(strstr(reason, "Redis.TLS: cannot use CA file /nowhere/ca.pem"));
    set_text(&f->settings->redis.tls.ca_file, files.ca);
    set_text(&f->settings->redis.sentinel.username, "ana");
    assert_null(redis_access_create(f->settings, &reason));
    assert_string_equal("Redis.Sentinel.Username: needs Redis.Sentinel.Password", reason);
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
    set_text(&f->settings->redis.url, "rediss://127.0.0.1");
    use_access(f);
    start_link(f, tcp_url("rediss", "127.0.0.1", f->server.port));
    WAIT_UNTIL(f, f->lost >= 1);
    evconnlistener_free(l);
    assert_string_equal("TLS handshake failed: wrong version number", f->why);
}

int main(void)
{
    if (log_setup(&(struct log_options){.level = LOG_LEVEL_ERROR, .file = "/dev/null"}) < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_setup, redis_teardown)
    const struct CMUnitTest tests[] = {
        TEST(connected_link_knows_history_and_eviction_policy),
        TEST(addresses_of_each_kind_connect),
        TEST(database_and_name_are_set_for_the_connection),
        TEST(missing_server_is_tried_again_until_it_is_there),
        TEST(missing_socket_is_tried_again_until_it_is_there),
        TEST(servers_that_do_not_fit_are_refused_with_the_reason),
        TEST(sentinel_names_the_master_and_a_dead_sentinel_is_passed_over),
        TEST(sentinel_that_wants_the_password_is_given_it),
        TEST(sentinel_taken_for_a_server_is_refused),
        TEST(authority_of_the_system_is_believed_without_a_ca_file),
        TEST(server_that_asks_for_a_certificate_is_shown_ours),
        TEST(sentinel_behind_tls_is_given_its_own_password),
        TEST(access_that_cannot_be_used_is_refused_with_the_reason),
        TEST(tls_connects_when_the_certificate_names_the_host),
        TEST(tls_to_a_plain_server_is_lost_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
