/* SPDX-License-Identifier: MIT */
/* auth_file: who may see a thing: everybody when it is public, who has it in a list or is its admin,
 * a system admin, and who shows a scoreboard token of it. What the file names nowhere is not found.
 */
#include "gateway/access/auth_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "gateway/access/auth_internal.h"
#include "gateway/access/users_file.h"
#include "proto/channel.h"
#include "proto/topic.h"

enum { WHY_MAX = 512 };

struct auth_file {
    struct auth_source source;
    struct users_file *users; /* owned */
};

/* One question being decided. */
struct decision {
    const struct users_file *users;
    const struct file_user *user; /* NULL: nobody */
    struct auth_answer answer;
    /* The user's own lists, and what scoreboard tokens add to them. */
    struct str contests[FILTERS_MAX];
    int64_t problemsets[FILTERS_MAX];
    size_t n_contests, n_problemsets;
};

static bool is_system_admin(const struct decision *d)
{
    return d->user && d->user->admin;
}

/* What is said of a thing that exists and that this asker may not see. */
static enum auth_result refusal(const struct decision *d)
{
    return d->user ? AUTH_FORBIDDEN : AUTH_UNAUTHORIZED;
}

static enum auth_result verdict(const struct decision *d, bool is_allowed, bool is_known)
{
    if (is_allowed || is_system_admin(d)) {
        return AUTH_OK;
    }
    return is_known ? refusal(d) : AUTH_NOT_FOUND;
}

static enum auth_result decide_contest(struct decision *d, const struct filter *f)
{
    const struct file_user *u = d->user;
    bool is_allowed =
        name_list_has(&users_file_public(d->users)->contests, f->name) ||
        (u && (name_list_has(&u->contests, f->name) || name_list_has(&u->contest_admin, f->name)));
    const struct file_scoreboard *s = users_file_scoreboard(d->users, f->token);
    if (s && str_eq(s->contest, f->name)) {
        is_allowed = true;
        if (s->admin) {
            d->contests[d->n_contests++] = f->name;
        }
    }
    return verdict(d, is_allowed, users_file_knows_contest(d->users, f->name));
}

static enum auth_result decide_problemset(struct decision *d, const struct filter *f)
{
    const struct file_user *u = d->user;
    bool is_allowed = number_list_has(&users_file_public(d->users)->problemsets, f->problemset) ||
                      (u && (number_list_has(&u->problemsets, f->problemset) ||
                             number_list_has(&u->problemset_admin, f->problemset)));
    const struct file_scoreboard *s = users_file_scoreboard(d->users, f->token);
    if (s && s->problemset == f->problemset) {
        is_allowed = true;
        if (s->admin) {
            d->problemsets[d->n_problemsets++] = f->problemset;
        }
    }
    return verdict(d, is_allowed, users_file_knows_problemset(d->users, f->problemset));
}

static enum auth_result decide_problem(const struct decision *d, const struct filter *f)
{
    const struct file_user *u = d->user;
    bool is_allowed =
        name_list_has(&users_file_public(d->users)->problems, f->name) ||
        (u && (name_list_has(&u->problems, f->name) || name_list_has(&u->problem_admin, f->name)));
    return verdict(d, is_allowed, users_file_knows_problem(d->users, f->name));
}

static enum auth_result decide_filter(struct decision *d, const struct filter *f)
{
    switch (f->kind) {
    case TOPIC_ALL: return verdict(d, false, true);
    case TOPIC_USER: return verdict(d, d->user && str_eq(d->user->username, f->name), true);
    case TOPIC_PROBLEMSET: return decide_problemset(d, f);
    case TOPIC_CONTEST: return decide_contest(d, f);
    case TOPIC_PROBLEM: return decide_problem(d, f);
    case TOPIC_KINDS: break;
    }
    return AUTH_NOT_FOUND;
}

static enum auth_result decide_scoreboard(struct decision *d, struct str token)
{
    const struct file_scoreboard *s = users_file_scoreboard(d->users, token);
    if (!s) {
        return AUTH_NOT_FOUND;
    }
    d->answer.scoreboard_contest = s->contest;
    d->answer.scoreboard_admin = s->admin;
    return AUTH_OK;
}

static enum auth_result decide_text(struct decision *d, struct str text)
{
    static const struct str scoreboard = {"/scoreboard/", sizeof("/scoreboard/") - 1};
    if (str_starts(text, scoreboard)) {
        return decide_scoreboard(d, str_after(text, scoreboard.n));
    }
    struct filter f;
    size_t n;
    const char *why;
    return filters_parse(text, &f, 1, &n, &why) ? decide_filter(d, &f) : AUTH_NOT_FOUND;
}

