/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_fixture: an auth that asks a stand-in judge, and askers that remember what they were told.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config/settings.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "gateway/access/auth.h"
#include "gateway/access/auth_internal.h"
#include "tests/unit/judge.h"

#define API_TOKEN "0123456789abcdefABCDEF0123456789abcdef01"

struct fixture {
    struct loop *loop;
    struct judge judge;
    struct settings *settings;
    struct auth_limits limits;
    struct auth_metrics metrics;
    struct histogram seconds;
    struct auth *auth;
    unsigned answers; /* of all askers */
};

struct asker {
    struct fixture *f;
    struct auth_call *call;
    unsigned calls;
    unsigned place; /* n-th to be answered of all */
    enum auth_result result;
    bool admin;
    char user[64];
    size_t n_contests, n_problems, n_problemsets;
    bool rules_c1, rules_p1, rules_17;
    char scoreboard[128];
    bool scoreboard_admin;
    int http_status;
    size_t body_bytes;
    char body[64];         /* its beginning */
    struct asker *cancels; /* cancelled by this one's callback */
    const char *forgets;   /* user that this one's callback forgets */
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* Makes the auth anew, with f->settings and f->limits. */
void fixture_remake_auth(struct fixture *f);
/* Runs the loop until *count reaches want; fails after ten seconds. */
void fixture_run_until(struct fixture *f, const unsigned *count, unsigned want);
/* Runs the loop for about so long. */
void fixture_run_for_ms(struct fixture *f, unsigned ms);
/* FrontendURL becomes this judge, with a path behind it. */
void fixture_set_frontend(struct fixture *f, const struct judge *j, const char *path);

/* Asks without waiting; `a` is set anew (but for cancels and forgets). False: refused at once. */
bool asker_begin(struct asker *a, struct fixture *f, enum auth_question_kind kind,
                 const char *token, const char *filters);
bool asker_begin_from(struct asker *a, struct fixture *f, enum auth_question_kind kind,
                      const char *token, const char *filters, uint64_t client);
bool asker_begin_with(struct asker *a, struct fixture *f, const struct auth_question *q);
/* The same, and waits for the answer. */
struct asker ask(struct fixture *f, enum auth_question_kind kind, const char *token,
                 const char *filters);
