/* SPDX-License-Identifier: MIT */
/* redis_sentinel: one connection per Sentinel asked, in RESP2 (old ones know no HELLO). Without a
 * password of their own, Sentinels are given the URL's, which is the master's, only when they say
 * NOAUTH.
 */
#include "common/redis/redis_sentinel.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/loop.h"
#include "common/redis/redis_access.h"
#include "common/redis/redis_conn.h"
#include "common/str.h"

enum { ANSWER_MS = 2000, PORT_MAX = 65535, HOST_MAX = 256 };

struct redis_sentinel {
    struct loop *loop;                  /* borrowed */
    const struct redis_url *url;        /* borrowed */
    struct redis_access *const *access; /* borrowed */
    redis_sentinel_fn fn;
    void *arg;
    size_t current;          /* index of the one being asked */
    struct redis_conn *conn; /* owned; NULL between two */
    struct timer deadline;   /* of the one being asked */
    struct deferred next;
    bool authenticated;
    char host[HOST_MAX]; /* the answer; "" while there is none */
    uint16_t port;
    char why[256];
};

static void free_it(struct redis_sentinel *s)
{
    deferred_cancel(&s->next);
    timer_release(&s->deadline);
    redis_conn_free(s->conn);
    free(s);
}

static void on_address(redisAsyncContext *ac, void *reply, void *arg);

static bool ask(struct redis_sentinel *s)
{
    redisAsyncContext *ac = redis_conn_hiredis(s->conn);
    return ac && redisAsyncCommand(ac, on_address, s, "SENTINEL get-master-addr-by-name %s",
                                   s->url->service) == REDIS_OK;
}

/* A refused password shows in the answer to the question that follows. */
static bool authenticate_and_ask(struct redis_sentinel *s, const char *user, const char *password)
{
    redisAsyncContext *ac = redis_conn_hiredis(s->conn);
    s->authenticated = true;
    int sent = REDIS_ERR;
    if (ac && user && *user) {
        sent = redisAsyncCommand(ac, NULL, NULL, "AUTH %s %s", user, password);
    } else if (ac) {
        sent = redisAsyncCommand(ac, NULL, NULL, "AUTH %s", password);
    }
    return sent == REDIS_OK && ask(s);
}

static bool take_address(struct redis_sentinel *s, const redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
        r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_STRING) {
        return false;
    }
    char *end;
    long port = strtol(r->element[1]->str, &end, 10);
    size_t len = r->element[0]->len;
    if (len == 0 || len >= sizeof(s->host) || *end != '\0' || port < 1 || port > PORT_MAX) {
        return false;
    }
    memcpy(s->host, r->element[0]->str, len + 1);
    s->port = (uint16_t)port;
    return true;
}

static void on_address(redisAsyncContext *ac UNUSED, void *reply, void *arg)
{
    struct redis_sentinel *s = arg;
    const redisReply *r = reply;
    if (!r) {
        return; /* on_closed() knows why */
    }
    bool denied = r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOAUTH", 6) == 0;
    if (denied && s->url->password && !s->authenticated &&
        authenticate_and_ask(s, s->url->user, s->url->password)) {
        return;
    }
    const char *why = "answered something else than an address";
    if (r->type == REDIS_REPLY_ERROR) {
        why = r->str;
    } else if (r->type == REDIS_REPLY_NIL) {
        why = "knows no master of this name";
    } else if (take_address(s, r)) {
        why = "done";
    }
    redis_conn_close(s->conn, why);
}

static void on_open(void *arg)
{
    struct redis_sentinel *s = arg;
    const struct redis_access *a = s->access ? *s->access : NULL;
    bool has_own = a && *a->sentinel_password;
    if (!(has_own ? authenticate_and_ask(s, a->sentinel_user, a->sentinel_password) : ask(s))) {
        redis_conn_close(s->conn, "out of memory");
    }
}

static void on_closed(const char *why, void *arg)
{
    struct redis_sentinel *s = arg;
    timer_stop(&s->deadline);
    const struct redis_url_host *h = &s->url->hosts[s->current];
    (void)snprintf(s->why, sizeof(s->why), "sentinel %s:%u: %s", h->name, h->port, why);
    s->conn = redis_conn_free(s->conn);
    s->current++;
    loop_defer(s->loop, &s->next);
}

static void on_deadline(void *arg)
{
    struct redis_sentinel *s = arg;
    redis_conn_close(s->conn, "no answer in time");
}

static void finish(struct redis_sentinel *s)
{
    const char *host = s->host[0] ? s->host : NULL;
    s->fn(host, s->port, s->why, s->arg);
    free_it(s);
}

static void ask_next(void *arg)
{
    static const struct redis_conn_handler handler = {.on_open = on_open, .on_closed = on_closed};
    struct redis_sentinel *s = arg;
    if (s->host[0] || s->current == s->url->n_hosts) {
        finish(s);
        return;
    }
    const struct redis_url_host *h = &s->url->hosts[s->current];
    const struct redis_conn_target to = {
        .host = h->name, .port = h->port, .tls = s->url->tls, .access = s->access};
    s->authenticated = false;
    s->conn = redis_conn_open(s->loop, &to, &handler, s);
    if (!s->conn) {
        (void)snprintf(s->why, sizeof(s->why), "out of memory");
        finish(s);
        return;
    }
    timer_start_ms(&s->deadline, ANSWER_MS);
}

struct redis_sentinel *redis_sentinel_ask(struct loop *l, const struct redis_url *url,
                                          struct redis_access *const *access, redis_sentinel_fn fn,
                                          void *arg)
{
    struct redis_sentinel *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->loop = l;
    s->url = url;
    s->access = access;
    s->fn = fn;
    s->arg = arg;
    if (!timer_init(&s->deadline, l, on_deadline, s)) {
        free(s);
        return NULL;
    }
    deferred_init(&s->next, ask_next, s);
    loop_defer(l, &s->next);
    return s;
}

void redis_sentinel_cancel(struct redis_sentinel *s)
{
    if (s) {
        free_it(s);
    }
}
