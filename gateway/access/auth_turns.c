/* SPDX-License-Identifier: MIT */
/* auth_turns: see the table of states in the header. */
#include "gateway/access/auth_turns.h"

#include "common/metrics.h"
#include "gateway/access/auth_answer.h"
#include "gateway/access/auth_cache.h"
#include "gateway/access/auth_inquiry.h"

enum { SWEEP_MS = 1000 };

static const struct auth_answer unavailable = {.result = AUTH_UNAVAILABLE};

static void leave_map(struct auth *a, struct inquiry *q)
{
    if (q->is_joinable) {
        (void)strmap_remove(&a->by_key, auth_key_str(&q->key)); /* it is there */
        q->is_joinable = false;
    }
}

/* Takes the place of an older inquiry of this key. Without memory it is just not joined. */
void turns_enter(struct auth *a, struct inquiry *q)
{
    struct inquiry *older = strmap_get(&a->by_key, auth_key_str(&q->key));
    if (older) {
        older->is_joinable = false;
        strmap_replace(&a->by_key, auth_key_str(&q->key), q);
        q->is_joinable = true;
    } else {
        q->is_joinable = strmap_add(&a->by_key, auth_key_str(&q->key), q);
    }
}

void turns_drop(struct auth *a, struct inquiry *q)
{
    leave_map(a, q);
    lines_remove(&a->lines, q);
    inquiry_free(q);
}

/* Out of the queue, unavailable. */
static void give_up(struct auth *a, struct inquiry *q)
{
    list_del(&q->node);
    lines_remove(&a->lines, q);
    a->metrics->refused_busy += q->n_calls;
    turns_finish(a, q, NULL);
}

static void make_room(struct auth *a)
{
    while (a->lines.n_waiting > a->limits.waiting || a->lines.bytes > a->limits.waiting_bytes) {
        give_up(a, lines_newest_of_longest(&a->lines));
    }
}

void turns_join(struct auth *a, struct inquiry *q, struct auth_place place)
{
    lines_move(&a->lines, q, place);
}

void turns_queue(struct auth *a, struct inquiry *q)
{
    q->state = INQUIRY_WAITING;
    buf_release(&q->forgotten); /* what is asked from now on is new enough */
    bool is_back = q->wait_until_ms != 0;
    if (!is_back) {
        q->wait_until_ms = loop_now_ms(a->loop) + a->limits.wait_ms;
    }
    struct list *before = a->queue.prev;
    while (before != &a->queue &&
           LIST_ENTRY(before, struct inquiry, node)->wait_until_ms > q->wait_until_ms) {
        before = before->prev;
    }
    list_push_front(before, &q->node); /* just behind it */
    lines_add(&a->lines, q, is_back);
}

void turns_finish(struct auth *a, struct inquiry *q, struct held_answer *answer)
{
    leave_map(a, q);
    q->state = INQUIRY_READY;
    q->answer = answer;
    list_push_back(&a->ready, &q->node);
    loop_defer(a->loop, &a->deliver);
}

static void count_answer(struct auth *a, enum auth_result result, uint64_t took_ms)
{
    switch (result) {
    case AUTH_OK: a->metrics->calls_ok++; break;
    case AUTH_UNAUTHORIZED:
    case AUTH_FORBIDDEN:
    case AUTH_NOT_FOUND: a->metrics->calls_refused++; break;
    case AUTH_UNAVAILABLE: a->metrics->calls_unavailable++; break;
    }
    if (a->metrics->seconds) {
        histogram_observe(a->metrics->seconds, (double)took_ms / 1e3);
    }
}

/* A credential that names a user is worth more than one that anybody can make up. */
static void note_credential(struct auth *a, const struct inquiry *q,
                            const struct auth_answer *answer)
{
    struct str token = q->question.credential.token;
    if (token.n == 0) {
        return;
    }
    if (answer->result == AUTH_UNAUTHORIZED) {
        auth_known_forget(&a->known, auth_known_key(token));
    } else if (answer->result != AUTH_UNAVAILABLE && answer->user.n > 0) {
        auth_known_accept(&a->known, auth_known_key(token), loop_now_ms(a->loop));
    }
}

static void keep(struct auth *a, const struct inquiry *q, struct held_answer *answer)
{
    auth_cache_put(a->cache, &q->key, answer, q->asked_ms, loop_now_ms(a->loop));
    if (auth_cache_count(a->cache) > 0 && !timer_pending(&a->sweep_timer)) {
        timer_start_ms(&a->sweep_timer, SWEEP_MS);
    }
}

