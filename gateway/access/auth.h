/* SPDX-License-Identifier: MIT */
#pragma once
/* auth: who a credential is, and what they may see. Two sources behind one interface: the judge's
 * frontend (auth_frontend.c) and a local file (auth_file.c). Section 5 of protocol.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/channel.h"

struct auth;
struct auth_call;
struct auth_source;
struct gw_metrics;
struct loop;
struct settings;

/* A token; `proto/topic.h: name_is_token` holds, or it is empty: nobody. */
struct credential {
    struct str token;
};

enum auth_result {
    AUTH_OK,
    AUTH_UNAUTHORIZED, /* nobody, or a token that is not (any more) valid */
    AUTH_FORBIDDEN,
    AUTH_NOT_FOUND,
    AUTH_UNAVAILABLE /* the source could not be asked, or answered nonsense */
};

/* Strings and lists are valid during the callback. */
struct auth_answer {
    enum auth_result result;
    struct str user; /* "" = nobody */
    bool admin;      /* of the whole system */
    const struct str *contest_admin, *problem_admin;
    size_t n_contest_admin, n_problem_admin;
    const int64_t *problemset_admin;
    size_t n_problemset_admin;
    /* The contest that a /scoreboard/T filter opens; contest is empty when none. */
    struct str scoreboard_contest;
    bool scoreboard_admin;
    /* For Server-Sent Events: the frontend's status and body (0 and empty from a file). */
    int http_status;
    struct str http_body;
};
bool auth_answer_is_contest_admin(const struct auth_answer *a, struct str contest);
bool auth_answer_is_problem_admin(const struct auth_answer *a, struct str problem);
bool auth_answer_is_problemset_admin(const struct auth_answer *a, int64_t problemset);

/* Called exactly once, from the loop, never inside the call that asked; not after a cancel. */
typedef void (*auth_fn)(const struct auth_answer *a, void *arg);

enum auth_question_kind {
    AUTH_WHO, /* whose credential is this? */
    AUTH_MAY  /* may they see all of these filters? */
};
struct auth_question {
    enum auth_question_kind kind;
    struct credential credential;
    /* AUTH_MAY: the filters in their canonical text, joined with commas: `/contest/a`,
     * `/problemset/17/TOKEN`, `/scoreboard/T`. */
    struct str filters;
    /* What decides how long it waits (auth_lines.h). */
    uint64_t client; /* address of who asks (address_line()), 0: a proxy that does not name it */
    bool is_granted; /* the judge has said yes to this credential before, whenever that was */
};

struct auth_metrics {
    uint64_t calls_ok, calls_refused, calls_unavailable; /* questions that left the process */
    uint64_t cache_hits, joined, refused_busy;
    struct histogram *seconds; /* borrowed: time of each call */
};

/* Chooses the source by the settings (Auth.File when set). -errno or an explained failure:
 * *out_why is a static or last-error text. */
MUST_CHECK int auth_create(struct loop *l, const struct settings *s, struct auth_metrics *metrics,
                           struct auth **out_auth, const char **out_why);
struct auth *auth_free(struct auth *a); /* accepts NULL; cancels all calls */
DEFINE_AUTO(auth)
/* New settings (SIGHUP): how long answers are kept, and, unless it is NULL, another source
 * (auth_file_create()), which is taken; then nothing that is cached counts any more. */
void auth_use(struct auth *a, const struct settings *s, struct auth_source *source);
void auth_source_free(struct auth_source *source); /* one that was not used; accepts NULL */
/* NULL: refused at once (no memory): the same as AUTH_UNAVAILABLE. Strings are
 * copied. Equal questions asked at the same time are asked once; answers are kept for
 * AuthCacheSeconds (negative ones 1 s). When too many questions wait, the newest of the longest line
 * is answered AUTH_UNAVAILABLE. */
struct auth_call *auth_ask(struct auth *a, const struct auth_question *q, auth_fn fn, void *arg);
void auth_cancel(struct auth_call *call); /* accepts NULL */
/* Cached answers about this user, and those under way, no longer count (deauthenticate). */
void auth_forget_user(struct auth *a, struct str user);
size_t auth_waiting(const struct auth *a); /* questions that wait for a turn */
size_t auth_cached(const struct auth *a);  /* answers in the cache now */
