/* SPDX-License-Identifier: MIT */
#pragma once
/* http_fixture: an http_client and a server that answers each request with the next step of a
 * script, for the tests of http_client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs these. */
#include <cmocka.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/http/http_client.h"
#include "common/loop.h"

enum { MAX_CALLS = 8, MAX_CONNS = 16, MAX_ANSWER = 1000 };

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

struct step {
    const char *text; /* NULL: never answers */
    bool close;       /* after it */
};

struct fixture;
struct outcome { /* of one call */
    struct fixture *f;
    int times;
    enum http_outcome outcome;
    int status;
    char body[MAX_ANSWER + 1];
    char type[64];
};

struct fixture {
    struct loop *loop;
    struct timer watchdog;
    bool too_long;
    /* the server */
    struct evconnlistener *listener;
    struct ssl_ctx_st *server_tls;
    const struct step *steps;
    size_t n_steps;
    struct bufferevent *conns[MAX_CONNS];
    size_t accepted, closed, requests;
    char seen[8192]; /* all requests */
    uint16_t port;
    /* the client */
    struct http_client *client;
    struct outcome calls[MAX_CALLS];
    int answered;
    char order[64]; /* index of each call that was answered */
};

/* Of cmocka. */
int http_setup(void **state);
int http_teardown(void **state);

/* With TLS when f->server_tls is set. The steps are borrowed. */
void start_server(struct fixture *f, const struct step *steps, size_t n);
void stop_server(struct fixture *f);
void start_client(struct fixture *f, const char *scheme, const char *host, const char *prefix,
                  size_t max_connections);
/* A server with these steps and a client of it. */
#define START(f, max_connections, ...)                                                             \
    static const struct step steps_[] = {__VA_ARGS__};                                             \
    start_server((f), steps_, ARRAY_LEN(steps_));                                                  \
    start_client((f), "http", "127.0.0.1", "", (max_connections))

/* Notes the answer in the outcome that is its argument. */
void on_answer(const struct http_answer *a, void *arg);
/* GET /i, answered to f->calls[i]. */
struct http_call *get_with(struct fixture *f, int i, uint32_t timeout_ms, http_answer_fn fn);
struct http_call *get(struct fixture *f, int i);
void get_and_wait(struct fixture *f, int i);

void begin_wait(struct fixture *f);
void keep_waiting(struct fixture *f, const char *condition);
/* Runs the loop until something is so, or fails after a long while. */
#define WAIT_UNTIL(f, condition)                                                                   \
    for (begin_wait(f); !(condition); keep_waiting(f, #condition)) {                               \
    }
