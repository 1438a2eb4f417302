/* SPDX-License-Identifier: MIT */
/* redis_link: states, loss, back-off and heartbeat. See redis_link_internal.h for the other files.
 *
 * The legal arrows; link_set_state() is the only one to follow them:
 *   CLOSED     -> CONNECTING  redis_link_start
 *   CONNECTING -> READY       redis_link_set_ready    the handshake is done
 *   CONNECTING -> BACKOFF     link_lost
 *   READY      -> BACKOFF     link_lost, or redis_link_note_loss a moment before it
 *   BACKOFF    -> CONNECTING  on_retry
 *   any        -> CLOSED      redis_link_free
 */
#include "common/redis/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/redis/redis_handshake.h"
#include "common/redis/redis_link_command.h"
#include "common/redis/redis_link_internal.h"

enum {
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 5000,
    STABLE_MS = 5000, /* a connection that lasted as long was no failure */
    CONNECT_MS = 5000,
    PING_MS = 5000,
    EVICTION_MS = 10000, /* how often maxmemory-policy is looked at */
    REPLY_TIMEOUT_MS = 5000,
    MAX_UNSENT_BYTES = 64 * 1024 * 1024,
    SAME_LOSS_LOG_MS = 60000
};

static void link_set_state(struct redis_link *r, enum redis_link_state to)
{
    switch (r->state) {
    case REDIS_LINK_CLOSED: assert(to == REDIS_LINK_CONNECTING || to == REDIS_LINK_CLOSED); break;
    case REDIS_LINK_CONNECTING: assert(to != REDIS_LINK_CONNECTING); break;
    case REDIS_LINK_READY: assert(to == REDIS_LINK_BACKOFF || to == REDIS_LINK_CLOSED); break;
    case REDIS_LINK_BACKOFF: assert(to == REDIS_LINK_CONNECTING || to == REDIS_LINK_CLOSED); break;
    }
    r->state = to;
}

/* Wrong credentials are for the operator to mend; all else comes right by itself, as a rule. */
static bool is_denial(const char *why)
{
    return strncmp(why, "NOAUTH", 6) == 0 || strncmp(why, "WRONGPASS", 9) == 0 ||
           strncmp(why, "NOPERM", 6) == 0;
}

/* The same loss again and again is told once a minute. */
static void log_loss(struct redis_link *r, const char *why, uint32_t retry_ms)
{
    uint64_t now = loop_now_ms(r->loop);
    if (strcmp(r->logged_why, why) == 0 && now - r->logged_ms < SAME_LOSS_LOG_MS) {
        return;
    }
    (void)snprintf(r->logged_why, sizeof(r->logged_why), "%s", why);
    r->logged_ms = now;
    if (is_denial(why)) {
        log_error("redis refuses our credentials", LF_STR("link", r->o.name),
                  LF_STR("server", r->peer), LF_STR("why", why), LF_U64("retry_ms", retry_ms));
    } else {
        const char *phrase = r->connects == 0 ? "cannot reach redis" : "redis link lost";
        log_warn(phrase, LF_STR("link", r->o.name), LF_STR("server", r->peer), LF_STR("why", why),
                 LF_U64("retry_ms", retry_ms));
    }
}

/* The one way into BACKOFF. There is no connection any more, and every callback has had its NULL. */
static void link_lost(struct redis_link *r, const char *why)
{
    timer_stop(&r->deadline);
    timer_stop(&r->tick);
    redis_link_note_loss(r);
    if (r->ready_since_ms > 0 && loop_now_ms(r->loop) - r->ready_since_ms >= STABLE_MS) {
        backoff_reset(&r->backoff);
    }
    r->ready_since_ms = 0;
    r->unsubscribes_out = 0;
    uint32_t retry_ms = r->reconnect_at_once ? 0 : backoff_next(&r->backoff, random_u64());
    r->reconnect_at_once = false;
    log_loss(r, why, retry_ms);
    timer_start_ms(&r->retry, retry_ms);
    r->o.handler->on_lost(why, r->o.arg);
}

