/* SPDX-License-Identifier: MIT */
#include "tests/unit/auth_fixture.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs setjmp.h, stdarg.h, stddef.h and stdint.h. */
#include <cmocka.h>

#include "common/log.h"

enum { PATIENCE_MS = 10000, TURN_MS = 10 };

void fixture_set_frontend(struct fixture *f, const struct judge *j, const char *path)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", j->port, path);
    free(f->settings->broadcaster.frontend_url);
    f->settings->broadcaster.frontend_url = strdup(url);
    assert_non_null(f->settings->broadcaster.frontend_url);
}

void fixture_remake_auth(struct fixture *f)
{
    f->auth = auth_free(f->auth);
    f->metrics = (struct auth_metrics){.seconds = &f->seconds};
    const char *why = "";
    if (auth_create_limited(f->loop, f->settings, &f->metrics, &f->limits, &f->auth, &why) < 0) {
        fail_msg("auth_create_limited: %s", why);
    }
}

int fixture_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_int_equal(log_setup(&(struct log_options){.level = LOG_LEVEL_ERROR}), 0);
    f->loop = loop_create();
    f->settings = settings_create();
    assert_true(f->loop && f->settings);
    f->limits = auth_limits_default;
    /* Long, so that a slow machine does not make a test fail: lifetimes are test_auth_cache.c's. */
    f->settings->broadcaster.auth_cache_ms = 60000;
    judge_start(&f->judge, loop_base(f->loop));
    fixture_set_frontend(f, &f->judge, "");
    fixture_remake_auth(f);
    *state = f;
    return 0;
}

int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    assert_null(auth_free(f->auth));
    judge_stop(&f->judge);
    (void)settings_free(f->settings);
    (void)loop_free(f->loop);
    free(f);
    return 0;
}

static void run_a_turn(struct fixture *f)
{
    const struct timeval turn = {.tv_usec = TURN_MS * 1000};
    assert_int_equal(event_base_loopexit(loop_base(f->loop), &turn), 0);
    assert_true(event_base_loop(loop_base(f->loop), EVLOOP_ONCE) >= 0);
}

void fixture_run_until(struct fixture *f, const unsigned *count, unsigned want)
{
    uint64_t end_ms = loop_now_ms(f->loop) + PATIENCE_MS;
    while (*count < want) {
        if (loop_now_ms(f->loop) > end_ms) {
            fail_msg("only %u of %u came", *count, want);
        }
        run_a_turn(f);
    }
}

void fixture_run_for_ms(struct fixture *f, unsigned ms)
{
    uint64_t end_ms = loop_now_ms(f->loop) + ms;
    while (loop_now_ms(f->loop) < end_ms) {
        run_a_turn(f);
    }
}

static void copy(char *out, size_t room, struct str s)
{
    (void)snprintf(out, room, "%.*s", STR_ARG(s));
}

static void on_answer(const struct auth_answer *answer, void *arg)
{
    struct asker *a = arg;
    a->calls++;
    a->call = NULL;
    a->place = ++a->f->answers;
    a->result = answer->result;
    a->admin = answer->admin;
    copy(a->user, sizeof(a->user), answer->user);
    a->n_contests = answer->n_contest_admin;
    a->n_problems = answer->n_problem_admin;
    a->n_problemsets = answer->n_problemset_admin;
    a->rules_c1 = auth_answer_is_contest_admin(answer, STR("c1"));
    a->rules_p1 = auth_answer_is_problem_admin(answer, STR("p1"));
    a->rules_17 = auth_answer_is_problemset_admin(answer, 17);
    copy(a->scoreboard, sizeof(a->scoreboard), answer->scoreboard_contest);
    a->scoreboard_admin = answer->scoreboard_admin;
    a->http_status = answer->http_status;
    a->body_bytes = answer->http_body.n;
    copy(a->body, sizeof(a->body), answer->http_body);
    if (a->cancels) {
        auth_cancel(TAKE(a->cancels->call));
    }
    if (a->forgets) {
        auth_forget_user(a->f->auth, str_of(a->forgets));
    }
}

bool asker_begin(struct asker *a, struct fixture *f, enum auth_question_kind kind,
                 const char *token, const char *filters)
{
    return asker_begin_from(a, f, kind, token, filters, 0);
}

bool asker_begin_from(struct asker *a, struct fixture *f, enum auth_question_kind kind,
                      const char *token, const char *filters, uint64_t client)
{
    const struct auth_question q = {.kind = kind,
                                    .credential.token = str_of(token),
                                    .filters = str_of(filters),
                                    .client = client};
    return asker_begin_with(a, f, &q);
}

bool asker_begin_with(struct asker *a, struct fixture *f, const struct auth_question *q)
{
    *a = (struct asker){.f = f, .cancels = a->cancels, .forgets = a->forgets};
    a->call = auth_ask(f->auth, q, on_answer, a);
    assert_int_equal(a->calls, 0); /* never inside the call */
    return a->call != NULL;
}

struct asker ask(struct fixture *f, enum auth_question_kind kind, const char *token,
                 const char *filters)
{
    struct asker a = {0};
    assert_true(asker_begin(&a, f, kind, token, filters));
    fixture_run_until(f, &a.calls, 1);
    assert_int_equal(a.calls, 1);
    return a;
}
