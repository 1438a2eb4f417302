/* SPDX-License-Identifier: MIT */
/* scoreboard_refresh: a turn is one call of refresh.lua. It tells Redis what became of the calls
 * under way, and brings back the contests that this publisher is to refresh now.
 *
 * Turns come every POLL_MS while something is due or under way, else every IDLE_MS, because another
 * publisher may have died with what it had taken; and soon after each run that was written.
 */
#include "publisher/scoreboard_refresh.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/http/http_client.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis/redis_link.h"
#include "proto/limits.h"
#include "publisher/pub_metrics.h"
#include "publisher/refresh_answer.h"
#include "refresh_lua.h"

#define REFRESH_PATH "/api/scoreboard/refresh/"
#define REFRESH_LEASE_MS STR("10000")
enum {
    AT_ONCE = 2, /* calls of one publisher */
    CALL_MS = 60000,
    POLL_MS = 250,
    IDLE_MS = 1000,
    WAKE_GAP_MS = 20, /* after a turn for nothing, however many runs come */
    OWNER_LEN = 16,
};
enum refresh_argument { /* after the keys; see refresh.lua */
                        ARG_PREFIX,
                        ARG_OWNER,
                        ARG_LEASE,
                        ARG_PERIOD,
                        ARG_ROOM,
                        REFRESH_ARGUMENTS
};
enum { KEYS = 2, ARGUMENTS_MAX = KEYS + REFRESH_ARGUMENTS + 2 * AT_ONCE };

enum call_state { CALL_FREE, CALL_CALLING, CALL_DONE, CALL_AGAIN };
struct refresh_call {
    struct scoreboard_refresh *refresh; /* borrowed (holds this) */
    enum call_state state;
    bool reported;          /* DONE or AGAIN: the turn under way tells Redis */
    struct buf contest;     /* owned */
    struct http_call *http; /* borrowed; while CALLING */
    uint64_t begun_us;
};

struct scoreboard_refresh {
    struct loop *loop;           /* borrowed */
    struct redis_link *link;     /* borrowed; NULL until started */
    struct pub_metrics *metrics; /* borrowed */
    struct http_client *client;  /* owned; NULL: no URL is known */
    struct redis_script script;
    struct buf names; /* owned: the keys and the prefix, which argv points into */
    struct str due, refreshing, prefix;
    char owner[OWNER_LEN + 1];
    const char *secret; /* borrowed; "": off */
    char period[24];
    struct refresh_call calls[AT_ONCE];
    struct timer next_turn;
    uint64_t woken_ms;       /* the last turn for a run, if it brought nothing; else 0 */
    struct redis_call *turn; /* under way; else NULL */
    bool turn_again;         /* soon after it: a run has come */
    bool is_stopping;
};

/* --- calls --------------------------------------------------------------------------------------- */

static size_t count_calls(const struct scoreboard_refresh *r, enum call_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < AT_ONCE; i++) {
        n += r->calls[i].state == state;
    }
    return n;
}

static bool is_on(const struct scoreboard_refresh *r)
{
    return r->client && r->secret[0] != '\0' && !r->is_stopping;
}

static void log_failed(struct str contest, const struct http_answer *a)
{
    static const char *const outcomes[] = {
        [HTTP_ANSWERED] = "answered",
        [HTTP_TIMEOUT] = "timeout",
        [HTTP_FAILED] = "no_answer",
        [HTTP_TOO_LARGE] = "answer_too_large",
    };
    log_warn("scoreboard not refreshed", LF_S("contest", contest),
             LF_STR("outcome", outcomes[a->outcome]), LF_I64("status", a->status));
}

/* Counts and logs. Whether it should be tried again. */
static bool note_answer(struct scoreboard_refresh *r, struct str contest,
                        const struct http_answer *a)
{
    struct pub_metrics *m = r->metrics;
    switch (refresh_result_of(a)) {
    case REFRESH_OK: m->refreshes_ok++; return false;
    case REFRESH_DENIED:
        m->refreshes_denied++;
        log_error("ScoreboardUpdateSecret differs from the frontend's");
        return true; /* with another secret, perhaps */
    case REFRESH_REFUSED:
        m->refreshes_refused++;
        log_failed(contest, a);
        return false;
    case REFRESH_FAILED: break;
    }
    m->refreshes_failed++;
    log_failed(contest, a);
    return true;
}

static void take_turn(void *arg);

static void on_answer(const struct http_answer *a, void *arg)
{
    struct refresh_call *c = arg;
    struct scoreboard_refresh *r = c->refresh;
    c->http = NULL;
    histogram_observe(&r->metrics->refresh_seconds, (double)(clock_mono_us() - c->begun_us) / 1e6);
    c->state = note_answer(r, buf_str(&c->contest), a) ? CALL_AGAIN : CALL_DONE;
    r->metrics->refreshes_active--;
    take_turn(r);
}

