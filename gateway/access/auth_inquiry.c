/* SPDX-License-Identifier: MIT */
/* auth_inquiry: one block with the texts of the question behind the struct, and a list of calls. */
#include "gateway/access/auth_inquiry.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/access/auth_answer.h"

/* Over this many bytes of names, any name counts as forgotten. */
enum { FORGOTTEN_BYTES_MAX = 65536 };

static struct str append(char **at, struct str s)
{
    struct str copy = {*at, s.n};
    if (s.n > 0) {
        memcpy(*at, s.p, s.n);
        *at += s.n;
    }
    return copy;
}

struct inquiry *inquiry_create(struct auth *a, const struct auth_question *q,
                               const struct auth_key *key)
{
    struct inquiry *i = calloc(1, sizeof(*i) + q->credential.token.n + q->filters.n);
    if (!i) {
        return NULL;
    }
    list_init(&i->node);
    list_init(&i->calls);
    list_init(&i->line_node);
    i->bytes = sizeof(*i) + q->credential.token.n + q->filters.n;
    i->auth = a;
    i->key = *key;
    char *at = i->text;
    i->question.kind = q->kind;
    i->question.credential.token = append(&at, q->credential.token);
    i->question.filters = append(&at, q->filters);
    return i;
}

void inquiry_free(struct inquiry *q)
{
    list_del(&q->node);
    LIST_FOR_EACH (node, next, &q->calls) {
        inquiry_drop_call(LIST_ENTRY(node, struct auth_call, node));
    }
    (void)held_answer_unref(q->answer);
    buf_release(&q->forgotten);
    explicit_bzero(q->text, q->question.credential.token.n);
    free(q);
}

struct auth_call *inquiry_add_call(struct inquiry *q, auth_fn fn, void *arg)
{
    struct auth_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    *call = (struct auth_call){.inquiry = q, .fn = fn, .arg = arg};
    list_push_back(&q->calls, &call->node);
    q->n_calls++;
    return call;
}

void inquiry_drop_call(struct auth_call *call)
{
    list_del(&call->node);
    call->inquiry->n_calls--;
    free(call);
}

void inquiry_note_forgotten(struct inquiry *q, struct str user)
{
    if (q->forgotten.n + user.n > FORGOTTEN_BYTES_MAX) {
        q->forgotten.failed = true;
    }
    buf_add(&q->forgotten, user);
    buf_addc(&q->forgotten, '\0');
}

bool inquiry_is_outdated(const struct inquiry *q, struct str user)
{
    if (user.n == 0) {
        return false;
    }
    if (q->forgotten.failed) {
        return true; /* the list is not complete: better ask once more */
    }
    struct str rest = buf_str(&q->forgotten);
    while (rest.n > 0) {
        size_t n = strnlen(rest.p, rest.n);
        if (str_eq((struct str){rest.p, n}, user)) {
            return true;
        }
        rest = str_after(rest, n + 1);
    }
    return false;
}