/* The source's answer; perhaps still inside its ask(). */
static void on_answer(const struct auth_answer *answer, void *arg)
{
    struct inquiry *q = arg;
    struct auth *a = q->auth;
    list_del(&q->node);
    a->n_asked--;
    lines_note_answered(&a->lines, q->place.class);
    q->source_call = NULL;
    bool is_local = a->source->ops->is_local;
    if (!is_local) {
        note_credential(a, q, answer);
        count_answer(a, answer->result, loop_now_ms(a->loop) - q->asked_ms);
    }
    if (inquiry_is_outdated(q, answer->user)) {
        turns_queue(a, q);
        loop_defer(a->loop, &a->deliver); /* which gives out turns too */
        return;
    }
    struct held_answer *held = held_answer_create(answer);
    if (held && !is_local) {
        keep(a, q, held);
    }
    turns_finish(a, q, held);
}

static void ask_source(struct auth *a, struct inquiry *q)
{
    list_del(&q->node);
    lines_remove(&a->lines, q);
    list_push_back(&a->asked, &q->node);
    a->n_asked++;
    lines_note_asked(&a->lines, q->place.class);
    q->state = INQUIRY_ASKED;
    q->asked_ms = loop_now_ms(a->loop);
    void *source_call = a->source->ops->ask(a->source, &q->question, on_answer, q);
    if (q->state == INQUIRY_ASKED) {
        q->source_call = source_call;
    }
}

/* Sets the timer of those who wait on, too. */
void turns_give(struct auth *a)
{
    struct inquiry *q;
    while (a->n_asked < a->max_asked && (q = lines_next(&a->lines)) != NULL) {
        if (q->n_calls > 0) {
            ask_source(a, q);
        } else { /* it came back to be asked again, but all have left */
            turns_drop(a, q);
        }
    }
    make_room(a);
    const struct list *node = list_first(&a->queue);
    if (!node) {
        timer_stop(&a->wait_timer);
        return;
    }
    uint64_t due_ms = LIST_ENTRY(node, struct inquiry, node)->wait_until_ms;
    uint64_t now_ms = loop_now_ms(a->loop);
    timer_start_ms(&a->wait_timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void on_waited(void *arg)
{
    struct auth *a = arg;
    uint64_t now_ms = loop_now_ms(a->loop);
    struct list *node;
    while ((node = list_first(&a->queue)) != NULL) {
        struct inquiry *q = LIST_ENTRY(node, struct inquiry, node);
        if (q->wait_until_ms > now_ms) {
            break;
        }
        give_up(a, q);
    }
    turns_give(a);
}

static void on_sweep(void *arg)
{
    struct auth *a = arg;
    auth_cache_sweep(a->cache, loop_now_ms(a->loop));
    if (auth_cache_count(a->cache) > 0) {
        timer_start_ms(&a->sweep_timer, SWEEP_MS);
    }
}

/* A callback may ask, cancel and forget: so each step looks at the list anew. */
static void deliver(void *arg)
{
    struct auth *a = arg;
    struct list *node;
    while ((node = list_first(&a->ready)) != NULL) {
        struct inquiry *q = LIST_ENTRY(node, struct inquiry, node);
        struct list *first = list_first(&q->calls);
        if (!first) {
            turns_drop(a, q);
            continue;
        }
        const struct auth_call call = *LIST_ENTRY(first, struct auth_call, node);
        inquiry_drop_call(LIST_ENTRY(first, struct auth_call, node));
        struct held_answer *answer = q->answer ? held_answer_ref(q->answer) : NULL;
        call.fn(answer ? &answer->a : &unavailable, call.arg);
        (void)held_answer_unref(answer);
    }
    turns_give(a);
}

bool turns_init(struct auth *a)
{
    list_init(&a->queue);
    list_init(&a->asked);
    list_init(&a->ready);
    lines_init(&a->lines);
    auth_known_init(&a->known);
    deferred_init(&a->deliver, deliver, a);
    return timer_init(&a->wait_timer, a->loop, on_waited, a) &&
           timer_init(&a->sweep_timer, a->loop, on_sweep, a);
}

static void drop_all(struct auth *a, struct list *head)
{
    struct list *node;
    while ((node = list_first(head)) != NULL) {
        struct inquiry *q = LIST_ENTRY(node, struct inquiry, node);
        if (q->source_call) {
            a->source->ops->cancel(a->source, q->source_call);
        }
        turns_drop(a, q);
    }
}

void turns_release(struct auth *a)
{
    drop_all(a, &a->queue);
    drop_all(a, &a->asked);
    drop_all(a, &a->ready);
    lines_release(&a->lines);
    auth_known_release(&a->known);
    strmap_release(&a->by_key);
    deferred_cancel(&a->deliver);
    timer_release(&a->wait_timer);
    timer_release(&a->sweep_timer);
}

void turns_take_back(struct auth *a)
{
    LIST_FOR_EACH (node, next, &a->asked) {
        struct inquiry *q = LIST_ENTRY(node, struct inquiry, node);
        a->source->ops->cancel(a->source, TAKE(q->source_call));
        list_del(node);
        a->n_asked--;
        lines_note_answered(&a->lines, q->place.class);
        turns_queue(a, q);
    }
}
