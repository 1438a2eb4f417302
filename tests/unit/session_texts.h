/* SPDX-License-Identifier: MIT */
#pragma once
/* session_texts: what documented clients say and hear. cmocka.h must stand before.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/hub/users.h"
#include "proto/limits.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"
#include "tests/support/session_stage.h"

#define SUBSCRIBE(channel) "{\"type\":\"subscribe\",\"channel\":\"" channel "\"}"
#define RESUME(channel, position)                                                                  \
    "{\"type\":\"subscribe\",\"channel\":\"" channel "\",\"position\":\"" position "\"}"
#define UNSUBSCRIBE(channel) "{\"type\":\"unsubscribe\",\"channel\":\"" channel "\"}"
#define AUTH(token) "{\"type\":\"auth\",\"token\":\"" token "\"}"
#define SUBSCRIBED(channel, position)                                                              \
    "{\"type\":\"subscribed\",\"channel\":\"" channel "\",\"position\":\"" position "\"}\n"
#define UNSUBSCRIBED(channel) "{\"type\":\"unsubscribed\",\"channel\":\"" channel "\"}\n"
#define RUN(channel, position)                                                                     \
    "{\"type\":\"run_update\",\"channel\":\"" channel                                              \
    "\",\"timestamp\":1704067200,\"id\":\"" FAKE_ID "\",\"position\":\"" position                  \
    "\",\"data\":{}}\n"
#define REVOKED(channel) "{\"type\":\"revoked\",\"channel\":\"" channel "\"}\n"
#define AUTH_SUCCESS(user) "{\"type\":\"auth_success\",\"username\":\"" user "\"}\n"
#define PONG "{\"type\":\"pong\"}\n"
#define PING "{\"type\":\"ping\"}"
#define A FAKE_EPOCH_A

/* The code of the only error that was heard. */
static inline void assert_error(struct client *c, const char *code)
{
    char begin[64];
    snprintf(begin, sizeof(begin), "{\"type\":\"error\",\"error\":\"%s\",", code);
    buf_addc(&c->heard, '\0');
    if (strncmp(c->heard.p, begin, strlen(begin)) != 0 || strchr(c->heard.p, '\n')[1]) {
        assert_string_equal(c->heard.p, begin);
    }
    buf_clear(&c->heard);
}

/* A client on /contest/a, live at 0. */
static inline struct client *on_contest(struct stage *g, size_t i)
{
    struct client *c = stage_connect(g, i);
    stage_say(g, c, SUBSCRIBE("/contest/a"));
    stage_answer_user(g, "");
    stage_confirm(g, "contest/a");
    stage_assert_heard(c, SUBSCRIBED("/contest/a", A ":0"));
    return c;
}

static inline void authenticate(struct stage *g, struct client *c, const char *user)
{
    stage_say(g, c, AUTH("T"));
    stage_answer_user(g, user);
    buf_clear(&c->heard);
}
