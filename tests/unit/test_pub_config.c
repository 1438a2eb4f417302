/* SPDX-License-Identifier: MIT */
/* pub_config: where a publisher listens, and whom it trusts there. */
#include "publisher/pub_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void insecure_trusts_loopback_only(void **state)
{
    (void)state;
    static const struct {
        bool insecure;
        const char *option; /* --bind */
        const char *bind;   /* what comes out */
        bool plain, trust_all;
    } rows[] = {
        {false, NULL, "", false, false},
        {false, "127.0.0.1", "127.0.0.1", false, false},
        {true, NULL, "127.0.0.1", true, true},
        {true, "127.0.0.2", "127.0.0.2", true, true},
        {true, "::1", "::1", true, true},
        {true, "localhost", "localhost", true, true},
        {true, "", "", true, false},
        {true, "0.0.0.0", "0.0.0.0", true, false},
        {true, "::", "::", true, false},
        {true, "10.0.0.1", "10.0.0.1", true, false},
        {true, "127.example.org", "127.example.org", true, false},
    };
    AUTO(settings) *s = settings_create();
    assert_non_null(s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct cli cli = {.insecure = rows[i].insecure, .bind = rows[i].option};
        struct pub_config c;
        pub_config_make(s, &cli, &c);
        assert_string_equal(c.bind, rows[i].bind);
        assert_int_equal(c.plain, rows[i].plain);
        assert_int_equal(c.auth.trust_all, rows[i].trust_all);
    }
}

static void defaults_are_those_of_the_contract(void **state)
{
    (void)state;
    AUTO(settings) *s = settings_create();
    assert_non_null(s);
    const struct cli cli = {0};
    struct pub_config c;
    pub_config_make(s, &cli, &c);
    assert_int_equal(c.port, 32672);
    assert_int_equal(c.tls.client_auth, TLS_CLIENT_REQUEST);
    assert_string_equal(c.tls.alpn, "http/1.1");
    assert_int_equal(c.broadcast.publish_wait_ms, 250);
    assert_int_equal(c.writer.history_events, 1000);
    assert_int_equal(c.writer.history_ms, 600000);
    assert_int_equal(c.writer.history_bytes, 8388608);
    assert_false(c.broadcast.log_payloads);
}

static char *copy(const char *text)
{
    char *p = strdup(text);
    assert_non_null(p);
    return p;
}

static void replace(char **setting, const char *value)
{
    free(*setting);
    *setting = copy(value);
}

static void settings_take_effect(void **state)
{
    (void)state;
    AUTO(settings) *s = settings_create();
    assert_non_null(s);
    replace(&s->broadcaster.tls.client_auth, "require");
    replace(&s->broadcaster.frontend_url, "http://judge");
    replace(&s->broadcaster.scoreboard_update_secret, "x");
    replace(&s->broadcaster.bind, "10.0.0.1");
    const struct cli cli = {0};
    struct pub_config c;
    pub_config_make(s, &cli, &c);
    assert_int_equal(c.tls.client_auth, TLS_CLIENT_REQUIRE);
    assert_true(c.broadcast.refresh_scoreboards);
    assert_string_equal(c.bind, "10.0.0.1");
    replace(&s->broadcaster.scoreboard_update_secret, "");
    pub_config_make(s, &cli, &c);
    assert_false(c.broadcast.refresh_scoreboards);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(insecure_trusts_loopback_only),
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(settings_take_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
