/* SPDX-License-Identifier: MIT */
/* online: one loop on which everything is asked at once; it ends with the last answer. */
#include "common/service/online.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "common/http/http_client.h"
#include "common/loop.h"
#include "common/redis/redis_access.h"
#include "common/redis/redis_link.h"
#include "common/redis/server_list.h"
#include "common/service/online_certificate.h"

enum { LIMIT_MS = 10000, CALL_MS = 8000, ANSWER_MAX = 1 << 20, WORDS_MAX = 6 };

struct online {
    const struct settings *settings; /* borrowed */
    const char *role;
    struct buf *out;             /* borrowed */
    struct loop *loop;           /* owned */
    struct redis_access *access; /* owned */
    struct timer limit;
    size_t waiting; /* for so many */
    bool ok;
};

/* One Redis. */
struct probe {
    struct online *online;
    struct redis_url url;
    struct redis_link *link;
    unsigned server;
    char setting[32]; /* "Redis.URLs[2]" */
    size_t asked, answered;
    bool done;
};

enum verdict { GOOD, DOUBTFUL, BAD };

static void say(struct online *o, enum verdict verdict, const char *setting, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void say(struct online *o, enum verdict verdict, const char *setting, const char *fmt, ...)
{
    static const char *const words[] = {"good", "doubtful", "bad"};
    char what[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    buf_addf(o->out, "%s: %s: %s\n", words[verdict], setting, what);
    o->ok = o->ok && verdict != BAD;
}

static void one_less(struct online *o)
{
    if (--o->waiting == 0) {
        loop_stop(o->loop);
    }
}

/* --- Redis ---------------------------------------------------------------------------------------- */

/* What a program's user must be allowed, tried where it changes nothing: on names that are not there,
 * and with a script that is not loaded. '%' is the prefix. */
static const struct right {
    const char *role; /* NULL: both */
    const char *words[WORDS_MAX];
} rights[] = {
    {NULL, {"EVALSHA", "0000000000000000000000000000000000000000", "1", "%:check"}},
    {NULL, {"HMGET", "%:check:pos", "e"}},
    {NULL, {"XRANGE", "%:check:log", "-", "+"}},
    {NULL, {"GET", "%:servers"}},
    {"gateway", {"PUBLISH", "%:probe:check", ""}},
    {"publisher", {"PUBLISH", "%:check", ""}},
    {"publisher", {"XTRIM", "%:check:log", "MAXLEN", "0"}},
    {"publisher", {"DEL", "%:check"}},
    {"publisher", {"ZREM", "%:refresh:due", "check"}},
};

static void probe_end(struct probe *p)
{
    if (!p->done) {
        p->done = true;
        one_less(p->online);
    }
}

static void count_answer(struct probe *p)
{
    if (++p->answered == p->asked) {
        probe_end(p);
    }
}

static void on_right(const struct redis_reply *r, void *arg)
{
    struct probe *p = arg;
    if (!r) {
        return; /* on_lost() follows */
    }
    if (r->type == REPLY_ERROR && !str_starts(r->text, STR("NOSCRIPT"))) {
        bool is_denied = redis_error_of(r) == REDIS_ERROR_DENIED;
        say(p->online, BAD, p->setting, "%s: %.*s",
            is_denied ? "its user lacks a right" : "it refuses a command", STR_ARG(r->text));
    }
    count_answer(p);
}

static void ask_for_right(struct probe *p, const struct right *right)
{
    char prefix[SERVER_LIST_PREFIX_MAX];
    server_list_prefix(p->online->settings, p->server, prefix);
    struct buf names[WORDS_MAX] = {0};
    struct str argv[WORDS_MAX];
    int n = 0;
    for (; n < WORDS_MAX && right->words[n]; n++) {
        const char *word = right->words[n];
        buf_addf(&names[n], "%s%s", word[0] == '%' ? prefix : "", word + (word[0] == '%'));
        argv[n] = buf_str(&names[n]);
    }
    const struct redis_asker who = {.fn = on_right, .arg = p};
    p->asked += redis_link_command(p->link, &who, n, argv);
    for (int i = 0; i < n; i++) {
        buf_release(&names[i]);
    }
}

static void on_info(const struct redis_reply *r, void *arg)
{
    struct probe *p = arg;
    static const char name[] = "redis_version:";
    if (!r) {
        return; /* on_lost() follows */
    }
    struct str text = redis_reply_text(r);
    const char *at = text.n ? memmem(text.p, text.n, name, strlen(name)) : NULL;
    struct str version = at ? str_after(text, (size_t)(at - text.p) + strlen(name)) : STR_NONE;
    const char *end = version.n ? memchr(version.p, '\r', version.n) : NULL;
    version.n = end ? (size_t)(end - version.p) : 0;
    say(p->online, GOOD, p->setting, "connected%s, version %.*s",
        p->url.tls ? " with TLS, its certificate holds" : "", STR_ARG(version));
    count_answer(p);
}

static void on_ready(void *arg)
{
    struct probe *p = arg;
    const char *policy = redis_link_eviction(p->link);
    const struct redis_asker who = {.fn = on_info, .arg = p};
    const struct str info[] = {STR("INFO"), STR("server")};
    p->asked = redis_link_command(p->link, &who, ARRAY_LEN(info), info);
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        if (!rights[i].role || strcmp(rights[i].role, p->online->role) == 0) {
            ask_for_right(p, &rights[i]);
        }
    }
    if (redis_link_may_evict(p->link)) {
        say(p->online, BAD, p->setting,
            "its maxmemory-policy is %s: it may drop events and positions; set noeviction", policy);
    } else {
        say(p->online, policy[0] ? GOOD : DOUBTFUL, p->setting, "maxmemory-policy is %s",
            policy[0] ? policy : "not told");
    }
}

static void on_lost(const char *why, void *arg)
{
    struct probe *p = arg;
    if (!p->done) {
        say(p->online, BAD, p->setting, "no connection: %s", why);
    }
    probe_end(p);
}

static const struct redis_link_handler handler = {.on_ready = on_ready, .on_lost = on_lost};

static void probe_begin(struct online *o, struct probe *p, unsigned i)
{
    const char *reason = "out of memory";
    const char *url = server_list_url(o->settings, i);
    bool several = o->settings->redis.urls.n > 0;
    p->online = o;
    p->server = i;
    (void)snprintf(p->setting, sizeof(p->setting), several ? "Redis.URLs[%u]" : "Redis.URL", i);
    const struct redis_link_options options = {
        .name = "check", .url = &p->url, .access = &o->access, .handler = &handler, .arg = p};
    if (!redis_url_parse(str_of(url), &p->url, &reason) ||
        redis_link_create(o->loop, &options, &p->link) < 0) {
        say(o, BAD, p->setting, "%s", reason);
        return;
    }
    o->waiting++;
    redis_link_start(p->link);
}

/* --- the frontend --------------------------------------------------------------------------------- */

static void on_answer(const struct http_answer *a, void *arg)
{
    struct online *o = arg;
    if (a->outcome == HTTP_ANSWERED && a->status < 500) {
        say(o, GOOD, "Broadcaster.FrontendURL", "answers (status %d)", a->status);
    } else if (a->outcome == HTTP_ANSWERED) {
        say(o, BAD, "Broadcaster.FrontendURL", "answers with status %d", a->status);
    } else {
        say(o, BAD, "Broadcaster.FrontendURL",
            a->outcome == HTTP_TIMEOUT ? "does not answer in time" : "no answer, see the log line");
    }
    one_less(o);
}

static struct http_client *frontend_begin(struct online *o)
{
    const char *url = o->settings->broadcaster.frontend_url;
    const char *reason = "out of memory";
    bool is_asked = strcmp(o->role, "gateway") == 0
                        ? !o->settings->auth.file[0]
                        : o->settings->broadcaster.scoreboard_update_secret[0] != '\0';
    if (!url[0] || !is_asked) {
        return NULL;
    }
    const struct http_client_options options = {
        .base_url = url, .max_connections = 1, .max_answer_bytes = ANSWER_MAX};
    const struct http_request request = {.path_and_query = "/", .timeout_ms = CALL_MS};
    struct http_client *client = http_client_create(o->loop, &options, &reason);
    if (client && http_client_call(client, &request, on_answer, o)) {
        o->waiting++;
    } else {
        say(o, BAD, "Broadcaster.FrontendURL", "%s", reason);
    }
    return client;
}

/* --- all together --------------------------------------------------------------------------------- */

static void on_limit(void *arg)
{
    struct online *o = arg;
    say(o, BAD, "time", "%zu did not answer within %d s", o->waiting, LIMIT_MS / 1000);
    loop_stop(o->loop);
}

static void ask_all(struct online *o)
{
    struct probe probes[SERVER_LIST_MAX] = {0};
    const char *reason;
    o->access = redis_access_create(o->settings, &reason);
    if (!o->access) {
        say(o, BAD, "Redis", "%s", reason);
        return;
    }
    unsigned n = MIN(server_list_count(o->settings), (unsigned)SERVER_LIST_MAX);
    for (unsigned i = 0; i < n; i++) {
        probe_begin(o, &probes[i], i);
    }
    struct http_client *frontend = frontend_begin(o);
    timer_start_ms(&o->limit, LIMIT_MS);
    if (o->waiting > 0 && loop_run(o->loop) < 0) {
        say(o, BAD, "time", "the event loop failed");
    }
    http_client_free(frontend);
    for (unsigned i = 0; i < n; i++) {
        probes[i].done = true; /* the end of the link is no loss */
        redis_link_free(probes[i].link);
        redis_url_release(&probes[i].url);
    }
    o->access = redis_access_free(o->access);
}

bool online_check(const struct settings *s, const char *role, bool with_tls, struct buf *out)
{
    struct online o = {.settings = s, .role = role, .out = out, .ok = true};
    o.loop = loop_create();
    if (!o.loop || !timer_init(&o.limit, o.loop, on_limit, &o)) {
        say(&o, BAD, "memory", "there is none");
    } else {
        ask_all(&o);
    }
    if (with_tls) {
        o.ok = online_certificate(s->broadcaster.tls.cert_file, out) && o.ok;
    }
    timer_release(&o.limit);
    loop_free(o.loop);
    return o.ok;
}
