/* SPDX-License-Identifier: MIT */
/* control: each command is one call of control.lua, and the request is answered when Redis has
 * executed it. Repeating any of them is harmless, so 503 means: send it again.
 */
#include "publisher/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "control_lua.h"
#include "proto/limits.h"
#include "proto/topic.h"
#include "proto/utf8.h"
#include "publisher/pub_metrics.h"
#include "publisher/scoreboard_body.h"

#define LOG_ENTRIES STR("10000")
enum { ATTEMPTS_MAX = 3 };

enum control_argument { /* after the keys; see control.lua */
                        ARG_MESSAGE,
                        ARG_LOG_ENTRIES,
                        ARG_CONTEST,
                        ARG_ADMIN,
                        ARG_EXPIRES,
                        ARG_CHANNEL,
                        CONTROL_ARGUMENTS
};
enum { KEYS_MAX = 3 };

struct control {
    struct redis_link *link;     /* borrowed */
    struct pub_metrics *metrics; /* borrowed */
    char *prefix;                /* owned */
    struct redis_script script;
};
struct control_job {
    struct control *control;        /* borrowed (outlives it) */
    struct http_exchange *exchange; /* borrowed until the reply */
    uint64_t *counter;              /* of control's metrics */
    const char *answer;             /* the body of a 200 */
    unsigned attempts;
    struct buf names, board, message, contest; /* owned */
    char expires[24];
    int n_keys;
    struct str argv[KEYS_MAX + CONTROL_ARGUMENTS];
};

static void job_free(struct control_job *j)
{
    buf_release(&j->names);
    buf_release(&j->board);
    buf_release(&j->message);
    buf_release(&j->contest);
    free(j);
}

static void fail(struct control_job *j, int status, const char *message)
{
    struct http_exchange *x = j->exchange;
    job_free(j);
    http_exchange_fail(x, status, message);
}

static void send_job(struct control_job *j);

static void on_reply(const struct redis_reply *r, void *arg)
{
    struct control_job *j = arg;
    if (!r) {
        fail(j, 503, "the connection to Redis was lost: send this again");
        return;
    }
    switch (redis_error_of(r)) {
    case REDIS_ERROR_NONE:
        (*j->counter)++;
        http_exchange_reply(j->exchange,
                            &(struct http_reply){.status = 200, .body = str_of(j->answer)});
        job_free(j);
        return;
    case REDIS_ERROR_NOSCRIPT:
        if (j->attempts < ATTEMPTS_MAX) {
            send_job(j);
            return;
        }
        break;
    case REDIS_ERROR_READONLY:
    case REDIS_ERROR_AWAY:
    case REDIS_ERROR_FULL:
    case REDIS_ERROR_DENIED:
    case REDIS_ERROR_OTHER: break;
    }
    log_error("redis refused a control message", LF_S("error", r->text));
    fail(j, 503, "Redis refused it");
}

static void send_job(struct control_job *j)
{
    struct control *c = j->control;
    const struct redis_asker who = {.fn = on_reply, .arg = j};
    j->attempts++;
    if (!redis_link_eval(c->link, &c->script, &who, j->n_keys, j->n_keys + CONTROL_ARGUMENTS,
                         j->argv)) {
        fail(j, 503, "Redis cannot be reached");
    }
}

/* NULL: out of memory, and replied. */
static struct control_job *job_create(struct control *c, struct http_exchange *x, uint64_t *counter,
                                      const char *answer)
{
    struct control_job *j = calloc(1, sizeof(*j));
    if (!j) {
        http_exchange_fail(x, 503, "out of memory");
        return NULL;
    }
    j->control = c;
    j->exchange = x;
    j->counter = counter;
    j->answer = answer;
    buf_addf(&j->names, "%s:control:seq%s:control:log", c->prefix, c->prefix);
    return j;
}

