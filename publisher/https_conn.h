/* SPDX-License-Identifier: MIT */
#pragma once
/* https_conn: one accepted connection: requests in, answers out, one after the other.
 *
 * Our own and not evhttp, because we must know a peer before we take its body, answer every error in
 * one form (and without a body to some), and end a connection at an absolute deadline.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/str.h"
#include "publisher/http_head.h"
#include "publisher/log_limit.h"

struct loop;
struct pub_metrics;
struct ssl_ctx_st;
struct ssl_st;
struct https_conn;

#define HTTP_PEER_MAX 200

/* One request and its answer. Valid until http_exchange_reply(), which must be called exactly once:
 * inside the handler or later, also when the peer has left meanwhile. */
struct http_exchange {
    const struct http_head *head;
    struct str body;              /* valid during on_request() */
    struct ssl_st *ssl;           /* NULL: plain HTTP */
    const void *route;            /* the handler's own, NULL at first */
    bool is_publisher;            /* the handler knows the peer, from this or a former request */
    char peer[HTTP_PEER_MAX + 1]; /* the handler's own, "" at first */
};
struct http_reply {
    int status;
    const char *type;  /* of the body; NULL: application/json */
    struct str body;   /* copied */
    const char *allow; /* methods for a 405, or NULL */
    bool close;        /* end the connection even if the peer would go on */
};
struct http_handler {
    /* A head has come. True: go on with a body of at most *out_max_body bytes; false: replied. */
    bool (*on_head)(struct http_exchange *x, uint64_t *out_max_body, void *arg);
    /* Its body too. */
    void (*on_request)(struct http_exchange *x, void *arg);
};

/* To a request of type text/json the answer goes without its body: only the grader sends that, and
 * it never reads one. */
void http_exchange_reply(struct http_exchange *x, const struct http_reply *r);
/* The same with a JSON body that says what is wrong. message: a sentence. */
void http_exchange_fail(struct http_exchange *x, int status, const char *message);
/* For requests after which nobody can be sure where the next one begins. */
void http_exchange_fail_and_close(struct http_exchange *x, int status, const char *message);

/* What the connections of a server share. */
struct https_env {
    struct loop *loop;                  /* borrowed */
    const struct http_handler *handler; /* static */
    void *handler_arg;                  /* borrowed */
    struct pub_metrics *metrics;        /* borrowed */
    struct list conns;
    size_t n_conns;
    bool stopping;             /* every answer is the last one of its connection */
    struct buf scratch;        /* an answer in the making; released by the owner */
    struct log_limit refusals; /* of client certificates */
    int64_t date_s;            /* the second that `date` says */
    char date[32];
};

/* Takes fd and a reference of ctx for TLS (NULL: plain). False: no memory, fd is closed. */
MUST_CHECK bool https_conn_accept(struct https_env *env, int fd, struct ssl_ctx_st *ctx);
/* Ends every connection whose deadline has passed. Once a second or so. */
void https_conns_sweep(struct https_env *env);
/* Ends the connections that have no request under way. */
void https_conns_end_idle(struct https_env *env);
/* Ends all; no request may be waiting for its answer. */
void https_conns_end_all(struct https_env *env);
