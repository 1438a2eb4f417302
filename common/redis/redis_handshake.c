/* SPDX-License-Identifier: MIT */
/* redis_handshake: HELLO goes first and alone, since all the rest would fail for its reasons; then
 * everything else at once, and READY with the last answer.
 */
#include "common/redis/redis_handshake.h"

#include <stdio.h>
#include <string.h>

#include "common/redis/redis_link_command.h"
#include "common/redis/redis_link_internal.h"

/* The value of "name:value\r\n" in an answer of INFO; STR_NONE when absent. */
static struct str info_value(struct str info, struct str name)
{
    for (struct str rest = info; rest.n > 0;) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct str line = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
        rest = str_after(rest, end ? line.n + 1 : line.n);
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        if (str_starts(line, name) && line.n > name.n && line.p[name.n] == ':') {
            return str_after(line, name.n + 1);
        }
    }
    return STR_NONE;
}

static void copy_value(struct str info, struct str name, char *out, size_t out_size)
{
    struct str value = info_value(info, name);
    bool fits = value.n > 0 && value.n < out_size;
    memcpy(out, fits ? value.p : "", fits ? value.n : 0);
    out[fits ? value.n : 0] = '\0';
}

static void count_answer(struct redis_link *r)
{
    if (--r->handshake_left == 0) {
        redis_link_set_ready(r);
    }
}

/* False when the handshake is over: the connection went, or the reply is an error. */
static bool is_good(struct redis_link *r, const struct redis_reply *reply)
{
    if (reply && reply->type == REPLY_ERROR) {
        char why[REDIS_WHY_MAX];
        (void)snprintf(why, sizeof(why), "%.*s", STR_ARG(reply->text));
        redis_link_drop(r, why);
    }
    return reply && reply->type != REPLY_ERROR;
}

static bool is_good_info(struct redis_link *r, const struct redis_reply *reply)
{
    if (!is_good(r, reply)) {
        return false;
    }
    if (reply->type != REPLY_TEXT) {
        redis_link_drop(r, "INFO was not answered with a text");
        return false;
    }
    return true;
}

static void on_done(const struct redis_reply *reply, void *arg)
{
    if (is_good(arg, reply)) {
        count_answer(arg);
    }
}

static void on_info_server(const struct redis_reply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (is_good_info(r, reply)) {
        copy_value(reply->text, STR("run_id"), r->run_id, sizeof(r->run_id));
        count_answer(r);
    }
}

static void on_info_replication(const struct redis_reply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (!is_good_info(r, reply)) {
        return;
    }
    char replid[REDIS_ID_MAX];
    copy_value(reply->text, STR("master_replid"), replid, sizeof(replid));
    if (r->run_id[0] == '\0' || replid[0] == '\0') {
        redis_link_drop(r, "INFO names no run_id or no master_replid");
        return;
    }
    (void)snprintf(r->history, sizeof(r->history), "%s:%s", r->run_id, replid);
    count_answer(r);
}

bool redis_link_is_same_history(const struct redis_link *r, const struct redis_reply *info)
{
    const char *known = strchr(r->history, ':');
    struct str replid = info_value(redis_reply_text(info), STR("master_replid"));
    return !known || replid.n == 0 || str_eq(str_of(known + 1), replid);
}

/* Only for a warning: a Redis that refuses this part is good enough. */
static void on_info_memory(const struct redis_reply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (!reply) {
        return;
    }
    copy_value(redis_reply_text(reply), STR("maxmemory_policy"), r->eviction, sizeof(r->eviction));
    if (r->state == REDIS_LINK_READY) {
        redis_link_tell_eviction(r);
    } else {
        count_answer(r);
    }
}

void redis_handshake_ask_for_eviction(struct redis_link *r)
{
    const struct redis_asker who = {.fn = on_info_memory, .arg = r};
    if (!redis_link_send(r, &who, 2, (const struct str[]){STR("INFO"), STR("memory")})) {
        redis_link_drop(r, "out of memory");
    }
}

static bool ask(struct redis_link *r, redis_reply_fn fn, struct str command, struct str argument)
{
    const struct redis_asker who = {.fn = fn, .arg = r};
    r->handshake_left++;
    return redis_link_send(r, &who, 2, (const struct str[]){command, argument});
}

static bool ask_the_rest(struct redis_link *r)
{
    bool ok = true;
    if (r->o.url->db != 0) {
        char db[16];
        int len = snprintf(db, sizeof(db), "%d", r->o.url->db);
        ok = ask(r, on_done, STR("SELECT"), (struct str){db, (size_t)len});
    }
    ok = ok && ask(r, on_info_server, STR("INFO"), STR("server")) &&
         ask(r, on_info_replication, STR("INFO"), STR("replication")) &&
         ask(r, on_info_memory, STR("INFO"), STR("memory"));
    const struct redis_asker who = {.fn = on_done, .arg = r};
    for (size_t i = 0; ok && i < r->o.n_scripts; i++) {
        r->handshake_left++;
        ok = redis_link_load_script(r, r->o.scripts[i], &who);
    }
    return ok;
}

/* What is wrong with the server that answered so, or NULL. */
static const char *objection(const struct redis_reply *hello)
{
    if (hello->type != REPLY_MAP) {
        return "HELLO was not answered with a map";
    }
    struct str mode = redis_reply_field(hello, STR("mode"));
    if (str_eq(mode, STR("cluster"))) {
        return "it is a node of a Redis Cluster, which is not supported: use single servers";
    }
    if (str_eq(mode, STR("sentinel"))) {
        return "it is a Sentinel: its address must begin with redis+sentinel://";
    }
    if (!str_eq(redis_reply_field(hello, STR("role")), STR("master"))) {
        return "it is a replica, not the master";
    }
    return NULL;
}

static void on_hello(const struct redis_reply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (reply && str_starts(reply->text, STR("ERR unknown command"))) {
        redis_link_drop(r, "it does not know HELLO: Redis 6.2 or newer is needed");
        return;
    }
    if (!is_good(r, reply)) {
        return;
    }
    const char *why = objection(reply);
    if (!why && !ask_the_rest(r)) {
        why = "out of memory";
    }
    if (why) {
        redis_link_drop(r, why);
    }
}

void redis_handshake_start(struct redis_link *r)
{
    const struct redis_url *url = r->o.url;
    char name[64];
    (void)snprintf(name, sizeof(name), "broadcaster-%s", r->o.name);
    struct str argv[7];
    int argc = 0;
    argv[argc++] = STR("HELLO");
    argv[argc++] = STR("3");
    if (url->password) {
        argv[argc++] = STR("AUTH");
        argv[argc++] = str_of(url->user ? url->user : "default");
        argv[argc++] = str_of(url->password);
    }
    argv[argc++] = STR("SETNAME"); /* for CLIENT LIST */
    argv[argc++] = str_of(name);
    r->handshake_left = 0;
    r->run_id[0] = '\0';
    const struct redis_asker who = {.fn = on_hello, .arg = r};
    if (!redis_link_send(r, &who, argc, argv)) {
        redis_link_drop(r, "out of memory");
    }
}
