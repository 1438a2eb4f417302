/* SPDX-License-Identifier: MIT */
/* legacy_resume: reading is one GET with a time limit; keeping is a GET, because another session's
 * record must not be lost, and then a SET, or new life for the record that is there. */
#include "gateway/session/legacy_resume.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/loop.h"
#include "gateway/bus/bus.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/legacy_sub.h"
#include "gateway/session/session_internal.h"

#define READ_MS 1000 /* a session waits so long for its record, and then does without */

/* What a session has of it. */
struct legacy_resume {
    struct session *session; /* borrowed */
    struct timer limit;
    void (*on_known)(struct session *s);
    struct redis_call *reading; /* the session waits for it; else NULL */
    struct buf record;          /* owned; empty: none */
    char key[RESUME_KEY_LEN + 1];
};

/* A record on its way to Redis. */
struct keeping {
    struct gw *gw;           /* borrowed */
    struct buf record, used; /* owned; used: the one that the session went on from */
    int64_t now_ms, life_ms;
    char key[RESUME_KEY_LEN + 1];
};

/* ---- the record ---- */

bool resume_key(struct str credential, struct str filters, char out[static RESUME_KEY_LEN + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    /* The zero byte stands in neither of them. */
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(ctx, credential.p, credential.n) && EVP_DigestUpdate(ctx, "", 1) &&
              EVP_DigestUpdate(ctx, filters.p, filters.n) && EVP_DigestFinal_ex(ctx, hash, NULL);
    EVP_MD_CTX_free(ctx);
    memcpy(out, "resume:", sizeof("resume:"));
    for (size_t i = 0; ok && i < 32; i++) {
        (void)snprintf(out + strlen("resume:") + 2 * i, 3, "%02x", hash[i]); /* always fits */
    }
    return ok;
}

int64_t resume_record_made_ms(struct str record)
{
    int64_t ms = 0;
    for (size_t i = 0; i < record.n && record.p[i] != '\n'; i++) {
        if (record.p[i] < '0' || record.p[i] > '9' || i > 15) {
            return 0;
        }
        ms = ms * 10 + (record.p[i] - '0');
    }
    return ms;
}

/* Cuts the first line off. */
static struct str next_line(struct str *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    struct str line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    *rest = str_after(*rest, end ? line.n + 1 : line.n);
    return line;
}

bool resume_record_find(struct str record, struct str topic, struct position *out)
{
    struct str rest = record;
    (void)next_line(&rest); /* when it was made */
    while (rest.n > 0) {
        struct str line = next_line(&rest);
        if (str_starts(line, topic) && line.n > topic.n && line.p[topic.n] == ' ') {
            return position_parse(str_after(line, topic.n + 1), out);
        }
    }
    return false;
}

/* ---- where a client surely stands ---- */

void legacy_resume_on_ping(struct session *s)
{
    LIST_FOR_EACH (it, next, &s->subs) {
        struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        struct position now;
        if (subscription_position(&ss->sub, &now)) {
            ss->legacy->mark.answered = ss->legacy->mark.pinged;
            ss->legacy->mark.pinged = now;
        }
    }
}

/* Nothing is under way to the client that it might never read. */
static bool is_certain(const struct session *s)
{
    return s->writer.out.bytes == 0 && !s->writer.is_blocked && !s->pong_missing;
}

static bool position_of(const struct session_sub *ss, struct position *out)
{
    if (!subscription_position(&ss->sub, out)) {
        *out = ss->sub.start.at; /* it has not begun: from where it was to begin */
        return ss->sub.start.kind == START_AFTER || ss->sub.start.kind == START_HELD;
    }
    struct position sure = ss->legacy->mark.answered;
    subscription_rebase(&ss->sub, &sure);
    if (!is_certain(ss->sub.session) && position_same_epoch(&sure, out) &&
        sure.offset < out->offset) {
        out->offset = sure.offset;
    }
    return true;
}

/* ---- keeping ---- */

static void keeping_free(struct keeping *k)
{
    k->gw->resumes_pending--;
    buf_release(&k->record);
    buf_release(&k->used);
    free(k);
}

static void on_kept(const struct redis_reply *r, void *arg)
{
    struct keeping *k = arg;
    k->gw->metrics->legacy_kept += r && r->type != REPLY_ERROR;
    keeping_free(k);
}

/* May the record that is there be replaced? Not while another session may need it. */
static bool is_replaceable(const struct keeping *k, struct str there)
{
    return there.n == 0 || str_eq(there, buf_str(&k->used)) ||
           k->now_ms - resume_record_made_ms(there) > k->life_ms;
}

static void on_present(const struct redis_reply *r, void *arg)
{
    struct keeping *k = arg;
    char life[24];
    int n = snprintf(life, sizeof(life), "%" PRId64, k->life_ms);
    struct str key = str_of(k->key), life_ms = {life, (size_t)n};
    struct str there = redis_reply_text(r);
    const struct str set[] = {STR("SET"), key, buf_str(&k->record), STR("PX"), life_ms};
    const struct str prolong[] = {STR("PEXPIRE"), key, life_ms};
    bool replace = is_replaceable(k, there);
    const struct redis_asker who = {.fn = on_kept, .arg = k};
    if (!r || !bus_command(k->gw->bus, &who, replace ? ARRAY_LEN(set) : ARRAY_LEN(prolong),
                           replace ? set : prolong)) {
        keeping_free(k);
    }
}

/* False: there is nothing to go on from, or no memory. */
static bool write_record(const struct legacy_resume *r, struct keeping *k)
{
    const struct session *s = r->session;
    bool any = false;
    buf_add_i64(&k->record, k->now_ms);
    buf_addc(&k->record, '\n');
    LIST_FOR_EACH (it, next, &s->subs) {
        const struct session_sub *ss = LIST_ENTRY(it, struct session_sub, sub.session_node);
        struct position p;
        char text[POSITION_TEXT_MAX + 1];
        if (ss->legacy->filter.kind == TOPIC_ALL || !ss->sub.view || !position_of(ss, &p)) {
            continue; /* `all` has no log to go on from */
        }
        any = true;
        buf_add(&k->record, subscription_topic(&ss->sub));
        buf_addc(&k->record, ' ');
        buf_add(&k->record, (struct str){text, position_write(&p, text)});
        buf_addc(&k->record, '\n');
    }
    buf_add(&k->used, buf_str(&r->record));
    return any && !k->record.failed && !k->used.failed;
}

void legacy_resume_keep(const struct legacy_resume *r)
{
    struct gw *gw = r->session->gw;
    struct keeping *k = calloc(1, sizeof(*k));
    if (!k) {
        return;
    }
    k->gw = gw;
    k->gw->resumes_pending++;
    k->now_ms = clock_wall_ms();
    k->life_ms = MAX(gw->settings->broadcaster.legacy_resume_ms, 1);
    memcpy(k->key, r->key, sizeof(k->key));
    const struct str get[] = {STR("GET"), str_of(k->key)};
    const struct redis_asker who = {.fn = on_present, .arg = k};
    if (!write_record(r, k) || !bus_command(gw->bus, &who, ARRAY_LEN(get), get)) {
        keeping_free(k);
    }
}

/* ---- reading ---- */

static void on_record(const struct redis_reply *reply, void *arg)
{
    struct legacy_resume *r = arg;
    timer_stop(&r->limit);
    buf_add(&r->record, redis_reply_text(reply));
    r->on_known(r->session);
}

static void on_limit(void *arg)
{
    struct legacy_resume *r = arg;
    redis_call_cancel(&r->reading);
    r->on_known(r->session);
}

static void ask(struct legacy_resume *r)
{
    const struct str get[] = {STR("GET"), str_of(r->key)};
    const struct redis_asker who = {on_record, r, &r->reading};
    if (bus_command(r->session->gw->bus, &who, ARRAY_LEN(get), get)) {
        timer_start_ms(&r->limit, READ_MS);
    }
}

struct legacy_resume *legacy_resume_create(struct session *s, struct str filters,
                                           void (*on_known)(struct session *s))
{
    bool is_wanted = s->gw->settings->broadcaster.legacy_resume_ms > 0;
    struct legacy_resume *r = is_wanted ? calloc(1, sizeof(*r)) : NULL;
    if (r) {
        r->session = s;
        r->on_known = on_known;
        if (!resume_key(str_of(s->identity.token), filters, r->key) ||
            !timer_init(&r->limit, s->gw->loop, on_limit, r)) {
            return legacy_resume_free(r);
        }
        ask(r);
    }
    return r;
}

bool legacy_resume_is_reading(const struct legacy_resume *r)
{
    return r->reading;
}

bool legacy_resume_find(const struct legacy_resume *r, struct str topic, struct position *out)
{
    return resume_record_find(buf_str(&r->record), topic, out);
}

struct legacy_resume *legacy_resume_free(struct legacy_resume *r)
{
    if (r) {
        redis_call_cancel(&r->reading);
        timer_release(&r->limit);
        buf_release(&r->record);
        free(r);
    }
    return NULL;
}
