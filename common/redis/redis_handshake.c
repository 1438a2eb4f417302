/* SPDX-License-Identifier: MIT */
/* redis_handshake: HELLO goes first and alone, since all the rest would fail for its reasons; then
 * everything else at once, and READY with the last answer.
 */
#include "common/redis/redis_handshake.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "common/redis/redis_link_command.h"
#include "common/redis/redis_link_internal.h"

/* The value of a key in HELLO's map, or "". */
static const char *map_value(const redisReply *map, const char *key)
{
    for (size_t i = 0; i + 1 < map->elements; i += 2) {
        const redisReply *k = map->element[i];
        const redisReply *v = map->element[i + 1];
        if (k->str && v->str && strcmp(k->str, key) == 0) {
            return v->str;
        }
    }
    return "";
}

/* Copies the value of "name:value\r\n" in an answer of INFO; "" when absent or too long. */
static void info_value(const redisReply *info, const char *name, char *out, size_t out_size)
{
    out[0] = '\0';
    size_t name_len = strlen(name);
    for (const char *line = info->str; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *value = line + name_len + 1;
            size_t len = strcspn(value, "\r\n");
            if (len < out_size) {
                memcpy(out, value, len);
                out[len] = '\0';
            }
            return;
        }
    }
}

static void count_answer(struct redis_link *r)
{
    if (--r->handshake_left == 0) {
        redis_link_set_ready(r);
    }
}

/* False when the handshake is over: the connection went, or the reply is an error. */
static bool is_good(struct redis_link *r, const redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        redis_link_drop(r, reply->str);
    }
    return reply && reply->type != REDIS_REPLY_ERROR;
}

static bool is_good_info(struct redis_link *r, const redisReply *reply)
{
    if (!is_good(r, reply)) {
        return false;
    }
    if (!reply->str) {
        redis_link_drop(r, "INFO was not answered with a text");
        return false;
    }
    return true;
}

static void on_done(const redisReply *reply, void *arg)
{
    if (is_good(arg, reply)) {
        count_answer(arg);
    }
}

static void on_info_server(const redisReply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (is_good_info(r, reply)) {
        info_value(reply, "run_id", r->run_id, sizeof(r->run_id));
        count_answer(r);
    }
}

static void on_info_replication(const redisReply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (!is_good_info(r, reply)) {
        return;
    }
    char replid[REDIS_ID_MAX];
    info_value(reply, "master_replid", replid, sizeof(replid));
    if (r->run_id[0] == '\0' || replid[0] == '\0') {
        redis_link_drop(r, "INFO names no run_id or no master_replid");
        return;
    }
    (void)snprintf(r->history, sizeof(r->history), "%s:%s", r->run_id, replid);
    count_answer(r);
}

bool redis_link_is_same_history(const struct redis_link *r, const redisReply *info)
{
    char replid[REDIS_ID_MAX];
    const char *known = strchr(r->history, ':');
    if (!known || info->type == REDIS_REPLY_ERROR || !info->str) {
        return true;
    }
    info_value(info, "master_replid", replid, sizeof(replid));
    return replid[0] == '\0' || strcmp(known + 1, replid) == 0;
}

/* Only for a warning: a Redis that refuses this part is good enough. */
static void on_info_memory(const redisReply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (!reply) {
        return;
    }
    r->eviction[0] = '\0';
    if (reply->type != REDIS_REPLY_ERROR && reply->str) {
        info_value(reply, "maxmemory_policy", r->eviction, sizeof(r->eviction));
    }
    count_answer(r);
}

static bool ask(struct redis_link *r, redis_reply_fn fn, struct str command, struct str argument)
{
    r->handshake_left++;
    return redis_link_send(r, fn, r, 2, (const struct str[]){command, argument});
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
    for (size_t i = 0; ok && i < r->o.n_scripts; i++) {
        r->handshake_left++;
        ok = redis_link_load_script(r, r->o.scripts[i], on_done, r);
    }
    return ok;
}

/* What is wrong with the server that answered so, or NULL. */
static const char *objection(const redisReply *hello)
{
    if (hello->type == REDIS_REPLY_ERROR) {
        return strncmp(hello->str, "ERR unknown command", 19) == 0
                   ? "it does not know HELLO: Redis 6.2 or newer is needed"
                   : hello->str;
    }
    if (hello->type != REDIS_REPLY_MAP) {
        return "HELLO was not answered with a map";
    }
    if (strcmp(map_value(hello, "mode"), "cluster") == 0) {
        return "it is a node of a Redis Cluster, which is not supported: use single servers";
    }
    if (strcmp(map_value(hello, "mode"), "sentinel") == 0) {
        return "it is a Sentinel: its address must begin with redis+sentinel://";
    }
    if (strcmp(map_value(hello, "role"), "master") != 0) {
        return "it is a replica, not the master";
    }
    return NULL;
}

static void on_hello(const redisReply *reply, void *arg)
{
    struct redis_link *r = arg;
    if (!reply) {
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
    if (!redis_link_send(r, on_hello, r, argc, argv)) {
        redis_link_drop(r, "out of memory");
    }
}
