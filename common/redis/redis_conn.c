/* SPDX-License-Identifier: MIT */
/* redis_conn: hiredis's context frees itself after a failed connect, after an error, after
 * redisAsyncFree(), and after the running callback when that was called inside one. All of these
 * end in its dataCleanup hook, behind the callbacks of pending commands: on_context_gone() is the
 * one place where we learn of the end.
 *
 *   resolving  -> connecting   addresses known                 on_resolved
 *   connecting -> connecting   refused, another address left   try_next
 *   connecting -> open         TCP up                          on_connect
 *   any        -> gone         on_closed() was called          end
 */
#include "common/redis/redis_conn.h"

#include <hiredis/adapters/libevent.h>
#include <hiredis/hiredis_ssl.h>
#include <hiredis/sds.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/loop.h"
#include "common/net/resolve.h"
#include "common/net/tls_ctx.h"
#include "common/redis/redis_access.h"
#include "common/redis/redis_guard.h"

enum { KEEPALIVE_S = 15, WHY_MAX = 200 };

struct redis_conn {
    struct loop *loop; /* borrowed */
    const struct redis_conn_handler *handler;
    void *arg;
    char *host; /* owned */
    uint16_t port;
    bool is_unix;
    size_t first;
    bool tls;
    struct redis_access *const *access; /* borrowed */

    struct resolve *resolve; /* owned; while resolving */
    struct resolve_address addresses[RESOLVE_MAX_ADDRESSES];
    size_t n_addresses, next_address;
    struct deferred next; /* tries the next address */

    redisAsyncContext *ac;    /* hiredis's; NULL once on_context_gone() was called */
    SSL *ssl;                 /* borrowed from ac */
    struct redis_guard guard; /* of ac's reader */
    bool open;                /* on_open() was called */
    bool closing;             /* why is ours, not hiredis's */
    bool freed;               /* the owner wants to hear nothing more */
    char why[WHY_MAX];
};

static void set_why(struct redis_conn *c, const char *why)
{
    (void)snprintf(c->why, sizeof(c->why), "%s", why);
}

static void end(struct redis_conn *c)
{
    if (!c->freed) {
        c->handler->on_closed(c->why, c->arg); /* frees c, as a rule */
    }
}