void redis_link_note_loss(struct redis_link *r)
{
    if (r->state == REDIS_LINK_READY || r->state == REDIS_LINK_CONNECTING) {
        link_set_state(r, REDIS_LINK_BACKOFF);
    }
}

static void on_open(void *arg)
{
    redis_handshake_start(arg);
}

static void on_closed(const char *why, void *arg)
{
    struct redis_link *r = arg;
    struct redis_conn *conn = TAKE(r->conn); /* `why` lives in it */
    link_lost(r, why);
    redis_conn_free(conn);
}

static void open_connection(struct redis_link *r, const char *host, uint16_t port)
{
    static const struct redis_conn_handler handler = {.on_open = on_open, .on_closed = on_closed};
    const struct redis_conn_target to = {.host = host,
                                         .port = port,
                                         .is_unix = r->o.url->kind == REDIS_URL_UNIX,
                                         .first = r->attempts++,
                                         .tls = r->o.url->tls,
                                         .access = r->o.access};
    (void)snprintf(r->peer, sizeof(r->peer), to.is_unix ? "%s" : "%s:%u", host, (unsigned)port);
    r->conn = redis_conn_open(r->loop, &to, &handler, r);
    if (!r->conn) {
        link_lost(r, "out of memory");
        return;
    }
    timer_start_ms(&r->deadline, CONNECT_MS);
}

static void on_master(const char *host, uint16_t port, const char *why, void *arg)
{
    struct redis_link *r = arg;
    r->sentinel = NULL;
    if (host) {
        open_connection(r, host, port);
    } else {
        link_lost(r, why);
    }
}

static void on_retry(void *arg)
{
    struct redis_link *r = arg;
    if (r->state == REDIS_LINK_BACKOFF) {
        link_set_state(r, REDIS_LINK_CONNECTING);
    }
    const struct redis_url *url = r->o.url;
    if (url->kind != REDIS_URL_SENTINEL) {
        open_connection(r, url->hosts[0].name, url->hosts[0].port);
        return;
    }
    (void)snprintf(r->peer, sizeof(r->peer), "sentinel:%s", url->service);
    r->sentinel = redis_sentinel_ask(r->loop, url, r->o.access, on_master, r);
    if (!r->sentinel) {
        link_lost(r, "out of memory");
    }
}

void redis_link_drop(struct redis_link *r, const char *why)
{
    if (r->conn) {
        redis_conn_close(r->conn, why);
        return;
    }
    redis_sentinel_cancel(TAKE(r->sentinel));
    link_lost(r, why);
}

static void on_deadline(void *arg)
{
    redis_link_drop(arg, "not connected within 5 s");
}

void redis_link_set_ready(struct redis_link *r)
{
    link_set_state(r, REDIS_LINK_READY);
    timer_stop(&r->deadline);
    r->connects++;
    r->logged_why[0] = '\0';
    r->ready_since_ms = r->last_ping_ms = r->last_tick_ms = r->last_eviction_ms =
        loop_now_ms(r->loop);
    timer_start_every_ms(&r->tick, MIN(1000, MAX(10, r->o.reply_timeout_ms / 4)));
    log_info("redis link ready", LF_STR("link", r->o.name), LF_STR("server", r->peer),
             LF_STR("history", r->history), LF_STR("eviction", r->eviction));
    r->o.handler->on_ready(r->o.arg);
    redis_link_tell_eviction(r);
}

void redis_link_tell_eviction(struct redis_link *r)
{
    if (r->o.handler->on_eviction && strcmp(r->told_eviction, r->eviction) != 0) {
        memcpy(r->told_eviction, r->eviction, sizeof(r->eviction));
        r->o.handler->on_eviction(r->o.arg);
    }
}

/* After a long turn of the loop the answers may lie in the socket, unread: the reading comes first. */
static bool was_held_up(struct redis_link *r, uint64_t now)
{
    uint64_t since = now - r->last_tick_ms;
    r->last_tick_ms = now;
    return since * 1000 > 2 * r->tick.period_us;
}

