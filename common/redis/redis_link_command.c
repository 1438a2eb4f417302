/* SPDX-License-Identifier: MIT */
/* redis_link_command: commands out, replies in. Each command in flight is one redis_pending in a
 * list, so that its first tells how long Redis has been silent; hiredis answers in order.
 *
 * hiredis keeps a table of subscribed names, and counts in each entry the confirmations to come. A
 * SUBSCRIBE of several names spoils that count for those behind a name that is there already, and
 * then their entries stay for ever. A name can be there already only while an UNSUBSCRIBE awaits
 * its confirmation; meanwhile each name gets its own command.
 */
#include "common/redis/redis_link_command.h"

#include <hiredis/async.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/redis/redis_link_internal.h"
#include "common/redis/redis_reply_hiredis.h"

enum { NAMES_PER_COMMAND = 256, SCRATCH_KEPT_BYTES = 1024 * 1024 };

struct redis_pending {
    struct redis_call call;
    struct list node;                  /* in the link's unanswered */
    struct redis_link *link;           /* borrowed */
    const struct redis_script *script; /* of an EVALSHA, else NULL; borrowed */
    uint64_t sent_ms;
};

void redis_script_init(struct redis_script *s, const char *name, const char *text, size_t len)
{
    *s = (struct redis_script){.name = name, .text = text, .len = len};
    unsigned char digest[SHA_DIGEST_LENGTH];
    (void)SHA1((const unsigned char *)text, len, digest); /* cannot fail with a buffer given */
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(s->sha + 2 * i, 3, "%02x", digest[i]);
    }
}

bool redis_link_oldest_unanswered(const struct redis_link *r, uint64_t *out_ms)
{
    const struct list *first = list_first(&r->unanswered);
    if (!first) {
        return false;
    }
    *out_ms = LIST_ENTRY(first, const struct redis_pending, node)->sent_ms;
    return true;
}

/* --- encoding: *ARGC then $LEN and the bytes of each argument --- */

static void encode_start(struct redis_link *r, size_t argc)
{
    if (r->scratch.cap > SCRATCH_KEPT_BYTES) {
        buf_release(&r->scratch);
    }
    buf_clear(&r->scratch);
    buf_addc(&r->scratch, '*');
    buf_add_u64(&r->scratch, argc);
    buf_add(&r->scratch, STR("\r\n"));
}

static void encode(struct redis_link *r, struct str s)
{
    buf_addc(&r->scratch, '$');
    buf_add_u64(&r->scratch, s.n);
    buf_add(&r->scratch, STR("\r\n"));
    buf_add(&r->scratch, s);
    buf_add(&r->scratch, STR("\r\n"));
}

/* Hands over what was encoded. */
static bool append(struct redis_link *r, redisCallbackFn *fn, void *arg)
{
    redisAsyncContext *ac = r->conn ? redis_conn_hiredis(r->conn) : NULL;
    buf_addc(&r->scratch, '\0'); /* hiredis's search for the next argument runs to it */
    return ac && !r->scratch.failed &&
           redisAsyncFormattedCommand(ac, fn, arg, r->scratch.p, r->scratch.n - 1) == REDIS_OK;
}

/* --- replies --- */

static void on_reloaded(const struct redis_reply *reply, void *arg)
{
    const struct redis_link *r = arg;
    if (reply && reply->type == REPLY_ERROR) {
        log_warn("redis did not load a script", LF_STR("link", r->o.name),
                 LF_S("reason", reply->text));
    }
}

/* Before the asker sees its error: what it sends again comes behind the script. */
static void mend(struct redis_link *r, const struct redis_pending *p,
                 const struct redis_reply *reply)
{
    enum redis_error error = redis_error_of(reply);
    if (error == REDIS_ERROR_NOSCRIPT && p->script) {
        const struct redis_asker who = {.fn = on_reloaded, .arg = r};
        if (!redis_link_load_script(r, p->script, &who)) {
            redis_link_restart(r, "a script cannot be loaded again");
        }
    } else if (error == REDIS_ERROR_READONLY) {
        redis_link_restart(r, "it has become a replica");
    }
}

static void on_reply(redisAsyncContext *ac UNUSED, void *data, void *arg)
{
    struct redis_pending *p = arg;
    struct redis_link *r = p->link;
    struct redis_reply reply;
    list_del(&p->node);
    if (data) {
        reply = redis_reply_of(data);
        if (r->state == REDIS_LINK_READY) {
            mend(r, p, &reply);
        }
    } else {
        redis_link_note_loss(r);
    }
    redis_call_end(&p->call, data ? &reply : NULL);
    free(p);
}