/* Puts the arguments together. To be called when all buffers are complete. */
static void run(struct control_job *j, bool is_admin)
{
    if (j->names.failed || j->board.failed || j->message.failed || j->contest.failed) {
        fail(j, 503, "out of memory");
        return;
    }
    const size_t each = j->names.n / 2;
    const struct str names = buf_str(&j->names); /* P:control:seq and P:control:log */
    j->argv[j->n_keys++] = (struct str){names.p, each};
    j->argv[j->n_keys++] = str_after(names, each);
    if (j->board.n > 0) {
        j->argv[j->n_keys++] = buf_str(&j->board);
    }
    struct str *arg = j->argv + j->n_keys;
    arg[ARG_MESSAGE] = buf_str(&j->message);
    arg[ARG_LOG_ENTRIES] = LOG_ENTRIES;
    arg[ARG_CONTEST] = buf_str(&j->contest);
    arg[ARG_ADMIN] = is_admin ? STR("1") : STR("0");
    arg[ARG_EXPIRES] = str_of(j->expires);
    arg[ARG_CHANNEL] = (struct str){names.p, each - strlen(":seq")};
    send_job(j);
}

void control_deauthenticate(struct control *c, struct http_exchange *x, struct str user)
{
    if (user.n == 0 || user.n > LIMIT_USER_BYTES || !utf8_valid(user) || utf8_has_controls(user)) {
        http_exchange_fail(x, 400, "not a user name");
        return;
    }
    struct control_job *j = job_create(c, x, &c->metrics->deauthentications, "");
    if (j) {
        buf_add(&j->message, STR("{\"type\":\"deauthenticate\",\"user\":"));
        buf_add_json(&j->message, user);
        buf_addc(&j->message, '}');
        log_info("deauthenticate", LF_S("user", user), LF_STR("publisher", x->peer));
        run(j, false);
    }
}

/* NULL: replied. */
static struct control_job *scoreboard_job(struct control *c, struct http_exchange *x,
                                          struct str token)
{
    if (!name_is_scoreboard_token(token)) {
        http_exchange_fail(x, 400, "not a scoreboard token");
        return NULL;
    }
    struct control_job *j =
        job_create(c, x, &c->metrics->scoreboard_tokens, "{\"status\":\"ok\"}\n");
    if (j) {
        buf_addf(&j->board, "%s:scoreboard:%.*s", c->prefix, STR_ARG(token));
        buf_addf(&j->message, "{\"type\":\"scoreboard\",\"token\":\"%.*s\"}", STR_ARG(token));
    }
    return j;
}

void control_scoreboard_put(struct control *c, struct http_exchange *x, struct str token)
{
    struct control_job *j = scoreboard_job(c, x, token);
    if (!j) {
        return;
    }
    struct scoreboard_body body;
    char error[SCOREBOARD_ERROR_MAX];
    if (!scoreboard_body_parse(x->body, clock_wall_ms() / 1000, &body, error)) {
        bool no_memory = error[0] == '\0';
        fail(j, no_memory ? 503 : 400, no_memory ? "out of memory" : error);
        return;
    }
    buf_add(&j->contest, str_of(body.contest));
    (void)snprintf(j->expires, sizeof(j->expires), "%" PRId64, body.expires); /* always fits */
    log_info("scoreboard token set", LF_STR("contest", body.contest),
             LF_BOOL("admin", body.is_admin), LF_STR("publisher", x->peer));
    run(j, body.is_admin);
}

void control_scoreboard_delete(struct control *c, struct http_exchange *x, struct str token)
{
    struct control_job *j = scoreboard_job(c, x, token);
    if (j) {
        log_info("scoreboard token deleted", LF_STR("publisher", x->peer));
        run(j, false);
    }
}

struct control *control_create(const char *prefix, struct pub_metrics *m)
{
    struct control *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->prefix = strdup(prefix);
    c->metrics = m;
    redis_script_init(&c->script, "control.lua", control_lua, control_lua_len);
    return c->prefix ? c : control_free(c);
}

struct control *control_free(struct control *c)
{
    if (c) {
        free(c->prefix);
        free(c);
    }
    return NULL;
}

struct redis_script *control_script(struct control *c)
{
    return &c->script;
}

void control_set_link(struct control *c, struct redis_link *link)
{
    c->link = link;
}
