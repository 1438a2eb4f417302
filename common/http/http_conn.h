/* SPDX-License-Identifier: MIT */
#pragma once
/* http_conn: one connection of http_client, and one request at a time on it. A private part of
 * http_client; what has to be known of evhttp's client is known here.
 *
 * It is used for one TCP connection only: once broken or closed it stays so, and is freed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct evhttp_request;
struct http_conn;
struct http_origin;
struct loop;

struct http_conn_request {
    bool post;
    char *uri;
    struct http_conn_header {
        char *name, *value;
    } * headers;
    size_t n_headers;
    char *body;
    size_t body_len;
};
enum http_conn_outcome {
    HTTP_CONN_ANSWERED,
    HTTP_CONN_TOO_LARGE,
    HTTP_CONN_BROKEN, /* no connection, or cut within the answer, or no HTTP */
    HTTP_CONN_STALE   /* closed without one byte of an answer, on a connection that had worked */
};
struct http_conn_handler {
    /* The answer (evhttp_request_free() it) only with ANSWERED. why: for the log, or NULL. arg is
     * http_conn_send()'s. The connection may be freed inside. */
    void (*on_done)(struct http_conn *c, enum http_conn_outcome outcome,
                    struct evhttp_request *answer, const char *why, void *arg);
    /* Closed by the peer while idle; to be freed. arg is http_conn_create()'s. */
    void (*on_closed)(struct http_conn *c, void *arg);
};

/* NULL when out of memory. The origin is borrowed and outlives it. */
MUST_CHECK struct http_conn *http_conn_create(struct loop *l, const struct http_origin *origin,
                                              const struct http_conn_handler *handler, void *arg);
struct http_conn *http_conn_free(struct http_conn *c); /* gives up what it does; accepts NULL */
/* Connects if need be. The request is borrowed until on_done(), which comes from the loop. */
void http_conn_send(struct http_conn *c, const struct http_conn_request *q, void *arg);
bool http_conn_is_idle(const struct http_conn *c);   /* may be given a request */
bool http_conn_is_closed(const struct http_conn *c); /* will never be idle again */
