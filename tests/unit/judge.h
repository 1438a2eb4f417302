/* SPDX-License-Identifier: MIT */
#pragma once
/* judge: a stand-in for the judge's frontend, in the test's own loop. It answers every request alike,
 * or holds requests until the test lets them go, and remembers what it saw.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct evhttp;
struct evhttp_request;

enum { JUDGE_HELD_MAX = 64, JUDGE_TEXT_MAX = 2048 };

struct judge {
    struct evhttp *http;
    uint16_t port;
    /* How it answers: */
    int status;
    const char *body;
    const char *location; /* a Location header, or NULL */
    size_t body_bytes;    /* not 0: so many letters instead of body */
    bool holds;           /* keeps requests until judge_let_go() */
    /* What it saw: */
    unsigned calls;
    unsigned now, most; /* requests at once */
    char method_and_uri[JUDGE_TEXT_MAX];
    char authorization[JUDGE_TEXT_MAX], cookie[JUDGE_TEXT_MAX]; /* "" = absent */
    struct evhttp_request *held[JUDGE_HELD_MAX];
    size_t n_held;
};

/* On a free port of 127.0.0.1. Asserts that it works. */
void judge_start(struct judge *j, struct event_base *base);
/* Answers what is held and closes the port; harmless twice. */
void judge_stop(struct judge *j);
/* Answers the oldest held request, with this status and body. */
void judge_let_go(struct judge *j, int status, const char *body);
