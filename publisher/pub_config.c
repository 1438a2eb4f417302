/* SPDX-License-Identifier: MIT */
/* pub_config: no decision about settings is made anywhere else in the publisher. */
#include "publisher/pub_config.h"

#include <arpa/inet.h>
#include <string.h>

#define LOOPBACK "127.0.0.1"

static bool is_loopback(const char *bind)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, bind, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, bind, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return strcmp(bind, "localhost") == 0;
}

static const char *choose_bind(const struct settings *s, const struct cli *cli)
{
    if (cli->bind) {
        return cli->bind;
    }
    return cli->insecure ? LOOPBACK : s->broadcaster.bind;
}

static enum tls_client_auth client_auth(const struct settings *s)
{
    bool require = strcmp(s->broadcaster.tls.client_auth, "require") == 0;
    return require ? TLS_CLIENT_REQUIRE : TLS_CLIENT_REQUEST;
}

void pub_config_make(const struct settings *s, const struct cli *cli, struct pub_config *out)
{
    const char *bind = choose_bind(s, cli);
    *out = (struct pub_config){
        .bind = bind,
        .port = (uint16_t)s->broadcaster.port,
        .plain = cli->insecure,
        .tls =
            {
                .cert_file = s->broadcaster.tls.cert_file,
                .key_file = s->broadcaster.tls.key_file,
                .client_ca_file = s->broadcaster.tls.client_ca_file,
                .client_auth = client_auth(s),
                .alpn = "http/1.1",
            },
        .auth =
            {
                .tokens_file = s->broadcaster.publish_tokens_file,
                .client_names = &s->broadcaster.tls.client_names,
                .trust_all = cli->insecure && is_loopback(bind),
            },
        .writer =
            {
                .history_events = s->redis.history_events,
                .history_ms = s->redis.history_ms,
                .history_bytes = s->redis.history_bytes,
            },
        .broadcast =
            {
                .publish_wait_ms = (uint64_t)s->broadcaster.publish_wait_ms,
                .refresh_scoreboards = s->broadcaster.frontend_url[0] != '\0' &&
                                       s->broadcaster.scoreboard_update_secret[0] != '\0',
                .log_payloads = s->logging.include_messages,
            },
        .refresh =
            {
                .secret = s->broadcaster.scoreboard_update_secret,
                .period_ms = s->broadcaster.scoreboard_update_timeout_ms,
            },
    };
}
