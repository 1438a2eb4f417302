/* SPDX-License-Identifier: MIT */
/* auth: who is asked what. What need not be asked is answered at once (a token outside the grammar,
 * the cache), what is being asked is joined, all else takes its turn (auth_turns.c).
 */
#include "gateway/access/auth.h"

#include <errno.h>
#include <stdlib.h>

#include "common/config/settings.h"
#include "common/loop.h"
#include "common/strmap.h"
#include "gateway/access/auth_answer.h"
#include "gateway/access/auth_cache.h"
#include "gateway/access/auth_file.h"
#include "gateway/access/auth_frontend.h"
#include "gateway/access/auth_inquiry.h"
#include "gateway/access/auth_internal.h"
#include "gateway/access/auth_turns.h"
#include "proto/limits.h"
#include "proto/topic.h"

const struct auth_limits auth_limits_default = {
    .call_ms = LIMIT_AUTH_CALL_MS,
    .wait_ms = LIMIT_AUTH_WAIT_MS,
    .waiting = LIMIT_AUTH_WAITING,
    .waiting_bytes = LIMIT_AUTH_WAITING_BYTES,
    .cache_entries = LIMIT_AUTH_CACHE_ENTRIES,
};

static struct auth_source *create_source(struct auth *a, const struct settings *s,
                                         const char **out_why)
{
    if (s->auth.file && s->auth.file[0]) {
        return auth_file_create(s->auth.file, out_why);
    }
    return auth_frontend_create(a->loop, s, a->limits.call_ms, out_why);
}

static void use_limits(struct auth *a, const struct settings *s)
{
    a->max_asked = (size_t)MAX(s->broadcaster.auth_concurrency, 1);
    a->join_ms = (uint64_t)MAX(s->broadcaster.auth_cache_ms, 0);
    auth_cache_set_lifetime(a->cache, a->join_ms);
}

static struct auth *alloc_auth(struct loop *l, struct auth_metrics *metrics,
                               const struct auth_limits *limits)
{
    AUTO(auth) *a = calloc(1, sizeof(*a));
    if (!a) {
        return NULL;
    }
    a->loop = l;
    a->metrics = metrics;
    a->limits = *limits;
    a->cache = auth_cache_create(limits->cache_entries);
    if (!turns_init(a) || !a->cache) {
        return NULL;
    }
    return TAKE(a);
}

int auth_create(struct loop *l, const struct settings *s, struct auth_metrics *metrics,
                struct auth **out_auth, const char **out_why)
{
    return auth_create_limited(l, s, metrics, &auth_limits_default, out_auth, out_why);
}

int auth_create_limited(struct loop *l, const struct settings *s, struct auth_metrics *metrics,
                        const struct auth_limits *limits, struct auth **out_auth,
                        const char **out_why)
{
    AUTO(auth) *a = alloc_auth(l, metrics, limits);
    if (!a) {
        *out_why = "out of memory";
        return -ENOMEM;
    }
    struct auth_source *source = create_source(a, s, out_why);
    if (!source) {
        return -EINVAL;
    }
    a->source = source;
    use_limits(a, s);
    *out_auth = TAKE(a);
    return 0;
}

struct auth *auth_free(struct auth *a)
{
    if (!a) {
        return NULL;
    }
    turns_release(a);
    auth_source_free(a->source);
    a->cache = auth_cache_free(a->cache);
    free(a);
    return NULL;
}

void auth_source_free(struct auth_source *source)
{
    if (source) {
        source->ops->free(source);
    }
}

/* What was answered before stays answered; what is under way is asked of the new source. */
void auth_use(struct auth *a, const struct settings *s, struct auth_source *source)
{
    use_limits(a, s);
    if (source) {
        turns_take_back(a);
        auth_source_free(a->source);
        a->source = source;
        auth_cache_clear(a->cache);
        turns_give(a);
    }
}

/* A token outside the grammar, or nobody's session: the source need not be asked. */
static bool is_plainly_unauthorized(const struct auth_question *q)
{
    struct str token = q->credential.token;
    return token.n == 0 ? q->kind == AUTH_WHO : !name_is_token(token);
}

/* The inquiry under way that this question may join, or NULL. One that was asked too long ago would
 * bring an answer that is too old for a new asker. */
static struct inquiry *find_joinable(struct auth *a, const struct auth_key *key)
{
    struct inquiry *q = strmap_get(&a->by_key, auth_key_str(key));
    if (q && q->state == INQUIRY_ASKED && loop_now_ms(a->loop) > q->asked_ms + a->join_ms) {
        return NULL;
    }
    return q;
}