static void ask_for_eviction(struct redis_link *r, uint64_t now)
{
    if (r->o.handler->on_eviction && now - r->last_eviction_ms >= EVICTION_MS) {
        r->last_eviction_ms = now;
        redis_handshake_ask_for_eviction(r);
    }
}

static void on_tick(void *arg)
{
    struct redis_link *r = arg;
    uint64_t now = loop_now_ms(r->loop);
    uint64_t sent_ms;
    if (was_held_up(r, now)) {
        return;
    }
    if (redis_link_oldest_unanswered(r, &sent_ms) && now - sent_ms >= r->o.reply_timeout_ms) {
        char why[64];
        (void)snprintf(why, sizeof(why), "no answer within %u ms", r->o.reply_timeout_ms);
        redis_link_drop(r, why);
    } else if (now - r->last_ping_ms >= PING_MS) {
        r->last_ping_ms = now;
        if (!redis_link_send(r, NULL, 1, &STR("PING"))) {
            redis_link_drop(r, "out of memory");
        }
    } else {
        ask_for_eviction(r, now);
    }
}

static void on_restart(void *arg)
{
    struct redis_link *r = arg;
    switch (r->state) {
    case REDIS_LINK_CLOSED: break;
    case REDIS_LINK_BACKOFF: timer_start_ms(&r->retry, 0); break;
    case REDIS_LINK_CONNECTING:
    case REDIS_LINK_READY:
        r->reconnect_at_once = true;
        redis_link_drop(r, r->restart_why);
        break;
    }
}

int redis_link_create(struct loop *l, const struct redis_link_options *o,
                      struct redis_link **out_link)
{
    AUTO(redis_link) *r = calloc(1, sizeof(*r));
    if (!r) {
        return -ENOMEM;
    }
    r->loop = l;
    r->o = *o;
    r->o.reply_timeout_ms = o->reply_timeout_ms ? o->reply_timeout_ms : REPLY_TIMEOUT_MS;
    r->o.max_unsent_bytes = o->max_unsent_bytes ? o->max_unsent_bytes : MAX_UNSENT_BYTES;
    r->backoff = (struct backoff){.min_ms = BACKOFF_MIN_MS, .max_ms = BACKOFF_MAX_MS};
    list_init(&r->unanswered);
    deferred_init(&r->restart, on_restart, r);
    if (!timer_init(&r->retry, l, on_retry, r) || !timer_init(&r->deadline, l, on_deadline, r) ||
        !timer_init(&r->tick, l, on_tick, r)) {
        return -ENOMEM;
    }
    *out_link = TAKE(r);
    return 0;
}

struct redis_link *redis_link_free(struct redis_link *r)
{
    if (!r) {
        return NULL;
    }
    link_set_state(r, REDIS_LINK_CLOSED);
    redis_sentinel_cancel(r->sentinel);
    redis_conn_free(TAKE(r->conn));
    deferred_cancel(&r->restart);
    timer_release(&r->retry);
    timer_release(&r->deadline);
    timer_release(&r->tick);
    buf_release(&r->scratch);
    free(r);
    return NULL;
}

void redis_link_start(struct redis_link *r)
{
    if (r->state == REDIS_LINK_CLOSED) {
        link_set_state(r, REDIS_LINK_CONNECTING);
        timer_start_ms(&r->retry, 0);
    }
}

void redis_link_restart(struct redis_link *r, const char *why)
{
    (void)snprintf(r->restart_why, sizeof(r->restart_why), "%s", why);
    loop_defer(r->loop, &r->restart);
}

enum redis_link_state redis_link_state(const struct redis_link *r)
{
    return r->state;
}

const char *redis_link_history(const struct redis_link *r)
{
    return r->history;
}

const char *redis_link_eviction(const struct redis_link *r)
{
    return r->eviction;
}

bool redis_link_may_evict(const struct redis_link *r)
{
    return r->eviction[0] != '\0' && strcmp(r->eviction, "noeviction") != 0;
}

uint64_t redis_link_connects(const struct redis_link *r)
{
    return r->connects;
}

size_t redis_link_unsent_bytes(const struct redis_link *r)
{
    return r->conn ? redis_conn_unsent_bytes(r->conn) : 0;
}