static bool send_call(struct refresh_call *c)
{
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded"},
    };
    struct scoreboard_refresh *r = c->refresh;
    struct buf body = {0};
    refresh_body_write(&body, str_of(r->secret), buf_str(&c->contest));
    if (!body.failed && !c->contest.failed) {
        c->http = http_client_call(r->client,
                                   &(struct http_request){
                                       .post = true,
                                       .path_and_query = REFRESH_PATH,
                                       .headers = headers,
                                       .n_headers = ARRAY_LEN(headers),
                                       .body = buf_str(&body),
                                       .timeout_ms = CALL_MS,
                                   },
                                   on_answer, c);
    }
    buf_release(&body);
    return c->http != NULL;
}

/* refresh.lua gives no more than there are free calls. One whose name finds no memory is given up:
 * Redis has it due again when our lease ends. */
static void begin_call(struct scoreboard_refresh *r, struct str contest)
{
    struct refresh_call *c = r->calls;
    while (c->state != CALL_FREE) {
        if (++c == r->calls + AT_ONCE) {
            return;
        }
    }
    buf_clear(&c->contest);
    buf_add(&c->contest, contest);
    if (c->contest.failed) {
        return;
    }
    c->begun_us = clock_mono_us();
    c->reported = false;
    c->state = CALL_CALLING;
    if (send_call(c)) {
        r->metrics->refreshes_active++;
        log_debug("refreshing scoreboard", LF_S("contest", contest));
    } else {
        r->metrics->refreshes_failed++;
        c->state = CALL_AGAIN;
    }
}

/* --- turns --------------------------------------------------------------------------------------- */

/* What the reply's end of a turn has settled is free again. */
static void free_reported(struct scoreboard_refresh *r)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (r->calls[i].reported) {
            r->calls[i].reported = false;
            r->calls[i].state = CALL_FREE;
        }
    }
}

static void plan_turn(struct scoreboard_refresh *r, int64_t due_ms)
{
    bool is_busy = count_calls(r, CALL_FREE) < AT_ONCE;
    uint64_t wait = is_busy ? POLL_MS : IDLE_MS;
    if (due_ms >= 0 && due_ms < (int64_t)wait && count_calls(r, CALL_FREE) > 0) {
        wait = (uint64_t)due_ms + 1; /* just after it */
    }
    if (count_calls(r, CALL_DONE) + count_calls(r, CALL_AGAIN) > 0) {
        wait = 0;
    }
    timer_start_ms(&r->next_turn, MAX(wait, WAKE_GAP_MS));
    if (r->turn_again) {
        r->turn_again = false;
        scoreboard_refresh_wake(r);
    }
}

static bool is_answer(const struct redis_reply *reply)
{
    return reply && reply->type == REPLY_LIST && redis_reply_at(reply, 0).type == REPLY_INTEGER;
}

static void log_no_answer(const struct redis_reply *reply)
{
    enum redis_error e = reply ? redis_error_of(reply) : REDIS_ERROR_AWAY;
    if (e == REDIS_ERROR_AWAY || e == REDIS_ERROR_READONLY || e == REDIS_ERROR_NOSCRIPT) {
        return; /* it passes, and the link says what there is to say */
    }
    log_error("redis refused a scoreboard refresh", LF_S("error", reply->text));
}

static void on_turn(const struct redis_reply *reply, void *arg)
{
    struct scoreboard_refresh *r = arg;
    if (!is_answer(reply)) {
        log_no_answer(reply);
        for (size_t i = 0; i < AT_ONCE; i++) {
            r->calls[i].reported = false; /* told again */
        }
        r->turn_again = false;
        timer_start_ms(&r->next_turn, POLL_MS);
        return;
    }
    free_reported(r);
    for (size_t i = 1; i < reply->n; i++) {
        begin_call(r, redis_reply_text_at(reply, i));
    }
    if (reply->n > 1) {
        r->woken_ms = 0;
    }
    plan_turn(r, redis_reply_at(reply, 0).integer);
}

static struct str word_of(const struct refresh_call *c)
{
    switch (c->state) {
    case CALL_DONE: return STR("done");
    case CALL_AGAIN: return STR("again");
    case CALL_FREE:
    case CALL_CALLING: break;
    }
    return STR("held");
}

/* Returns how many arguments there are. */
static int write_arguments(const struct scoreboard_refresh *r, struct str room,
                           struct str argv[static ARGUMENTS_MAX])
{
    struct str *arguments = argv + KEYS;
    int n = KEYS + REFRESH_ARGUMENTS;
    argv[0] = r->due;
    argv[1] = r->refreshing;
    arguments[ARG_PREFIX] = r->prefix;
    arguments[ARG_OWNER] = str_of(r->owner);
    arguments[ARG_LEASE] = REFRESH_LEASE_MS;
    arguments[ARG_PERIOD] = str_of(r->period);
    arguments[ARG_ROOM] = room;
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (r->calls[i].state != CALL_FREE) {
            argv[n++] = buf_str(&r->calls[i].contest);
            argv[n++] = word_of(&r->calls[i]);
        }
    }
    return n;
}

