/* SPDX-License-Identifier: MIT */
#pragma once
/* settings: every setting of both processes as one typed value, described by one table.
 *
 * One JSON file serves publisher and gateway, so one table describes it: section, key, older name,
 * type, default, range, who applies a change at SIGHUP, a line of help. config.c reads a file, the
 * environment and the command line into it; docs/configuration.md is checked against it by a test.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct string_list {
    char **v; /* owned, each owned */
    size_t n;
};

struct settings {
    struct {
        int64_t port, events_port; /* 32672, 39613 */
        bool events_port_set;      /* set anywhere: then 22291 is not bound too */
        bool drain_set;            /* set anywhere: then omegaup-broadcaster does not shorten it */
        char *bind;                /* "" = all addresses */
        struct {
            char *cert_file, *key_file, *client_ca_file;
            char *client_auth; /* "routes" or "require" */
            struct string_list client_names;
        } tls;
        bool proxied, compression, reuse_port;
        int64_t ping_interval_ms, write_timeout_ms, publish_wait_ms, drain_ms, write_delay_ms;
        char *frontend_url; /* without a last slash; "": none */
        char *scoreboard_update_secret;
        int64_t scoreboard_update_timeout_ms, recheck_ms, legacy_resume_ms, auth_cache_ms;
        struct string_list allowed_origins, trusted_proxies;
        int64_t max_subscriptions, queue_bytes, queue_bytes_total, max_connections_per_address;
        int64_t max_body_bytes, auth_concurrency;
        char *publish_tokens_file;
    } broadcaster;
    struct {
        char *url;
        struct string_list urls; /* when not empty, instead of url */
        char *channel;           /* prefix of every name in Redis */
        struct {
            char *ca_file, *cert_file, *key_file, *server_name; /* "" each: none */
        } tls;
        struct {
            char *username, *password;
        } sentinel;
        int64_t history_events, history_ms, history_bytes;
    } redis;
    struct {
        char *level, *file;
        bool json, include_messages;
    } logging;
    struct {
        int64_t port, publisher_port;
        char *bind; /* "" = all addresses */
    } metrics;
    struct {
        bool enabled;
    } room;
    struct {
        char *dir;
    } console;
    struct {
        char *file;
    } auth;
};

enum setting_type {
    SETTING_BOOL,
    SETTING_INT,
    SETTING_BYTES,
    SETTING_DURATION,    /* stored in ms; a plain number in the file is seconds */
    SETTING_DURATION_MS, /* stored in ms; so is a plain number */
    SETTING_STRING,
    SETTING_LIST,    /* of strings */
    SETTING_IGNORED, /* accepted, with a warning, without effect */
};

struct setting {
    const char *path;  /* "Broadcaster.TLS.CertFile" */
    const char *older; /* an older path, or NULL */
    enum setting_type type;
    size_t offset;    /* in struct settings */
    const char *def;  /* as it would stand in the file; JSON */
    int64_t min, max; /* of numbers; of durations in ms */
    /* The part of a process (common/service/parts.h) that applies a change at SIGHUP, where the
     * process has that part; NULL: only a restart does. */
    const char *applied_by;
    bool secret; /* --dump-config prints "***" instead */
    const char *help;
};
extern const struct setting settings_table[];
extern const size_t settings_count;

/* All defaults. NULL: out of memory. */
struct settings *settings_create(void);
struct settings *settings_free(struct settings *s); /* accepts NULL */
DEFINE_AUTO(settings)
