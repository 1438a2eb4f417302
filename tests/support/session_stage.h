/* SPDX-License-Identifier: MIT */
#pragma once
/* session_stage: sessions between a transport, an authority and a Redis that are all made up; hub,
 * feeds, flusher, users and wheel are the real ones. cmocka.h must stand before.
 */
#include "common/config/settings.h"
#include "gateway/access/auth.h"
#include "gateway/bus/feed.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session.h"
#include "tests/support/fake_bus.h"

#define STAGE_CLIENTS 8

/* One client's connection. */
struct client {
    struct session *s; /* NULL: gone */
    struct buf heard;  /* each message and a line feed */
    bool is_blocked;   /* as a socket whose buffer is full */
    bool block_after;  /* the next write fills it */
    bool is_broken;    /* writes fail */
    bool is_paused;
    unsigned close_code; /* 0: open */
    unsigned pings, writes;
};

struct stage {
    struct gw gw;
    struct settings settings;
    struct gw_metrics metrics;
    struct bus *bus;
    struct fake_topic *topic; /* contest/a */
    struct client c[STAGE_CLIENTS];
};

int stage_set_up(void **state);
/* Fails unless every gauge is back at zero and nothing is left. */
int stage_tear_down(void **state);

/* A WebSocket client that has just connected. */
struct client *stage_connect(struct stage *g, size_t i);
struct client *stage_connect_with(struct stage *g, size_t i, enum session_kind kind,
                                  const char *token, const char *filters);
void stage_disconnect(struct client *c);
/* A message from the client and the end of the turn. */
void stage_say(struct stage *g, struct client *c, const char *text);
void stage_pass_s(struct stage *g, unsigned seconds);
void stage_writable(struct stage *g, struct client *c);
/* Exactly these texts, each with a line feed; what was heard is forgotten. */
void stage_assert_heard(struct client *c, const char *lines);

/* Redis: the topic's SUBSCRIBE is confirmed, and its reads are answered. */
void stage_confirm(struct stage *g, const char *topic);
/* An event of contest a, published and heard; with the end of the turn. */
void stage_event(struct stage *g, const char *user, bool is_public);
void stage_scoreboard(struct stage *g, bool is_public);

/* The authority. */
size_t stage_n_questions(const struct stage *g);
/* `who T` or `may T /contest/a`; of the oldest question. */
const char *stage_question(const struct stage *g);
void stage_answer(struct stage *g, const struct auth_answer *a); /* the oldest; and end of turn */
void stage_answer_user(struct stage *g, const char *user);       /* OK, no admin of anything */
void stage_answer_admin(struct stage *g, const char *user, const char *contest);
void stage_refuse(struct stage *g, enum auth_result r);
void stage_auth_busy(struct stage *g, bool busy);   /* questions are refused at once */
void stage_auth_waiting(struct stage *g, size_t n); /* so many wait for a turn, it says */
