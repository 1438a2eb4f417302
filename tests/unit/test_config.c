/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the first four. */
#include <cmocka.h>

#include "common/config/config.h"

/* One load: what goes in, what came out. */
struct trial {
    char path[64];
    char *sets[4];
    char *environ[8];
    struct config_source source;
    struct settings *settings;
    struct buf problems;
};

static int set_up(void **state)
{
    struct trial *t = calloc(1, sizeof(*t));
    if (!t) {
        return -1;
    }
    (void)snprintf(t->path, sizeof(t->path), "/tmp/test_config.XXXXXX");
    int fd = mkstemp(t->path);
    if (fd < 0) {
        free(t);
        return -1;
    }
    t->source = (struct config_source){.path = t->path, .path_given = true, .sets = t->sets};
    t->source.environ = t->environ;
    *state = t;
    return close(fd);
}

static void forget(struct trial *t)
{
    t->settings = settings_free(t->settings);
    buf_release(&t->problems);
}

static int tear_down(void **state)
{
    struct trial *t = *state;
    forget(t);
    (void)unlink(t->path); /* a test may have removed it */
    free(t);
    return 0;
}

static void write_file(const struct trial *t, struct str text)
{
    FILE *f = fopen(t->path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

/* Loads; the problems end in a zero byte afterwards. */
static void load_again(struct trial *t)
{
    forget(t);
    t->source.n_sets = 0;
    while (t->source.n_sets < ARRAY_LEN(t->sets) && t->sets[t->source.n_sets]) {
        t->source.n_sets++;
    }
    t->settings = config_load(&t->source, &t->problems);
    buf_addc(&t->problems, '\0');
    assert_false(t->problems.failed);
}

static void load(struct trial *t, const char *text)
{
    write_file(t, str_of(text));
    load_again(t);
}

static void load_well(struct trial *t, const char *text)
{
    load(t, text);
    assert_string_equal(t->problems.p, "");
    assert_non_null(t->settings);
}

/* The problems, with "@" for the file's name. */
static void assert_problems(const struct trial *t, const char *want)
{
    struct buf b = {0};
    for (; *want; want++) {
        if (*want == '@') {
            buf_add(&b, str_of(t->path));
        } else {
            buf_addc(&b, *want);
        }
    }
    buf_addc(&b, '\0');
    assert_string_equal(t->problems.p, b.p);
    buf_release(&b);
}

static void assert_refused(struct trial *t, const char *text, const char *problems)
{
    load(t, text);
    assert_problems(t, problems);
    assert_null(t->settings);
}

static void assert_warned(struct trial *t, const char *text, const char *problems)
{
    load(t, text);
    assert_problems(t, problems);
    assert_non_null(t->settings);
}

/* --- durations -------------------------------------------------------------------------------- */

static void durations_are_seconds_or_go_syntax(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"0", 0},
        {"30", 30000},
        {"0.5", 500},
        {".5", 500},
        {"5.", 5000},
        {"0.0001", 1},
        {"1.001", 1001},
        {"30s", 30000},
        {"500ms", 500},
        {"1m30s", 90000},
        {"1h1m1s1ms", 3661001},
        {"1.5h", 5400000},
        {"1500us", 2},
        {"1µs", 1},
        {"1μs", 1},
        {"1000000ns", 1},
        {"0s", 0},
        {"1s1s", 2000},
        {"0.1s", 100},
        {"2562047h", 9223369200000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        assert_true(config_parse_duration(str_of(rows[i].text), &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        ".",
        "s",
        "-1",
        "+1",
        "1x",
        "1 s",
        " 1",
        "1s ",
        "1s2",
        "1e3",
        ".s",
        "1..5",
        "1m30",
        "1S",
        "2562048h",
        "ms",
        "1m s",
        "nan",
        "inf",
        "1.5.5s",
        "0x10",
        "99999999999999999999",
        "9223372036.9s",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        if (config_parse_duration(str_of(rows[i]), &ms)) {
            fail_msg("\"%s\" was taken as %lld ms", rows[i], (long long)ms);
        }
        assert_int_equal(ms, -1);
    }
    int64_t ms;
    assert_false(config_parse_duration(STR("1s\0"), &ms));
}

/* --- files ------------------------------------------------------------------------------------ */

static void empty_object_gives_the_documented_defaults(void **state)
{
    struct trial *t = *state;
    load_well(t, "{}");
    const struct settings *s = t->settings;
    assert_int_equal(s->broadcaster.port, 32672);
    assert_int_equal(s->broadcaster.events_port, 39613);
    assert_false(s->broadcaster.events_port_set);
    assert_string_equal(s->broadcaster.bind, "");
    assert_string_equal(s->broadcaster.tls.cert_file, "/etc/omegaup/broadcaster/certificate.pem");
    assert_string_equal(s->broadcaster.tls.key_file, "/etc/omegaup/broadcaster/key.pem");
    assert_string_equal(s->broadcaster.tls.client_auth, "routes");
    assert_true(s->broadcaster.proxied);
    assert_int_equal(s->broadcaster.ping_interval_ms, 30000);
    assert_int_equal(s->broadcaster.write_timeout_ms, 10000);
    assert_int_equal(s->broadcaster.write_delay_ms, 0);
    assert_int_equal(s->broadcaster.publish_wait_ms, 250);
    assert_string_equal(s->broadcaster.frontend_url, "");
    assert_string_equal(s->broadcaster.scoreboard_update_secret, "");
    assert_int_equal(s->broadcaster.scoreboard_update_timeout_ms, 10000);
    assert_int_equal(s->broadcaster.recheck_ms, 0);
    assert_int_equal(s->broadcaster.legacy_resume_ms, 300000);
    assert_int_equal(s->broadcaster.auth_cache_ms, 2000);
    assert_int_equal(s->broadcaster.auth_concurrency, 16);
    assert_int_equal(s->broadcaster.max_subscriptions, 128);
    assert_int_equal(s->broadcaster.queue_bytes, 4194304);
    assert_int_equal(s->broadcaster.queue_bytes_total, 536870912);
    assert_int_equal(s->broadcaster.max_connections_per_address, 0);
    assert_int_equal(s->broadcaster.max_body_bytes, 16777216);
    assert_int_equal(s->broadcaster.allowed_origins.n, 0);
    assert_string_equal(s->redis.url, "redis://redis:6379");
    assert_int_equal(s->redis.urls.n, 0);
    assert_string_equal(s->redis.channel, "omegaup:events");
    assert_int_equal(s->redis.history_events, 1000);
    assert_int_equal(s->redis.history_ms, 600000);
    assert_int_equal(s->redis.history_bytes, 8388608);
    assert_string_equal(s->logging.level, "info");
    assert_string_equal(s->logging.file, "");
    assert_int_equal(s->metrics.port, 6060);
    assert_int_equal(s->metrics.publisher_port, 0);
    assert_false(s->room.enabled);
}

static void documented_file_is_read_whole(void **state)
{
    struct trial *t = *state;
    load_well(
        t,
        "{ \"Broadcaster\": { \"Port\": 1, \"EventsPort\": 39613,\n"
        "    \"TLS\": { \"CertFile\": \"c\", \"KeyFile\": \"k\", \"ClientCAFile\": \"ca\",\n"
        "             \"ClientAuth\": \"require\", \"ClientNames\": [\"grader\"] },\n"
        "    \"Proxied\": false, \"PingInterval\": 1.5, \"WriteTimeout\": \"1m30s\",\n"
        "    \"FrontendURL\": \"http://f:8001//\", \"ScoreboardUpdateSecret\": \"s\\u00e9\",\n"
        "    \"AllowedOrigins\": [\"https://omegaup.com\", \"*\"], \"WriteDelay\": 5,\n"
        "    \"TrustedProxies\": [\"10.0.0.0/8\", \"::1\", \"fd00::/128\"], \"PublishWait\": 1,\n"
        "    \"Bind\": \"127.0.0.1\", \"Compression\": false },\n"
        "  \"Redis\": { \"URL\": \"unix:///r\", \"URLs\": [\"redis://a\", \"redis://b\"] },\n"
        "  \"Logging\": { \"Level\": \"Warning\", \"JSON\": true },\n"
        "  \"Room\": { \"Enabled\": true }, \"Console\": { \"Dir\": \"/w\" },\n"
        "  \"Auth\": { \"File\": \"users.json\" }, \"Metrics\": {} }\n");
    const struct settings *s = t->settings;
    assert_int_equal(s->broadcaster.port, 1);
    assert_true(s->broadcaster.events_port_set);
    assert_string_equal(s->broadcaster.tls.client_ca_file, "ca");
    assert_string_equal(s->broadcaster.tls.client_auth, "require");
    assert_int_equal(s->broadcaster.tls.client_names.n, 1);
    assert_string_equal(s->broadcaster.tls.client_names.v[0], "grader");
    assert_false(s->broadcaster.proxied);
    assert_int_equal(s->broadcaster.ping_interval_ms, 1500);
    assert_int_equal(s->broadcaster.write_timeout_ms, 90000);
    assert_string_equal(s->broadcaster.frontend_url, "http://f:8001");
    assert_string_equal(s->broadcaster.scoreboard_update_secret, "sé");
    assert_string_equal(s->broadcaster.allowed_origins.v[1], "*");
    assert_int_equal(s->broadcaster.write_delay_ms, 5);
    assert_int_equal(s->broadcaster.trusted_proxies.n, 3);
    assert_int_equal(s->broadcaster.publish_wait_ms, 1000);
    assert_string_equal(s->broadcaster.bind, "127.0.0.1");
    assert_false(s->broadcaster.compression);
    assert_string_equal(s->redis.url, "unix:///r");
    assert_int_equal(s->redis.urls.n, 2);
    assert_string_equal(s->logging.level, "Warning");
    assert_true(s->logging.json);
    assert_true(s->room.enabled);
    assert_string_equal(s->console.dir, "/w");
    assert_string_equal(s->auth.file, "users.json");
}

static void numbers_with_an_exponent_are_no_durations(void **state)
{
    struct trial *t = *state;
    assert_refused(t, "{\"Broadcaster\": {\"PingInterval\": 3e1}}",
                   "@:1: Broadcaster.PingInterval: must be a duration: seconds (30, 0.5) or text "
                   "(\"30s\", \"500ms\", \"1m30s\")\n");
}

static void files_of_omegaup_load_without_a_warning(void **state)
{
    struct trial *t = *state;
    static const char *const files[] = {
        "{\"Logging\":{\"File\":\"\"},\"Broadcaster\":{\"FrontendURL\":\"http://frontend:8001\","
        "\"ScoreboardUpdateSecret\":\"secret\"},"
        "\"Tracing\":{\"File\":\"/var/log/omegaup/broadcaster.tracing.json\"}}",
        "{\"Logging\":{\"File\":\"stderr\"},\"Broadcaster\":{"
        "\"FrontendURL\":\"http://frontend:8001\",\"ScoreboardUpdateSecret\":\"secret\"},"
        "\"Tracing\":{\"File\":\"x\"}}",
        "{\"Logging\":{\"File\":\"/var/log/omegaup/broadcaster.log\"},\"Broadcaster\":{"
        "\"FrontendURL\":\"https://omegaup.com/\",\"ScoreboardUpdateSecret\":\"s\","
        "\"TLS\":{\"CertFile\":\"/a/certificate.pem\",\"KeyFile\":\"/a/key.pem\"}},"
        "\"DB\":{\"Driver\":\"mysql\"},\"Grader\":{},\"Runner\":{},\"InputManager\":{},"
        "\"NewRelic\":{\"License\":\"\"},\"TLS\":{\"CertFile\":\"z\"}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        t->source.strict = true;
        load_well(t, files[i]);
    }
    assert_string_equal(t->settings->broadcaster.frontend_url, "https://omegaup.com");
    assert_string_equal(t->settings->broadcaster.tls.cert_file, "/a/certificate.pem");
    assert_string_equal(t->settings->logging.file, "/var/log/omegaup/broadcaster.log");
}

static void keys_match_without_regard_to_case(void **state)
{
    struct trial *t = *state;
    load_well(t, "{\"broadcaster\":{\"PORT\":7,\"tls\":{\"certfile\":\"c\"}},\"tracing\":{}}");
    assert_int_equal(t->settings->broadcaster.port, 7);
    assert_string_equal(t->settings->broadcaster.tls.cert_file, "c");
}

static void older_names_are_understood(void **state)
{
    struct trial *t = *state;
    load_well(t, "{\"Broadcaster\":{\"PingPeriod\":\"5s\",\"writedeadline\":7}}");
    assert_int_equal(t->settings->broadcaster.ping_interval_ms, 5000);
    assert_int_equal(t->settings->broadcaster.write_timeout_ms, 7000);
}

static void newer_name_wins_over_the_older_with_a_warning(void **state)
{
    struct trial *t = *state;
    static const char *const files[] = {
        "{\"Broadcaster\":{\"PingPeriod\":5,\n\"PingInterval\":6}}",
        "{\"Broadcaster\":{\"PingInterval\":6,\n\"PingPeriod\":5}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        load(t, files[i]);
        assert_non_null(t->settings);
        assert_int_equal(t->settings->broadcaster.ping_interval_ms, 6000);
        assert_non_null(strstr(t->problems.p, ":2: Broadcaster.Ping"));
        assert_memory_equal(t->problems.p, "warning: ", 9);
    }
}

static void ignored_key_is_a_warning_even_when_strict(void **state)
{
    struct trial *t = *state;
    t->source.strict = true;
    assert_warned(t, "{\"Broadcaster\":{\n\"ChannelLength\":10}}",
                  "warning: @:2: Broadcaster.ChannelLength: is ignored: Of the former broadcaster; "
                  "QueueBytes bounds what waits now.\n");
}

static void null_leaves_the_default(void **state)
{
    struct trial *t = *state;
    load_well(t,
              "{\"Broadcaster\":{\"Port\":null,\"EventsPort\":null,\"Bind\":null},\"Redis\":null}");
    assert_int_equal(t->settings->broadcaster.port, 32672);
    assert_false(t->settings->broadcaster.events_port_set);
}

static void events_port_set_to_its_default_counts_as_set(void **state)
{
    struct trial *t = *state;
    load_well(t, "{\"Broadcaster\":{\"EventsPort\":39613}}");
    assert_true(t->settings->broadcaster.events_port_set);
}

static void unknown_keys_are_warnings(void **state)
{
    struct trial *t = *state;
    static const struct {
        const char *file, *problems;
    } rows[] = {
        {"{\n\n \"Broadcaster\": {\"Prot\": 1}}",
         "warning: @:3: Broadcaster.Prot: unknown, ignored\n"},
        {"{\"Broadcastr\": {}}", "warning: @:1: Broadcastr: unknown, ignored\n"},
        {"{\"Redis\": {\"Url \": \"x\"}}", "warning: @:1: Redis.Url : unknown, ignored\n"},
        {"{\"CertFile\": \"x\"}", "warning: @:1: CertFile: unknown, ignored\n"},
        {"{\"Broadcaster.Port\": 5}",
         "warning: @:1: Broadcaster.Port: unknown, ignored (a key is one name: sections are "
         "objects)\n"},
        {"{\"Broadcaster\": {\"Tracing\": {}, \"Port\\u0000\": 1}}",
         "warning: @:1: Broadcaster.Tracing: unknown, ignored\n"
         "warning: @:1: Broadcaster.Port: unknown, ignored (a key is one name: sections are "
         "objects)\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_warned(t, rows[i].file, rows[i].problems);
        assert_int_equal(t->settings->broadcaster.port, 32672);
    }
}

static void unknown_key_is_an_error_when_strict(void **state)
{
    struct trial *t = *state;
    t->source.strict = true;
    assert_refused(t, "{\"Broadcaster\":{\"Prot\":1}}", "@:1: Broadcaster.Prot: unknown\n");
}

static void wrong_values_are_errors_with_line_and_key(void **state)
{
    struct trial *t = *state;
    static const struct {
        const char *file, *problems;
    } rows[] = {
        {"{\"Broadcaster\": {\n\"Port\": \"1\"}}",
         "@:2: Broadcaster.Port: must be a whole number\n"},
        {"{\"Broadcaster\": {\"Port\": 1.5}}", "@:1: Broadcaster.Port: must be a whole number\n"},
        {"{\"Broadcaster\": {\"Port\": 65536}}",
         "@:1: Broadcaster.Port: must be from 0 to 65535\n"},
        {"{\"Broadcaster\": {\"Port\": -1}}", "@:1: Broadcaster.Port: must be from 0 to 65535\n"},
        {"{\"Broadcaster\": {\"Port\": 99999999999999999999}}",
         "@:1: Broadcaster.Port: must be a whole number\n"},
        {"{\"Broadcaster\": {\"Port\": []}}", "@:1: Broadcaster.Port: must be a whole number\n"},
        {"{\"Broadcaster\": {\"PingInterval\": \"500ms\"}}",
         "@:1: Broadcaster.PingInterval: must be from 1s to 3600s\n"},
        {"{\"Broadcaster\": {\"WriteTimeout\": 0.05}}",
         "@:1: Broadcaster.WriteTimeout: must be from 100ms to 3600s\n"},
        {"{\"Broadcaster\": {\"Proxied\": 1}}",
         "@:1: Broadcaster.Proxied: must be true or false\n"},
        {"{\"Broadcaster\": {\"FrontendURL\": 1}}",
         "@:1: Broadcaster.FrontendURL: must be a string\n"},
        {"{\"Broadcaster\": {\"FrontendURL\": \"ftp://x\"}}",
         "@:1: Broadcaster.FrontendURL: must be a URL that begins with https:// or http://\n"},
        {"{\"Broadcaster\": {\"FrontendURL\": \"http://u:hidden@x\"}}",
         "@:1: Broadcaster.FrontendURL: must be a URL with nothing but host, port and path\n"},
        {"{\"Broadcaster\": {\"FrontendURL\": \"http://x:0\"}}",
         "@:1: Broadcaster.FrontendURL: must be a URL with nothing but host, port and path\n"},
        {"{\"Broadcaster\": {\"FrontendURL\": \"http://x:port\"}}",
         "@:1: Broadcaster.FrontendURL: must be a URL with nothing but host, port and path\n"},
        {"{\"Redis\": {\"URLs\": [\"redis://a\", \"redis://b\", \"redis://a\"]}}",
         "@: Redis.URLs names a server twice\n"},
        {"", "@: is empty; without any setting it is {}\n"},
        {"{\"Broadcaster\": {\"Bind\": \"a\\u0000b\"}}",
         "@:1: Broadcaster.Bind: must not hold a zero byte\n"},
        {"{\"Broadcaster\": {\"Bind\": \"localhost\"}}",
         "@:1: Broadcaster.Bind: must be an IP address, or empty for all\n"},
        {"{\"Broadcaster\": {\"AllowedOrigins\": \"*\"}}",
         "@:1: Broadcaster.AllowedOrigins: must be a list of strings\n"},
        {"{\"Broadcaster\": {\"AllowedOrigins\": [\"*\", 1]}}",
         "@:1: Broadcaster.AllowedOrigins: must be a list of strings\n"},
        {"{\"Broadcaster\": {\"TrustedProxies\": [\"10.0.0.0/33\"]}}",
         "@:1: Broadcaster.TrustedProxies: must be a list of addresses or networks like "
         "\"10.0.0.0/8\"\n"},
        {"{\"Broadcaster\": {\"TLS\": {\"ClientAuth\": \"yes\"}}}",
         "@:1: Broadcaster.TLS.ClientAuth: must be \"routes\" or \"require\"\n"},
        {"{\"Broadcaster\": 5}", "@:1: Broadcaster: must be an object\n"},
        {"{\"Logging\": {\"Level\": \"loud\"}}",
         "@:1: Logging.Level: must be error, warn, info or debug\n"},
        {"{\"Redis\": {\"Channel\": \"\"}}",
         "@:1: Redis.Channel: must be 1 to 200 characters without spaces\n"},
        {"{\"Broadcaster\": {\"Port\": 9, \"EventsPort\": 9}}",
         "@: Broadcaster.Port and Broadcaster.EventsPort must differ\n"},
        {"{\"Broadcaster\": {\"QueueBytes\": 2097152, \"QueueBytesTotal\": 1048576}}",
         "@: Broadcaster.QueueBytesTotal must not be below QueueBytes\n"},
        {"[]", "@: must hold a JSON object\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_refused(t, rows[i].file, rows[i].problems);
    }
}

static void bad_redis_url_is_an_error_that_does_not_show_it(void **state)
{
    struct trial *t = *state;
    load(t, "{\"Redis\": {\"URL\": \"http://:hidden@x\"}}");
    assert_null(t->settings);
    assert_non_null(strstr(t->problems.p, ":1: Redis.URL: "));
    assert_null(strstr(t->problems.p, "hidden"));
}

static void all_problems_of_a_file_are_told_at_once(void **state)
{
    struct trial *t = *state;
    assert_refused(
        t, "{\"Broadcaster\": {\n\"Port\": true,\n\"Foo\": 1},\n\"Room\": {\"Enabled\": 0}}",
        "@:2: Broadcaster.Port: must be a whole number\n"
        "warning: @:3: Broadcaster.Foo: unknown, ignored\n"
        "@:4: Room.Enabled: must be true or false\n");
}

static void key_given_twice_is_an_error(void **state)
{
    struct trial *t = *state;
    assert_refused(t, "{\"Broadcaster\": {\"Port\": 1,\n\n\"port\": 1}}",
                   "@:3: Broadcaster.port: is given twice, first on line 1\n");
    assert_refused(t, "{\"Redis\": {},\n\"redis\": {}}", "@:2: redis: is given twice\n");
}

static void syntax_error_names_line_and_column(void **state)
{
    struct trial *t = *state;
    load(t, "{\n  \"Room\": {},\n  'x': 1\n}");
    assert_null(t->settings);
    size_t n = strlen(t->path);
    assert_memory_equal(t->problems.p, t->path, n);
    assert_memory_equal(t->problems.p + n, ":3:3: ", 6);
    load(t, "");
    assert_null(t->settings);
    load(t, "{} x");
    assert_null(t->settings);
}

static void file_that_is_absent_is_an_error_only_when_it_was_asked_for(void **state)
{
    struct trial *t = *state;
    assert_int_equal(unlink(t->path), 0);
    load_again(t);
    assert_problems(t, "@: cannot be read: No such file or directory\n");
    assert_null(t->settings);
    t->source.path_given = false;
    load_again(t);
    assert_problems(t, "");
    assert_non_null(t->settings);
    t->source.path = "/tmp";
    load_again(t);
    assert_string_equal(t->problems.p, "/tmp: cannot be read: Is a directory\n");
}

static void file_over_the_limit_is_refused(void **state)
{
    struct trial *t = *state;
    size_t n = (1 << 20) + 1;
    char *spaces = malloc(n);
    assert_non_null(spaces);
    memset(spaces, ' ', n);
    memcpy(spaces, "{}", 2);
    write_file(t, (struct str){spaces, n});
    load_again(t);
    assert_problems(t, "@: cannot be read: File too large\n");
    write_file(t, (struct str){spaces, n - 1});
    load_again(t);
    assert_non_null(t->settings);
    free(spaces);
}

/* --- environment and --set -------------------------------------------------------------------- */

static void later_sources_override_earlier_ones(void **state)
{
    struct trial *t = *state;
    static const char file[] =
        "{\"Broadcaster\": {\"Port\": 1}, \"Redis\": {\"URL\": \"redis://f\"}}";
    t->environ[0] = "BROADCASTER_PORT=2";
    t->environ[1] = "REDIS_URL=redis://e";
    t->environ[2] = "BROADCASTER_EVENTS_PORT=4";
    t->environ[3] = "BROADCASTER_FRONTEND_URL=http://e/";
    load_well(t, file);
    assert_int_equal(t->settings->broadcaster.port, 2);
    assert_int_equal(t->settings->broadcaster.events_port, 4);
    assert_true(t->settings->broadcaster.events_port_set);
    assert_string_equal(t->settings->redis.url, "redis://e");
    assert_string_equal(t->settings->broadcaster.frontend_url, "http://e");
    t->sets[0] = "Broadcaster.Port=3";
    t->sets[1] = "redis.url=redis://s";
    t->sets[2] = "Broadcaster.Port=5";
    load_well(t, file);
    assert_int_equal(t->settings->broadcaster.port, 5);
    assert_string_equal(t->settings->redis.url, "redis://s");
}

static void empty_variables_and_those_of_kubernetes_are_ignored(void **state)
{
    struct trial *t = *state;
    t->environ[0] = "REDIS_URL=";
    t->environ[1] = "REDIS_PORT=tcp://10.0.0.1:6379";
    t->environ[2] = "BROADCASTER_PORT=tcp://10.0.0.2:32672";
    t->environ[3] = "BROADCASTER_PORT_32672_TCP=tcp://10.0.0.2:32672";
    t->environ[4] = "BROADCASTER_EVENTS_PORT=tcp://10.0.0.2:39613";
    load_well(t, "{}");
    assert_string_equal(t->settings->redis.url, "redis://redis:6379");
    assert_int_equal(t->settings->broadcaster.port, 32672);
    assert_false(t->settings->broadcaster.events_port_set);
}

static void redis_url_is_built_from_its_parts(void **state)
{
    struct trial *t = *state;
    static const struct {
        char *environ[4];
        const char *url;
    } rows[] = {
        {{"REDIS_HOST=h", NULL}, "redis://h:6379"},
        {{"REDIS_HOST=h", "REDIS_PORT=7", NULL}, "redis://h:7"},
        {{"REDIS_HOST=::1", "REDIS_PORT=7", NULL}, "redis://[::1]:7"},
        {{"REDIS_HOST=h", "REDIS_PASSWORD=p@:/ ñ", NULL}, "redis://:p%40%3A%2F%20%C3%B1@h:6379"},
        {{"REDIS_HOST=h", "REDIS_PORT=tcp://10.0.0.1:6379", NULL}, "redis://h:6379"},
        {{"REDIS_HOST=h", "REDIS_USERNAME=a@b", "REDIS_PASSWORD=p", NULL},
         "redis://a%40b:p@h:6379"},
        {{"REDIS_PORT=7", "REDIS_URL=redis://u", NULL}, "redis://u"},
        {{"REDIS_HOST=[::1]", NULL}, "redis://[::1]:6379"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memcpy(t->environ, rows[i].environ, sizeof(rows[i].environ));
        load_well(t, "{}");
        assert_string_equal(t->settings->redis.url, rows[i].url);
    }
    t->environ[0] = "REDIS_PASSWORD=hidden";
    t->environ[1] = NULL;
    assert_warned(t, "{}", "warning: REDIS_PASSWORD: is ignored without REDIS_HOST\n");
}

static void redis_url_beside_its_parts_is_an_error(void **state)
{
    struct trial *t = *state;
    static const char *const parts[] = {"REDIS_HOST", "REDIS_USERNAME", "REDIS_PASSWORD"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char part[64], problem[128];
        (void)snprintf(part, sizeof(part), "%s=x", parts[i]);
        (void)snprintf(problem, sizeof(problem), "%s: contradicts REDIS_URL: set one of them\n",
                       parts[i]);
        t->environ[0] = (char[]){"REDIS_URL=redis://u"};
        t->environ[1] = part;
        write_file(t, STR("{}"));
        load_again(t);
        assert_problems(t, problem);
    }
    t->environ[0] = (char[]){"REDIS_HOST=h"};
    t->environ[1] = (char[]){"REDIS_USERNAME=ana"};
    load_again(t);
    assert_problems(t, "REDIS_USERNAME: needs REDIS_PASSWORD\n");
}

static void redis_host_is_a_host_alone(void **state)
{
    struct trial *t = *state;
    static const char *const hosts[] = {"h:6380", "redis://h", "u@h", "[::1]:6379"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        char variable[64];
        (void)snprintf(variable, sizeof(variable), "REDIS_HOST=%s", hosts[i]);
        t->environ[0] = variable;
        assert_refused(
            t, "{}",
            "REDIS_HOST: must be a host alone; its port is REDIS_PORT's, a URL REDIS_URL's\n");
    }
}

static void origins_have_a_star_in_a_few_places_only(void **state)
{
    struct trial *t = *state;
    static const struct {
        const char *origin;
        bool good;
    } rows[] = {
        {"*", true},
        {"https://omegaup.com", true},
        {"https://*.omegaup.com", true},
        {"http://localhost:*", true},
        {"https://*.omegaup.com:*", true},
        {"https://omegaup.*", false},
        {"https://*", false},
        {"https://*omegaup.com", false},
        {"https://a.*.com", false},
        {"*://omegaup.com", false},
        {"https://*.", false},
        {"https://", false},
        {"*.omegaup.com", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text), "{\"Broadcaster\": {\"AllowedOrigins\": [\"%s\"]}}",
                       rows[i].origin);
        load(t, text);
        if ((t->settings != NULL) != rows[i].good) {
            fail_msg("%s", rows[i].origin);
        }
    }
}

static void single_url_of_a_later_source_replaces_a_list(void **state)
{
    struct trial *t = *state;
    static const char file[] = "{\"Redis\": {\"URLs\": [\"redis://a\", \"redis://b\"]}}";
    load_well(t, file);
    assert_int_equal(t->settings->redis.urls.n, 2);
    t->environ[0] = "REDIS_URL=redis://e";
    load_well(t, file);
    assert_int_equal(t->settings->redis.urls.n, 0);
    t->sets[0] = "Redis.URLs=redis://c, redis://d";
    load_well(t, file);
    assert_int_equal(t->settings->redis.urls.n, 2);
    assert_string_equal(t->settings->redis.urls.v[1], "redis://d");
}

static void set_takes_json_or_plain_text(void **state)
{
    struct trial *t = *state;
    t->sets[0] = "Broadcaster.AllowedOrigins=[\"https://a\",\"https://b\"]";
    t->sets[1] = "Broadcaster.PingInterval=1m30s";
    t->sets[2] = "Broadcaster.ScoreboardUpdateSecret=12345";
    t->sets[3] = "Broadcaster.TLS.CertFile=\"quoted\"";
    load_well(t, "{}");
    assert_int_equal(t->settings->broadcaster.allowed_origins.n, 2);
    assert_int_equal(t->settings->broadcaster.ping_interval_ms, 90000);
    assert_string_equal(t->settings->broadcaster.scoreboard_update_secret, "12345");
    assert_string_equal(t->settings->broadcaster.tls.cert_file, "quoted");
    t->sets[0] = "Broadcaster.AllowedOrigins=";
    t->sets[1] = "Broadcaster.PingPeriod=0x";
    t->sets[2] = "Broadcaster.WriteDelay=0.1s";
    t->sets[3] = "Broadcaster.Proxied=false";
    load(t, "{}");
    assert_problems(t,
                    "--set Broadcaster.PingPeriod: must be a duration: seconds (30, 0.5) or text "
                    "(\"30s\", \"500ms\", \"1m30s\")\n");
    t->sets[1] = "Broadcaster.WriteDelay=7";
    t->sets[2] = NULL;
    load_well(t, "{}");
    assert_int_equal(t->settings->broadcaster.allowed_origins.n, 0);
    assert_int_equal(t->settings->broadcaster.write_delay_ms, 7);
}

static void wrong_set_is_an_error_without_its_value(void **state)
{
    struct trial *t = *state;
    static const struct {
        char *set;
        const char *problem;
    } rows[] = {
        {"Broadcaster.Prot=1", "--set Broadcaster.Prot: no such setting\n"},
        {"Broadcaster.Port=hidden", "--set Broadcaster.Port: must be a whole number\n"},
        {"Broadcaster.Port", "--set Broadcaster.Port: must be Section.Key=VALUE\n"},
        {"Broadcaster.Port=", "--set Broadcaster.Port: must be a whole number\n"},
        {"Room.Enabled=yes", "--set Room.Enabled: must be true or false\n"},
        {"Broadcaster.TLS=1", "--set Broadcaster.TLS: is a section; name a setting in it, as in "
                              "Broadcaster.Port=32672\n"},
        {"=1", "--set : no such setting\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        t->sets[0] = rows[i].set;
        assert_refused(t, "{}", rows[i].problem);
    }
}

/* --- dump and reload -------------------------------------------------------------------------- */

static void dump(const struct trial *t, struct buf *out)
{
    config_dump(t->settings, out);
    assert_false(out->failed);
}

static void dump_loads_again_as_the_same(void **state)
{
    struct trial *t = *state;
    struct buf first = {0};
    struct buf second = {0};
    t->source.strict = true;
    load_well(
        t, "{\"Broadcaster\": {\"EventsPort\": 0, \"PingInterval\": \"1500ms\", \"WriteDelay\": 3,"
           "\"TLS\": {\"ClientNames\": [\"a\\n\", \"b\"]}, \"Bind\": \"::1\"}}");
    dump(t, &first);
    write_file(t, buf_str(&first));
    load_again(t);
    assert_string_equal(t->problems.p, "");
    assert_int_equal(t->settings->broadcaster.ping_interval_ms, 1500);
    assert_int_equal(t->settings->broadcaster.write_delay_ms, 3);
    assert_string_equal(t->settings->broadcaster.tls.client_names.v[0], "a\n");
    dump(t, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    buf_release(&first);
    buf_release(&second);
}

static void dump_masks_secrets_and_of_urls_only_the_password(void **state)
{
    struct trial *t = *state;
    struct buf b = {0};
    load_well(t, "{\"Broadcaster\": {\"ScoreboardUpdateSecret\": \"hidden\"}, \"Redis\": {"
                 "\"URL\": \"redis://ana:hidden@h:1/2\","
                 "\"URLs\": [\"rediss://:hidden%40@h\", \"redis://h:7\", \"unix:///r\"]}}");
    dump(t, &b);
    buf_addc(&b, '\0');
    assert_null(strstr(b.p, "hidden"));
    assert_non_null(strstr(b.p, "\"ScoreboardUpdateSecret\": \"***\""));
    assert_non_null(strstr(b.p, "\"redis://ana:***@h:1/2\""));
    assert_non_null(strstr(b.p, "[\n      \"rediss://:***@h\",\n      \"redis://h:7\",\n"
                                "      \"unix:///r\"\n    ]"));
    buf_release(&b);
}

static void dump_names_every_setting_once(void **state)
{
    struct trial *t = *state;
    struct buf b = {0};
    load_well(t, "{}");
    dump(t, &b);
    buf_addc(&b, '\0');
    size_t lines = 0;
    size_t sections = 0;
    for (const char *p = b.p; *p; p++) {
        lines += *p == '\n';
        sections += *p == '{';
    }
    /* A line per setting but the ignored one, and two per section. */
    assert_int_equal(lines, settings_count - 1 + 2 * sections);
    assert_int_equal(sections, 11);
    buf_release(&b);
}

static void what_needs_a_restart_keeps_its_value(void **state)
{
    struct trial *t = *state;
    load_well(t, "{\"Broadcaster\": {\"Port\": 1, \"PingInterval\": 3}, \"Redis\": {\"URLs\": "
                 "[\"redis://a\"]}}");
    struct settings *now = t->settings;
    t->settings = NULL;
    load_well(t, "{\"Broadcaster\": {\"Port\": 2, \"PingInterval\": 4}, \"Redis\": {\"URLs\": "
                 "[\"redis://b\"]}, \"Room\": {\"Enabled\": true}}");
    const struct log_options quiet = {.level = LOG_LEVEL_ERROR};
    assert_int_equal(log_setup(&quiet), 0);
    assert_true(config_keep_for_restart(now, t->settings));
    assert_int_equal(t->settings->broadcaster.port, 1);
    assert_int_equal(t->settings->broadcaster.ping_interval_ms, 4000);
    assert_int_equal(t->settings->redis.urls.n, 1);
    assert_string_equal(t->settings->redis.urls.v[0], "redis://a");
    assert_false(t->settings->room.enabled);
    assert_null(settings_free(now));
}

static void log_options_follow_the_settings(void **state)
{
    struct trial *t = *state;
    load_well(t, "{\"Logging\": {\"Level\": \"DEBUG\", \"JSON\": true, \"File\": \"stderr\"}}");
    struct log_options o = config_log_options(t->settings, "gateway");
    assert_int_equal(o.level, LOG_LEVEL_DEBUG);
    assert_true(o.json);
    assert_string_equal(o.file, "stderr");
    assert_string_equal(o.ident, "gateway");
}

static void every_row_of_the_table_is_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        size_t n = strlen(row->help);
        assert_true(row->min <= row->max);
        assert_true(n > 10 && row->help[n - 1] == '.');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(row->path, settings_table[j].path);
            if (row->type != SETTING_IGNORED) {
                assert_int_not_equal(row->offset, settings_table[j].offset);
            }
        }
    }
}

#define CONFIG_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_seconds_or_go_syntax),
        cmocka_unit_test(what_is_no_duration_is_refused),
        CONFIG_TEST(empty_object_gives_the_documented_defaults),
        CONFIG_TEST(documented_file_is_read_whole),
        CONFIG_TEST(numbers_with_an_exponent_are_no_durations),
        CONFIG_TEST(files_of_omegaup_load_without_a_warning),
        CONFIG_TEST(keys_match_without_regard_to_case),
        CONFIG_TEST(older_names_are_understood),
        CONFIG_TEST(newer_name_wins_over_the_older_with_a_warning),
        CONFIG_TEST(ignored_key_is_a_warning_even_when_strict),
        CONFIG_TEST(null_leaves_the_default),
        CONFIG_TEST(events_port_set_to_its_default_counts_as_set),
        CONFIG_TEST(unknown_keys_are_warnings),
        CONFIG_TEST(unknown_key_is_an_error_when_strict),
        CONFIG_TEST(wrong_values_are_errors_with_line_and_key),
        CONFIG_TEST(bad_redis_url_is_an_error_that_does_not_show_it),
        CONFIG_TEST(all_problems_of_a_file_are_told_at_once),
        CONFIG_TEST(key_given_twice_is_an_error),
        CONFIG_TEST(syntax_error_names_line_and_column),
        CONFIG_TEST(file_that_is_absent_is_an_error_only_when_it_was_asked_for),
        CONFIG_TEST(file_over_the_limit_is_refused),
        CONFIG_TEST(later_sources_override_earlier_ones),
        CONFIG_TEST(empty_variables_and_those_of_kubernetes_are_ignored),
        CONFIG_TEST(redis_url_is_built_from_its_parts),
        CONFIG_TEST(redis_url_beside_its_parts_is_an_error),
        CONFIG_TEST(redis_host_is_a_host_alone),
        CONFIG_TEST(origins_have_a_star_in_a_few_places_only),
        CONFIG_TEST(single_url_of_a_later_source_replaces_a_list),
        CONFIG_TEST(set_takes_json_or_plain_text),
        CONFIG_TEST(wrong_set_is_an_error_without_its_value),
        CONFIG_TEST(dump_loads_again_as_the_same),
        CONFIG_TEST(dump_masks_secrets_and_of_urls_only_the_password),
        CONFIG_TEST(dump_names_every_setting_once),
        CONFIG_TEST(what_needs_a_restart_keeps_its_value),
        CONFIG_TEST(log_options_follow_the_settings),
        cmocka_unit_test(every_row_of_the_table_is_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