/* Where a question stands in line: see auth_lines.h. */
static struct auth_place place_of(const struct auth *a, const struct auth_question *q)
{
    struct str token = q->credential.token;
    uint64_t key = token.n > 0 ? auth_known_key(token) : strmap_hash(q->filters);
    if (token.n > 0 && (q->is_granted || auth_known_has(&a->known, key, loop_now_ms(a->loop)))) {
        return (struct auth_place){AUTH_CLASS_KNOWN, key};
    }
    return (struct auth_place){token.n > 0 ? AUTH_CLASS_NEW : AUTH_CLASS_NONE,
                               q->client ? q->client : key};
}

static struct auth_call *join(struct auth *a, struct inquiry *i, const struct auth_question *q,
                              auth_fn fn, void *arg)
{
    struct auth_call *call = inquiry_add_call(i, fn, arg);
    if (call) {
        a->metrics->joined++;
        if (i->state == INQUIRY_WAITING) {
            turns_join(a, i, place_of(a, q));
        }
    }
    return call;
}

/* A new inquiry with one asker, in no list yet. NULL: out of memory. */
static struct auth_call *begin(struct auth *a, const struct auth_question *q,
                               const struct auth_key *key, auth_fn fn, void *arg)
{
    struct inquiry *inquiry = inquiry_create(a, q, key);
    if (!inquiry) {
        return NULL;
    }
    struct auth_call *call = inquiry_add_call(inquiry, fn, arg);
    if (!call) {
        inquiry_free(inquiry);
    }
    return call;
}

/* The source need not be asked: takes over the reference to the answer. */
static struct auth_call *answer_at_once(struct auth *a, const struct auth_question *q,
                                        const struct auth_key *key, struct held_answer *answer,
                                        auth_fn fn, void *arg)
{
    struct auth_call *call = answer ? begin(a, q, key, fn, arg) : NULL;
    if (!call) {
        (void)held_answer_unref(answer);
        return NULL;
    }
    turns_finish(a, call->inquiry, answer);
    return call;
}

static struct auth_call *ask_anew(struct auth *a, const struct auth_question *q,
                                  const struct auth_key *key, auth_fn fn, void *arg)
{
    struct auth_call *call = begin(a, q, key, fn, arg);
    if (call) {
        call->inquiry->place = place_of(a, q);
        turns_enter(a, call->inquiry);
        turns_queue(a, call->inquiry);
        turns_give(a);
    }
    return call;
}

struct auth_call *auth_ask(struct auth *a, const struct auth_question *q, auth_fn fn, void *arg)
{
    struct auth_key key;
    if (!auth_key_make(q, &key)) {
        return NULL;
    }
    if (is_plainly_unauthorized(q)) {
        struct auth_answer no = {.result = AUTH_UNAUTHORIZED};
        return answer_at_once(a, q, &key, held_answer_create(&no), fn, arg);
    }
    struct held_answer *cached = auth_cache_get(a->cache, &key, loop_now_ms(a->loop));
    if (cached) {
        a->metrics->cache_hits++;
        return answer_at_once(a, q, &key, held_answer_ref(cached), fn, arg);
    }
    struct inquiry *other = find_joinable(a, &key);
    return other ? join(a, other, q, fn, arg) : ask_anew(a, q, &key, fn, arg);
}

void auth_cancel(struct auth_call *call)
{
    if (!call) {
        return;
    }
    struct inquiry *q = call->inquiry;
    struct auth *a = q->auth;
    inquiry_drop_call(call);
    if (q->state == INQUIRY_WAITING && q->n_calls == 0) {
        turns_drop(a, q);
    }
}

void auth_forget_user(struct auth *a, struct str user)
{
    if (user.n == 0) {
        return;
    }
    auth_cache_forget_user(a->cache, user);
    LIST_FOR_EACH (asked, next_asked, &a->asked) {
        inquiry_note_forgotten(LIST_ENTRY(asked, struct inquiry, node), user);
    }
    LIST_FOR_EACH (ready, next_ready, &a->ready) {
        struct inquiry *q = LIST_ENTRY(ready, struct inquiry, node);
        if (q->answer && str_eq(q->answer->a.user, user)) {
            q->answer = held_answer_unref(q->answer);
            list_del(ready);
            turns_queue(a, q); /* deliver() is due and will give it a turn */
        }
    }
}

size_t auth_waiting(const struct auth *a)
{
    return a->lines.n_waiting;
}

size_t auth_cached(const struct auth *a)
{
    return auth_cache_count(a->cache);
}