/* hiredis says of TLS failures what errno happens to hold. */
static void describe_tls_failure(const struct redis_conn *c, const SSL *ssl, char *out, size_t size)
{
    const char *problem = tls_verify_problem(ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    if (problem) {
        (void)snprintf(out, size, "TLS certificate of %s: %s", c->host, problem);
    } else {
        (void)snprintf(out, size, "TLS handshake failed%s%s", reason ? ": " : "",
                       reason ? reason : "");
    }
    ERR_clear_error(); /* SSL_get_error() of other connections must not see it */
}

static void note_hiredis_error(struct redis_conn *c)
{
    if (c->guard.refused) {
        set_why(c, "an answer or a push that no Redis sends");
    } else if (c->ssl && !SSL_is_init_finished(c->ssl)) {
        describe_tls_failure(c, c->ssl, c->why, sizeof(c->why));
    } else {
        set_why(c, c->ac->errstr && c->ac->errstr[0] ? c->ac->errstr : "connection closed");
    }
}

static void on_context_gone(void *arg)
{
    struct redis_conn *c = arg;
    if (!c->closing) {
        note_hiredis_error(c);
    }
    redis_guard_detach(&c->guard, c->ac->c.reader); /* hiredis frees the reader after c */
    c->ac = NULL;
    c->ssl = NULL;
    if (!c->closing && !c->open && c->next_address < c->n_addresses) {
        loop_defer(c->loop, &c->next);
    } else {
        end(c);
    }
}

/* With a quick server this may be the whole handshake. */
static bool start_tls(struct redis_conn *c, char *why, size_t why_size)
{
    SSL *ssl = c->access ? redis_access_ssl(*c->access, c->host) : NULL;
    if (!ssl) {
        (void)snprintf(why, why_size, "TLS cannot be set up");
        return false;
    }
    if (redisInitiateSSL(&c->ac->c, ssl) != REDIS_OK) {
        describe_tls_failure(c, ssl, why, why_size);
        SSL_free(ssl); /* hiredis takes it on success only */
        return false;
    }
    c->ssl = ssl;
    return true;
}

static void on_connect(redisAsyncContext *ac, int status)
{
    struct redis_conn *c = ac->data;
    if (status != REDIS_OK) {
        return; /* the context goes by itself */
    }
    if (!c->is_unix) {
        (void)redisEnableKeepAliveWithInterval(&ac->c, KEEPALIVE_S);
    }
    char why[WHY_MAX];
    if (c->tls && !start_tls(c, why, sizeof(why))) {
        redis_conn_close(c, why);
        return;
    }
    c->open = true;
    c->handler->on_open(c->arg);
}

/* False with c->why when it failed at once; then there is no context. */
static bool dial(struct redis_conn *c, const char *address)
{
    redisOptions options = {0};
    if (c->is_unix) {
        REDIS_OPTIONS_SET_UNIX(&options, address);
    } else {
        REDIS_OPTIONS_SET_TCP(&options, address, c->port);
    }
    redisAsyncContext *ac = redisAsyncConnectWithOptions(&options);
    if (!ac || ac->err) {
        set_why(c, ac ? ac->errstr : "out of memory");
        redisAsyncFree(ac);
        return false;
    }
    if (redisLibeventAttach(ac, loop_base(c->loop)) != REDIS_OK) {
        set_why(c, "out of memory");
        redisAsyncFree(ac);
        return false;
    }
    c->ac = ac;
    redis_guard_attach(&c->guard, ac->c.reader);
    ac->data = c;
    ac->dataCleanup = on_context_gone;
    (void)redisAsyncSetConnectCallbackNC(ac, on_connect); /* fails when set twice */
    return true;
}

static void try_next(void *arg)
{
    struct redis_conn *c = arg;
    while (c->next_address < c->n_addresses) {
        if (dial(c, c->addresses[c->next_address++].text)) {
            return;
        }
    }
    end(c);
}

static void dial_socket(void *arg)
{
    struct redis_conn *c = arg;
    if (!dial(c, c->host)) {
        end(c);
    }
}

static void on_resolved(const struct resolve_address *addresses, size_t n, const char *why,
                        void *arg)
{
    struct redis_conn *c = arg;
    c->resolve = NULL;
    if (n == 0) {
        (void)snprintf(c->why, sizeof(c->why), "cannot resolve %s: %s", c->host, why);
        end(c);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        c->addresses[i] = addresses[(c->first + i) % n];
    }
    c->n_addresses = n;
    try_next(c);
}

struct redis_conn *redis_conn_open(struct loop *l, const struct redis_conn_target *to,
                                   const struct redis_conn_handler *handler, void *arg)
{
    struct redis_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->loop = l;
    c->handler = handler;
    c->arg = arg;
    c->port = to->port;
    c->is_unix = to->is_unix;
    c->first = to->first;
    c->tls = to->tls;
    c->access = to->access;
    c->host = strdup(to->host);
    if (!c->host) {
        return redis_conn_free(c);
    }
    deferred_init(&c->next, c->is_unix ? dial_socket : try_next, c);
    if (c->is_unix) {
        loop_defer(l, &c->next);
        return c;
    }
    c->resolve = resolve_start(l, c->host, on_resolved, c);
    return c->resolve ? c : redis_conn_free(c);
}

struct redis_conn *redis_conn_free(struct redis_conn *c)
{
    if (!c) {
        return NULL;
    }
    c->freed = true;
    c->closing = true;
    deferred_cancel(&c->next);
    resolve_cancel(c->resolve);
    redisAsyncFree(c->ac); /* accepts NULL */
    redis_guard_release(&c->guard);
    free(c->host);
    free(c);
    return NULL;
}

void redis_conn_close(struct redis_conn *c, const char *why)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    set_why(c, why);
    if (c->ac) {
        redisAsyncFree(c->ac); /* on_context_gone() ends it, now or behind the running callback */
        return;
    }
    deferred_cancel(&c->next);
    resolve_cancel(c->resolve);
    c->resolve = NULL;
    end(c);
}

redisAsyncContext *redis_conn_hiredis(struct redis_conn *c)
{
    return c->open && !c->closing ? c->ac : NULL;
}

size_t redis_conn_unsent_bytes(const struct redis_conn *c)
{
    return c->ac ? sdslen(c->ac->c.obuf) : 0;
}

bool redis_conn_await_subscribed(struct redis_conn *c, struct str name)
{
    return redis_guard_await(&c->guard, name);
}
