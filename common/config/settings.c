/* SPDX-License-Identifier: MIT */
/* settings: the table, and a value that holds its defaults. */
#include "common/config/settings.h"

#include <stdlib.h>

#include "common/config/config_value.h"

#define AT(member) offsetof(struct settings, member)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Ends a row: the part that applies a change at SIGHUP ("settings": whoever looks next), or none. */
#define BY(part) part, false
#define BY_SECRET(part) part, true
#define RESTART NULL, false
#define RESTART_SECRET NULL, true

/* Rows of one section stand together: config_dump() relies on it. */
/* clang-format off */
const struct setting settings_table[] = {
    {"Broadcaster.Port", NULL, SETTING_INT, AT(broadcaster.port), "32672", 0, 65535, RESTART,
     "Port of the publisher (HTTPS); 0 takes a free one."},
    {"Broadcaster.EventsPort", NULL, SETTING_INT, AT(broadcaster.events_port), "39613", 0, 65535, RESTART,
     "Port of the gateway. When it is set nowhere, the gateway listens on 22291 as well."},
    {"Broadcaster.Bind", NULL, SETTING_STRING, AT(broadcaster.bind), "\"\"", 0, 0, RESTART,
     "Address that both listen on; empty: all addresses."},
    {"Broadcaster.ReusePort", NULL, SETTING_BOOL, AT(broadcaster.reuse_port), "false", 0, 0, RESTART,
     "true: several publishers on one machine may share Port. Gateways always share EventsPort."},
    {"Broadcaster.TLS.CertFile", NULL, SETTING_STRING, AT(broadcaster.tls.cert_file),
     "\"/etc/omegaup/broadcaster/certificate.pem\"", 0, 0, BY("tls"),
     "PEM file of our certificate, the leaf first."},
    {"Broadcaster.TLS.KeyFile", NULL, SETTING_STRING, AT(broadcaster.tls.key_file),
     "\"/etc/omegaup/broadcaster/key.pem\"", 0, 0, BY("tls"),
     "PEM file of our certificate's key."},
    {"Broadcaster.TLS.ClientCAFile", NULL, SETTING_STRING, AT(broadcaster.tls.client_ca_file), "\"\"", 0, 0, BY("tls"),
     "PEM file of the certificates that publishers' certificates are verified against; empty: those in CertFile."},
    {"Broadcaster.TLS.ClientAuth", NULL, SETTING_STRING, AT(broadcaster.tls.client_auth), "\"routes\"", 0, 0, BY("tls"),
     "\"routes\": /health, /ready and /metrics need no client certificate; \"require\": everything does."},
    {"Broadcaster.TLS.ClientNames", NULL, SETTING_LIST, AT(broadcaster.tls.client_names), "[]", 0, 0, BY("publishers"),
     "Names of which a publisher's certificate must hold one; empty: any name."},
    {"Broadcaster.Proxied", NULL, SETTING_BOOL, AT(broadcaster.proxied), "true", 0, 0, RESTART,
     "true: the gateway speaks plain HTTP behind a proxy that ends TLS; false: TLS itself."},
    {"Broadcaster.PingInterval", "Broadcaster.PingPeriod", SETTING_DURATION, AT(broadcaster.ping_interval_ms), "30", SECOND, HOUR, BY("settings"),
     "How often clients are pinged."},
    {"Broadcaster.WriteTimeout", "Broadcaster.WriteDeadline", SETTING_DURATION, AT(broadcaster.write_timeout_ms), "10", 100, HOUR, BY("settings"),
     "How long a message may wait for a slow client's socket before the connection is closed."},
    {"Broadcaster.WriteDelay", NULL, SETTING_DURATION_MS, AT(broadcaster.write_delay_ms), "0", 0, SECOND, BY("delivery"),
     "How long events are gathered before they are written, to write several at once; a plain number is milliseconds."},
    {"Broadcaster.Compression", NULL, SETTING_BOOL, AT(broadcaster.compression), "true", 0, 0, RESTART,
     "Offers permessage-deflate to WebSocket clients."},
    {"Broadcaster.FrontendURL", NULL, SETTING_STRING, AT(broadcaster.frontend_url), "\"\"", 0, 0, RESTART,
     "URL of the judge's frontend, which says who may see what. A gateway needs this or Auth.File; empty: no scoreboard is refreshed."},
    {"Broadcaster.ScoreboardUpdateSecret", NULL, SETTING_STRING, AT(broadcaster.scoreboard_update_secret), "\"\"", 0, 0, BY_SECRET("refresh"),
     "Secret that the frontend expects of those who have it refresh a scoreboard; empty: none is refreshed."},
    {"Broadcaster.ScoreboardUpdateTimeout", NULL, SETTING_DURATION, AT(broadcaster.scoreboard_update_timeout_ms), "10", 100, DAY, BY("refresh"),
     "A contest's scoreboard is refreshed at most once in this time."},
    {"Broadcaster.AllowedOrigins", NULL, SETTING_LIST, AT(broadcaster.allowed_origins), "[]", 0, 0, BY("settings"),
     "Origins whose pages may connect; [\"*\"]: all; empty: those of the request's own host name. http://HOST:* means any port, null a page of a file."},
    {"Broadcaster.TrustedProxies", NULL, SETTING_LIST, AT(broadcaster.trusted_proxies), "[]", 0, 0, BY("proxies"),
     "Addresses or networks (10.0.0.0/8) whose X-Forwarded-For and X-Real-IP are believed."},
    {"Broadcaster.MaxConnectionsPerAddress", NULL, SETTING_INT, AT(broadcaster.max_connections_per_address), "0", 0, 1000000, BY("settings"),
     "Connections that one client address may hold at a gateway; 0: any number."},
    {"Broadcaster.MaxSubscriptions", NULL, SETTING_INT, AT(broadcaster.max_subscriptions), "128", 1, 65536, BY("settings"),
     "Channels that one connection may subscribe to."},
    {"Broadcaster.QueueBytes", NULL, SETTING_BYTES, AT(broadcaster.queue_bytes), "4194304", 64 * KIB, GIB, BY("settings"),
     "What may wait for one slow client before the connection is closed."},
    {"Broadcaster.QueueBytesTotal", NULL, SETTING_BYTES, AT(broadcaster.queue_bytes_total), "536870912", MIB, 1024 * GIB, BY("settings"),
     "What may wait for all clients of a gateway; messages shared by many count once."},
    {"Broadcaster.MaxBodyBytes", NULL, SETTING_BYTES, AT(broadcaster.max_body_bytes), "16777216", KIB, GIB, RESTART,
     "Largest request that the publisher takes."},
    {"Broadcaster.PublishTokensFile", NULL, SETTING_STRING, AT(broadcaster.publish_tokens_file), "\"\"", 0, 0, BY("publishers"),
     "File of lines name:sha256-of-token; publishers with such a token need no certificate. Empty: none."},
    {"Broadcaster.PublishWait", NULL, SETTING_DURATION, AT(broadcaster.publish_wait_ms), "\"250ms\"", 1, MINUTE, BY("settings"),
     "How long a publisher's request waits for Redis before it is answered 503."},
    {"Broadcaster.AuthConcurrency", NULL, SETTING_INT, AT(broadcaster.auth_concurrency), "16", 1, 1024, RESTART,
     "Calls to the frontend that a gateway makes at the same time."},
    {"Broadcaster.AuthCacheSeconds", NULL, SETTING_DURATION, AT(broadcaster.auth_cache_ms), "2", 0, HOUR, BY("access"),
     "How long an answer of the frontend serves new connections."},
    {"Broadcaster.RecheckSeconds", NULL, SETTING_DURATION, AT(broadcaster.recheck_ms), "0", 0, 30 * DAY, BY("settings"),
     "How often the access of open connections is asked for again; 0: never."},
    {"Broadcaster.LegacyResumeSeconds", NULL, SETTING_DURATION, AT(broadcaster.legacy_resume_ms), "300", 0, DAY, BY("settings"),
     "How long a legacy connection's positions are kept for its next one; 0: not at all."},
    {"Broadcaster.DrainSeconds", NULL, SETTING_DURATION, AT(broadcaster.drain_ms), "20", 0, HOUR, BY("settings"),
     "Over what time a leaving gateway sends its clients away."},
    {"Broadcaster.ChannelLength", NULL, SETTING_IGNORED, 0, "null", 0, 0, BY("settings"),
     "Of the former broadcaster; QueueBytes bounds what waits now."},

    {"Redis.URL", NULL, SETTING_STRING, AT(redis.url), "\"redis://redis:6379\"", 0, 0, RESTART_SECRET,
     "redis://[user:pass@]host:port/db, unix://path or redis+sentinel://h1:p,h2:p/name; with TLS rediss:// and rediss+sentinel://."},
    {"Redis.URLs", NULL, SETTING_LIST, AT(redis.urls), "[]", 0, 0, RESTART_SECRET,
     "Several independent Redis servers that share the topics; then URL is not used."},
    {"Redis.Channel", NULL, SETTING_STRING, AT(redis.channel), "\"omegaup:events\"", 0, 0, RESTART,
     "What every name in Redis begins with."},
    {"Redis.TLS.CAFile", NULL, SETTING_STRING, AT(redis.tls.ca_file), "\"\"", 0, 0, BY("redis"),
     "PEM file of the authorities that certificates of Redis and Sentinels are verified against; empty: the system's."},
    {"Redis.TLS.CertFile", NULL, SETTING_STRING, AT(redis.tls.cert_file), "\"\"", 0, 0, BY("redis"),
     "PEM file of our certificate for Redis and Sentinels, the leaf first; empty: none is shown."},
    {"Redis.TLS.KeyFile", NULL, SETTING_STRING, AT(redis.tls.key_file), "\"\"", 0, 0, BY("redis"),
     "PEM file of that certificate's key."},
    {"Redis.TLS.ServerName", NULL, SETTING_STRING, AT(redis.tls.server_name), "\"\"", 0, 0, BY("redis"),
     "Name that their certificates must hold; empty: the host that is connected to."},
    {"Redis.Sentinel.Username", NULL, SETTING_STRING, AT(redis.sentinel.username), "\"\"", 0, 0, BY("redis"),
     "User at the Sentinels; empty: their default user."},
    {"Redis.Sentinel.Password", NULL, SETTING_STRING, AT(redis.sentinel.password), "\"\"", 0, 0, BY_SECRET("redis"),
     "Password at the Sentinels; empty: the URL's, when they ask for one."},
    {"Redis.HistoryEvents", NULL, SETTING_INT, AT(redis.history_events), "1000", 1, 1000000, BY("history"),
     "Events that a topic's log keeps."},
    {"Redis.HistorySeconds", NULL, SETTING_DURATION, AT(redis.history_ms), "600", SECOND, 7 * DAY, BY("history"),
     "How long a topic's log keeps an event."},
    {"Redis.HistoryBytes", NULL, SETTING_BYTES, AT(redis.history_bytes), "8388608", 64 * KIB, GIB, BY("history"),
     "Bytes that a topic's log keeps."},

    {"Logging.Level", NULL, SETTING_STRING, AT(logging.level), "\"info\"", 0, 0, BY("log"),
     "error, warn, info or debug."},
    {"Logging.JSON", NULL, SETTING_BOOL, AT(logging.json), "false", 0, 0, BY("log"),
     "One JSON object per line instead of text."},
    {"Logging.File", NULL, SETTING_STRING, AT(logging.file), "\"\"", 0, 0, BY("log"),
     "\"\" or \"stderr\", or a file that is appended to and opened anew on SIGHUP."},
    {"Logging.IncludeMessages", NULL, SETTING_BOOL, AT(logging.include_messages), "false", 0, 0, BY("settings"),
     "Lets level debug show what events hold."},

    {"Metrics.Port", NULL, SETTING_INT, AT(metrics.port), "6060", 0, 65535, RESTART,
     "Port of the gateway's /metrics, /health and /ready; 0: none."},
    {"Metrics.PublisherPort", NULL, SETTING_INT, AT(metrics.publisher_port), "0", 0, 65535, RESTART,
     "The same of the publisher, in plain HTTP; 0: none."},
    {"Metrics.Bind", NULL, SETTING_STRING, AT(metrics.bind), "\"\"", 0, 0, RESTART,
     "Address that they listen on; empty: all addresses."},

    {"Room.Enabled", NULL, SETTING_BOOL, AT(room.enabled), "false", 0, 0, RESTART,
     "Serves the room at /ws/events."},

    {"Console.Dir", NULL, SETTING_STRING, AT(console.dir), "\"\"", 0, 0, RESTART,
     "Directory of the web page that is served at /console/; empty: none."},

    {"Auth.File", NULL, SETTING_STRING, AT(auth.file), "\"\"", 0, 0, RESTART,
     "Users file that decides who may see what instead of the frontend; empty: ask the frontend."},
};
/* clang-format on */
const size_t settings_count = ARRAY_LEN(settings_table);

struct settings *settings_create(void)
{
    AUTO(settings) *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (!config_value_set_text(s, row, str_of(row->def), NULL)) {
            return NULL;
        }
    }
    return TAKE(s);
}

struct settings *settings_free(struct settings *s)
{
    if (s) {
        for (size_t i = 0; i < settings_count; i++) {
            config_value_release(s, &settings_table[i]);
        }
        free(s);
    }
    return NULL;
}
