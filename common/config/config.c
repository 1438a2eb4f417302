/* SPDX-License-Identifier: MIT */
/* config: the sources of settings and their order. */
#include "common/config/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/config_json.h"
#include "common/config/config_load.h"
#include "common/config/config_names.h"
#include "common/config/config_value.h"

enum { FILE_MAX = 1 << 20, WHERE_MAX = 256 };

/* --- problems --------------------------------------------------------------------------------- */

static void add_problem(struct buf *out, const char *where, const char *fmt, va_list args)
{
    char what[1024];
    (void)vsnprintf(what, sizeof(what), fmt, args);
    buf_addf(out, "%s: %s\n", where, what);
}

void config_error(struct config_loading *l, const char *where, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_problem(l->problems, where, fmt, args);
    va_end(args);
    l->failed = true;
}

void config_warning(struct config_loading *l, const char *where, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_add(l->problems, STR("warning: "));
    add_problem(l->problems, where, fmt, args);
    va_end(args);
}

/* --- file ------------------------------------------------------------------------------------- */

/* 0, or -errno. */
static int read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        return -errno;
    }
    int rc = 0;
    while (rc == 0 && !feof(f)) {
        if (!buf_reserve(out, BUFSIZ)) {
            rc = -ENOMEM;
            break;
        }
        errno = 0;
        out->n += fread(out->p + out->n, 1, BUFSIZ, f);
        if (ferror(f)) {
            rc = errno ? -errno : -EIO;
        } else if (out->n > FILE_MAX) {
            rc = -EFBIG;
        }
    }
    (void)fclose(f); /* only read */
    return rc;
}

static void load_file(struct config_loading *l, const struct config_source *src)
{
    struct buf text = {0};
    int rc = src->path ? read_file(src->path, &text) : -ENOENT;
    if (rc == 0) {
        config_read_json(l, src->path, buf_str(&text));
    } else if (rc != -ENOENT || src->path_given) {
        config_error(l, src->path ? src->path : "--config", "cannot be read: %s", strerror(-rc));
    }
    buf_release(&text);
}

/* --- environment and command line ------------------------------------------------------------- */

/* A single URL of a later source must not lose against a list of an earlier one. */
static void url_replaces_list(struct config_loading *l, const struct setting *row)
{
    bool older;
    if (row->offset == offsetof(struct settings, redis.url)) {
        config_value_release(l->settings, config_find_setting(STR("Redis.URLs"), &older));
    }
}

void config_was_set(struct config_loading *l, const struct setting *row)
{
    if (row->offset == offsetof(struct settings, broadcaster.events_port)) {
        l->settings->broadcaster.events_port_set = true;
    }
    if (row->offset == offsetof(struct settings, broadcaster.drain_ms)) {
        l->settings->broadcaster.drain_set = true;
    }
}

/* Sets the setting of this path, from a source named `where`. */
static void set_text(struct config_loading *l, const char *where, struct str path, struct str value)
{
    bool older;
    const struct setting *row = config_find_setting(path, &older);
    if (!row && config_find_section(path).n > 0) {
        config_error(l, where, "is a section; name a setting in it, as in Broadcaster.Port=32672");
        return;
    }
    if (!row) {
        config_error(l, where, "no such setting");
        return;
    }
    if (row->type == SETTING_IGNORED) {
        config_warning(l, where, "is ignored: %s", row->help);
        return;
    }
    struct buf why = {0};
    if (config_value_set_text(l->settings, row, value, &why)) {
        config_was_set(l, row);
        url_replaces_list(l, row);
    } else {
        config_error(l, where, "%.*s", STR_ARG(buf_str(&why)));
    }
    buf_release(&why);
}

/* The value of a variable; NULL when it is absent or empty. */
static const char *get_env(const struct config_source *src, const char *name)
{
    size_t n = strlen(name);
    for (char **e = src->environ; e && *e; e++) {
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') {
            return (*e)[n + 1] ? *e + n + 1 : NULL;
        }
    }
    return NULL;
}

/* Kubernetes gives each pod variables named after the services around it: beside a service
 * "redis" REDIS_PORT is "tcp://10.0.0.7:6379". Those are not meant for us. */
static const char *get_env_port(const struct config_source *src, const char *name)
{
    const char *value = get_env(src, name);
    return value && strncmp(value, "tcp://", 6) == 0 ? NULL : value;
}

static void set_env(struct config_loading *l, const char *name, struct str path, const char *value)
{
    if (value) {
        char where[WHERE_MAX];
        (void)snprintf(where, sizeof(where), "%s: %.*s", name, STR_ARG(path));
        set_text(l, where, path, str_of(value));
    }
}

/* A name or number and nothing else; a v6 number may have its brackets. */
static bool is_host(const char *host)
{
    struct in6_addr v6;
    char bare[INET6_ADDRSTRLEN];
    size_t n = strlen(host);
    bool in_brackets = n >= 2 && host[0] == '[' && host[n - 1] == ']';
    (void)snprintf(bare, sizeof(bare), "%.*s", (int)MIN(n - 2 * in_brackets, sizeof(bare) - 1),
                   host + in_brackets);
    return strpbrk(host, "/@") == NULL &&
           (!strchr(host, ':') || inet_pton(AF_INET6, bare, &v6) == 1);
}

/* REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD -> redis://username:password@host:port */
static void set_redis_parts(struct config_loading *l, const struct config_source *src)
{
    const char *host = get_env(src, "REDIS_HOST");
    const char *port = get_env_port(src, "REDIS_PORT");
    const char *user = get_env(src, "REDIS_USERNAME");
    const char *password = get_env(src, "REDIS_PASSWORD");
    if (!host) {
        if (password) {
            config_warning(l, "REDIS_PASSWORD", "is ignored without REDIS_HOST");
        }
        return;
    }
    if (!is_host(host)) {
        config_error(l, "REDIS_HOST",
                     "must be a host alone; its port is REDIS_PORT's, a URL REDIS_URL's");
        return;
    }
    if (user && !password) {
        config_error(l, "REDIS_USERNAME", "needs REDIS_PASSWORD");
        return;
    }
    struct buf url = {0};
    buf_add(&url, STR("redis://"));
    if (password) {
        buf_add_percent(&url, str_of(user ? user : ""));
        buf_addc(&url, ':');
        buf_add_percent(&url, str_of(password));
        buf_addc(&url, '@');
    }
    bool bare_ipv6 = strchr(host, ':') && host[0] != '[';
    buf_addf(&url, bare_ipv6 ? "[%s]:%s" : "%s:%s", host, port ? port : "6379");
    buf_addc(&url, '\0');
    if (url.failed) {
        config_error(l, "REDIS_HOST", "out of memory");
    } else {
        set_env(l, "REDIS_HOST", STR("Redis.URL"), url.p);
    }
    buf_release(&url);
}

static void load_environment(struct config_loading *l, const struct config_source *src)
{
    static const char *const parts[] = {"REDIS_HOST", "REDIS_USERNAME", "REDIS_PASSWORD"};
    const char *redis = get_env(src, "REDIS_URL");
    for (size_t i = 0; redis && i < ARRAY_LEN(parts); i++) {
        if (get_env(src, parts[i])) {
            config_error(l, parts[i], "contradicts REDIS_URL: set one of them");
        }
    }
    if (redis) {
        set_env(l, "REDIS_URL", STR("Redis.URL"), redis);
    } else {
        set_redis_parts(l, src);
    }
    set_env(l, "BROADCASTER_PORT", STR("Broadcaster.Port"), get_env_port(src, "BROADCASTER_PORT"));
    set_env(l, "BROADCASTER_EVENTS_PORT", STR("Broadcaster.EventsPort"),
            get_env_port(src, "BROADCASTER_EVENTS_PORT"));
    set_env(l, "BROADCASTER_FRONTEND_URL", STR("Broadcaster.FrontendURL"),
            get_env(src, "BROADCASTER_FRONTEND_URL"));
}

static void load_sets(struct config_loading *l, const struct config_source *src)
{
    for (size_t i = 0; i < src->n_sets; i++) {
        const char *equals = strchr(src->sets[i], '=');
        size_t n = equals ? (size_t)(equals - src->sets[i]) : strlen(src->sets[i]);
        char where[WHERE_MAX]; /* without the value: it may be a secret */
        (void)snprintf(where, sizeof(where), "--set %.*s", (int)MIN(n, (size_t)200), src->sets[i]);
        if (equals) {
            set_text(l, where, (struct str){src->sets[i], n}, str_of(equals + 1));
        } else {
            config_error(l, where, "must be Section.Key=VALUE");
        }
    }
}

/* --- all together ----------------------------------------------------------------------------- */

static void strip_last_slashes(char *url)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/') {
        url[--n] = '\0';
    }
}

/* Twice the same server would hold each topic once, and every event that reaches all of them
 * would come twice. */
static bool has_twins(const struct string_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        for (size_t j = i + 1; j < l->n; j++) {
            if (strcmp(l->v[i], l->v[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* What concerns several settings. */
static void check_whole(struct config_loading *l, const char *where)
{
    const struct settings *s = l->settings;
    if (s->broadcaster.port == s->broadcaster.events_port && s->broadcaster.port != 0) {
        config_error(l, where, "Broadcaster.Port and Broadcaster.EventsPort must differ");
    }
    if (s->broadcaster.queue_bytes_total < s->broadcaster.queue_bytes) {
        config_error(l, where, "Broadcaster.QueueBytesTotal must not be below QueueBytes");
    }
    if (has_twins(&s->redis.urls)) {
        config_error(l, where, "Redis.URLs names a server twice");
    }
}

struct settings *config_load(const struct config_source *src, struct buf *out_problems)
{
    AUTO(settings) *s = settings_create();
    if (!s) {
        buf_add(out_problems, STR("configuration: out of memory\n"));
        return NULL;
    }
    struct config_loading l = {.settings = s, .problems = out_problems, .strict = src->strict};
    load_file(&l, src);
    load_environment(&l, src);
    load_sets(&l, src);
    strip_last_slashes(s->broadcaster.frontend_url);
    check_whole(&l, src->path ? src->path : "configuration");
    return l.failed ? NULL : TAKE(s);
}

struct log_options config_log_options(const struct settings *s, const char *ident)
{
    struct log_options o = {
        .level = LOG_LEVEL_INFO,
        .json = s->logging.json,
        .file = s->logging.file,
        .ident = ident,
    };
    /* Cannot fail: config_check.c let no other text through. */
    (void)!log_level_parse(str_of(s->logging.level), &o.level);
    return o;
}