/* All must be allowed; the first that is not decides. */
static enum auth_result decide_all(struct decision *d, struct str filters)
{
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        const char *comma = filters.n > 0 ? memchr(filters.p, ',', filters.n) : NULL;
        size_t n = comma ? (size_t)(comma - filters.p) : filters.n;
        enum auth_result r = decide_text(d, (struct str){filters.p, n});
        if (r != AUTH_OK || !comma) {
            return r;
        }
        filters = str_after(filters, n + 1);
    }
    return AUTH_NOT_FOUND; /* more filters than there can be */
}

static void describe_user(struct auth_answer *a, const struct file_user *u)
{
    if (u) {
        a->user = u->username;
        a->admin = u->admin;
    }
}

static void answer_who(const struct file_user *u, auth_source_fn fn, void *arg)
{
    struct auth_answer a = {.result = u ? AUTH_OK : AUTH_UNAUTHORIZED};
    describe_user(&a, u);
    fn(&a, arg);
}

/* The admin lists of the answer: the user's and those of scoreboard tokens. False: no memory. */
static bool join_lists(const struct decision *d, struct buf *contests, struct buf *problemsets)
{
    const struct file_user *u = d->user;
    const struct str own = {u ? (const char *)u->contest_admin.v : NULL,
                            u ? u->contest_admin.n * sizeof(struct str) : 0};
    const struct str own_sets = {u ? (const char *)u->problemset_admin.v : NULL,
                                 u ? u->problemset_admin.n * sizeof(int64_t) : 0};
    buf_add(contests, own);
    buf_add(contests,
            (struct str){(const char *)d->contests, d->n_contests * sizeof(d->contests[0])});
    buf_add(problemsets, own_sets);
    buf_add(problemsets, (struct str){(const char *)d->problemsets,
                                      d->n_problemsets * sizeof(d->problemsets[0])});
    return !contests->failed && !problemsets->failed;
}

static void answer_allowed(struct decision *d, auth_source_fn fn, void *arg)
{
    struct buf contests = {0};
    struct buf problemsets = {0};
    struct auth_answer *a = &d->answer;
    if (join_lists(d, &contests, &problemsets)) {
        describe_user(a, d->user);
        a->contest_admin = (const void *)contests.p;
        a->n_contest_admin = contests.n / sizeof(struct str);
        a->problemset_admin = (const void *)problemsets.p;
        a->n_problemset_admin = problemsets.n / sizeof(int64_t);
        if (d->user) {
            a->problem_admin = d->user->problem_admin.v;
            a->n_problem_admin = d->user->problem_admin.n;
        }
        fn(a, arg);
    } else {
        fn(&(struct auth_answer){.result = AUTH_UNAVAILABLE}, arg);
    }
    buf_release(&contests);
    buf_release(&problemsets);
}

static void answer_may(const struct users_file *users, const struct auth_question *q,
                       const struct file_user *u, auth_source_fn fn, void *arg)
{
    struct decision d = {.users = users, .user = u};
    if (!u && q->credential.token.n > 0) {
        d.answer.result = AUTH_UNAUTHORIZED; /* a wrong credential is not nobody's */
    } else {
        d.answer.result = decide_all(&d, q->filters);
    }
    if (d.answer.result == AUTH_OK) {
        answer_allowed(&d, fn, arg);
    } else {
        fn(&(struct auth_answer){.result = d.answer.result}, arg);
    }
}

static void *file_ask(struct auth_source *s, const struct auth_question *q, auth_source_fn fn,
                      void *arg)
{
    const struct users_file *users = CONTAINER_OF(s, struct auth_file, source)->users;
    const struct file_user *u = users_file_user(users, q->credential.token);
    switch (q->kind) {
    case AUTH_WHO: answer_who(u, fn, arg); break;
    case AUTH_MAY: answer_may(users, q, u, fn, arg); break;
    }
    return NULL;
}

/* There is never anything to cancel. */
static void file_cancel(struct auth_source *s UNUSED, void *call UNUSED)
{
}

static void file_free(struct auth_source *s)
{
    if (s) {
        struct auth_file *f = CONTAINER_OF(s, struct auth_file, source);
        f->users = users_file_free(f->users);
        free(f);
    }
}

static const struct auth_source_ops file_ops = {
    .is_local = true,
    .ask = file_ask,
    .cancel = file_cancel,
    .free = file_free,
};

/* The text must outlive an auth that was never made: hence the one static buffer. */
static const char *keep_why(struct str problem)
{
    static _Thread_local char why[WHY_MAX];
    (void)snprintf(why, sizeof(why), "%.*s", STR_ARG(problem));
    return why;
}

struct auth_source *auth_file_create(const char *path, const char **out_why)
{
    struct buf problem = {0};
    struct auth_file *f = calloc(1, sizeof(*f));
    struct users_file *users = f ? users_file_read(path, &problem) : NULL;
    if (!users) {
        *out_why = problem.n > 0 ? keep_why(buf_str(&problem)) : "out of memory";
        buf_release(&problem);
        free(f);
        return NULL;
    }
    buf_release(&problem);
    *f = (struct auth_file){.source.ops = &file_ops, .users = users};
    return &f->source;
}
