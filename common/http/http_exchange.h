/* SPDX-License-Identifier: MIT */
#pragma once
/* http_exchange: one request of a server's connection, and its answer.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/http/http_reader.h"
#include "common/http/http_reply.h"
#include "common/str.h"

struct ssl_st;
struct stream;

#define HTTP_PEER_MAX 200

/* One request and its answer. Valid until it is answered, which must be done exactly once: inside
 * the handler or later, also when the peer has left meanwhile (stream is NULL then). */
struct http_exchange {
    const struct http_head *head;
    struct str body;              /* valid during on_request() */
    struct stream *stream;        /* borrowed */
    struct ssl_st *ssl;           /* NULL: plain HTTP */
    void *context;                /* of the connection, as given to http_server_take() */
    const void *route;            /* the handler's own, NULL at first */
    bool is_identified;           /* the handler knows the peer, from this or a former request */
    char peer[HTTP_PEER_MAX + 1]; /* the handler's own, "" at first */
    uint64_t trusted_by;          /* the handler's own, of the connection; 0 at first: so is … */
    int64_t trusted_until_s;      /* … this (publisher/client_trust.h) */
};
/* To a request of the bodiless type, and to HEAD, the body is left out. */
void http_exchange_reply(struct http_exchange *x, const struct http_reply *r);
/* The same with a JSON body that says what is wrong. message: a sentence. */
void http_exchange_fail(struct http_exchange *x, int status, const char *message);
/* For requests after which nobody can be sure where the next one begins. */
void http_exchange_fail_and_close(struct http_exchange *x, int status, const char *message);
/* An answer that somebody else has written, head and body; the connection ends with it. */
void http_exchange_send(struct http_exchange *x, int status, struct str answer);
/* Takes the stream away, inside on_head(), in place of an answer. *out_rest: what was read behind
 * the head, valid until on_head() returns. Give the stream a handler of your own at once. */
struct stream *http_exchange_take(struct http_exchange *x, struct str *out_rest);