static void take_turn(void *arg)
{
    struct scoreboard_refresh *r = arg;
    size_t n_free = count_calls(r, CALL_FREE);
    if (r->turn) {
        r->turn_again = true;
        return;
    }
    r->turn_again = false;
    timer_start_ms(&r->next_turn, IDLE_MS);
    if (!r->link || (!is_on(r) && n_free == AT_ONCE)) {
        return;
    }
    char room[8];
    struct str argv[ARGUMENTS_MAX];
    (void)snprintf(room, sizeof(room), "%zu", is_on(r) ? n_free : 0); /* always fits */
    int n = write_arguments(r, str_of(room), argv);
    const struct redis_asker who = {on_turn, r, &r->turn};
    bool is_sent = redis_link_eval(r->link, &r->script, &who, KEYS, n, argv);
    for (size_t i = 0; is_sent && i < AT_ONCE; i++) {
        enum call_state state = r->calls[i].state;
        r->calls[i].reported = state == CALL_DONE || state == CALL_AGAIN;
    }
}

void scoreboard_refresh_wake(struct scoreboard_refresh *r)
{
    uint64_t now = loop_now_ms(r->loop);
    if (!is_on(r)) {
        return;
    }
    if (r->turn) {
        r->turn_again = true;
    } else if (now - r->woken_ms >= WAKE_GAP_MS) {
        r->woken_ms = now;
        take_turn(r);
    } else if (!r->turn_again) {
        r->turn_again = true; /* one timer for all that come meanwhile */
        timer_start_ms(&r->next_turn, WAKE_GAP_MS);
    }
}

/* --- life ---------------------------------------------------------------------------------------- */

void scoreboard_refresh_configure(struct scoreboard_refresh *r,
                                  const struct scoreboard_refresh_settings *s)
{
    r->secret = s->secret;
    (void)snprintf(r->period, sizeof(r->period), "%" PRId64, s->period_ms); /* always fits */
}

static bool make_names(struct scoreboard_refresh *r, const char *prefix)
{
    buf_addf(&r->names, "%s:refresh:due%s:refreshing", prefix, prefix);
    size_t n = str_of(prefix).n;
    const char *p = r->names.p;
    if (r->names.failed) {
        return false;
    }
    r->due = (struct str){p, n + STR(":refresh:due").n};
    r->prefix = (struct str){p, n + STR(":refresh:").n};
    r->refreshing = str_after(buf_str(&r->names), r->due.n);
    return true;
}

struct scoreboard_refresh *scoreboard_refresh_create(struct loop *l,
                                                     const struct scoreboard_refresh_options *o,
                                                     const char **out_why)
{
    AUTO(scoreboard_refresh) *r = calloc(1, sizeof(*r));
    *out_why = "out of memory";
    if (!r) {
        return NULL;
    }
    r->loop = l;
    r->metrics = o->metrics;
    (void)snprintf(r->owner, sizeof(r->owner), "%016" PRIx64, random_u64()); /* always fits */
    redis_script_init(&r->script, "refresh.lua", refresh_lua, refresh_lua_len);
    for (size_t i = 0; i < AT_ONCE; i++) {
        r->calls[i].refresh = r;
    }
    scoreboard_refresh_configure(r, &o->settings);
    if (!make_names(r, o->prefix) || !timer_init(&r->next_turn, l, take_turn, r)) {
        return NULL;
    }
    if (o->frontend_url[0] == '\0') {
        return TAKE(r);
    }
    r->client = http_client_create(l,
                                   &(struct http_client_options){
                                       .base_url = o->frontend_url,
                                       .max_connections = AT_ONCE,
                                       .max_answer_bytes = LIMIT_FRONTEND_ANSWER_BYTES,
                                   },
                                   out_why);
    return r->client ? TAKE(r) : NULL;
}

struct scoreboard_refresh *scoreboard_refresh_free(struct scoreboard_refresh *r)
{
    if (!r) {
        return NULL;
    }
    r->client = http_client_free(r->client); /* cancels what is under way */
    for (size_t i = 0; i < AT_ONCE; i++) {
        buf_release(&r->calls[i].contest);
    }
    timer_release(&r->next_turn);
    buf_release(&r->names);
    free(r);
    return NULL;
}

struct redis_script *scoreboard_refresh_script(struct scoreboard_refresh *r)
{
    return &r->script;
}

void scoreboard_refresh_start(struct scoreboard_refresh *r, struct redis_link *link)
{
    r->link = link;
    take_turn(r);
}

void scoreboard_refresh_stop(struct scoreboard_refresh *r)
{
    r->is_stopping = true;
}

bool scoreboard_refresh_is_idle(const struct scoreboard_refresh *r)
{
    bool is_told = count_calls(r, CALL_FREE) == AT_ONCE;
    return count_calls(r, CALL_CALLING) == 0 && (is_told || !redis_link_is_ready(r->link));
}