static bool send_encoded(struct redis_link *r, const struct redis_asker *who,
                         const struct redis_script *script)
{
    static const struct redis_asker nobody = {0};
    struct redis_pending *p = malloc(sizeof(*p));
    if (!p) {
        return false;
    }
    *p = (struct redis_pending){.link = r, .script = script, .sent_ms = loop_now_ms(r->loop)};
    if (!append(r, on_reply, p)) {
        free(p);
        return false;
    }
    redis_call_begin(&p->call, who ? who : &nobody);
    list_push_back(&r->unanswered, &p->node);
    return true;
}

bool redis_link_send(struct redis_link *r, const struct redis_asker *who, int argc,
                     const struct str *argv)
{
    encode_start(r, (size_t)argc);
    for (int i = 0; i < argc; i++) {
        encode(r, argv[i]);
    }
    return send_encoded(r, who, NULL);
}

bool redis_link_load_script(struct redis_link *r, const struct redis_script *s,
                            const struct redis_asker *who)
{
    const struct str argv[] = {STR("SCRIPT"), STR("LOAD"), {s->text, s->len}};
    return redis_link_send(r, who, ARRAY_LEN(argv), argv);
}

static bool takes_commands(const struct redis_link *r)
{
    return r->state == REDIS_LINK_READY && redis_link_unsent_bytes(r) <= r->o.max_unsent_bytes;
}

bool redis_link_command(struct redis_link *r, const struct redis_asker *who, int argc,
                        const struct str *argv)
{
    return takes_commands(r) && redis_link_send(r, who, argc, argv);
}

bool redis_link_eval(struct redis_link *r, const struct redis_script *s,
                     const struct redis_asker *who, int n_keys, int argc, const struct str *argv)
{
    if (!takes_commands(r)) {
        return false;
    }
    char keys[16];
    int keys_len = snprintf(keys, sizeof(keys), "%d", n_keys);
    encode_start(r, (size_t)argc + 3);
    encode(r, STR("EVALSHA"));
    encode(r, (struct str){s->sha, sizeof(s->sha) - 1});
    encode(r, (struct str){keys, (size_t)keys_len});
    for (int i = 0; i < argc; i++) {
        encode(r, argv[i]);
    }
    return send_encoded(r, who, s);
}

/* --- subscriptions --- */

static void on_push(redisAsyncContext *ac UNUSED, void *data, void *arg)
{
    struct redis_link *r = arg;
    if (!data) {
        return; /* the link is lost, as on_lost() will say */
    }
    const struct redis_reply push = redis_reply_of(data);
    const struct redis_link_handler *h = r->o.handler;
    struct str kind = redis_reply_text_at(&push, 0);
    struct str channel = redis_reply_text_at(&push, 1);
    if (push.n < 3) {
        return;
    }
    if (str_eq(kind, STR("message"))) {
        if (h->on_message) {
            h->on_message(channel, redis_reply_text_at(&push, 2), r->o.arg);
        }
    } else if (str_eq(kind, STR("subscribe"))) {
        if (h->on_subscribed) {
            h->on_subscribed(channel, r->o.arg);
        }
    } else if (str_eq(kind, STR("unsubscribe")) && r->unsubscribes_out > 0) {
        r->unsubscribes_out--;
    }
}

static bool send_names(struct redis_link *r, struct str command, const struct str *names, size_t n)
{
    encode_start(r, n + 1);
    encode(r, command);
    for (size_t i = 0; i < n; i++) {
        encode(r, names[i]);
    }
    return append(r, on_push, r);
}

bool redis_link_subscribe(struct redis_link *r, const struct str *names, size_t n)
{
    size_t step = r->unsubscribes_out == 0 ? NAMES_PER_COMMAND : 1;
    bool ok = takes_commands(r);
    for (size_t i = 0; ok && i < n; i++) {
        ok = redis_conn_await_subscribed(r->conn, names[i]);
    }
    for (size_t i = 0; ok && i < n; i += step) {
        ok = send_names(r, STR("SUBSCRIBE"), names + i, MIN(step, n - i));
    }
    return ok;
}

/* hiredis refuses an UNSUBSCRIBE without any subscription; there is nothing to do then. */
static bool has_subscriptions(struct redis_link *r)
{
    const redisAsyncContext *ac = redis_conn_hiredis(r->conn);
    return ac && (ac->c.flags & REDIS_SUBSCRIBED) != 0;
}

bool redis_link_unsubscribe(struct redis_link *r, const struct str *names, size_t n)
{
    if (!takes_commands(r)) {
        return false;
    }
    if (!has_subscriptions(r)) {
        return true;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < n; i += NAMES_PER_COMMAND) {
        size_t count = MIN(NAMES_PER_COMMAND, n - i);
        ok = send_names(r, STR("UNSUBSCRIBE"), names + i, count);
        r->unsubscribes_out += ok ? count : 0;
    }
    return ok;
}
