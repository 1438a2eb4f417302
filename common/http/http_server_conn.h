/* SPDX-License-Identifier: MIT */
#pragma once
/* http_server_conn: the life of a connection of an HTTP server. A private part of http_server.
 *
 * HANDSHAKE -> HEAD      TLS is up (plain connections begin here)
 * HEAD      -> HANDLING  a whole head; the handler is asked
 * HANDLING  -> BODY      it wants the body
 * BODY      -> HANDLING  the whole body is here
 * HANDLING  -> WRITING   the answer is queued in part
 * HANDLING, WRITING -> HEAD    it has gone, and the connection goes on
 * HANDLING  -> ENDING    the same, and it does not
 * HANDLING  -> GONE      the handler has taken the stream
 *
 * While HANDLING nothing frees a connection.
 */
#include "common/http/http_chunked.h"
#include "common/http/http_server_internal.h"
#include "common/loop.h"

enum http_server_conn_state {
    HTTP_HANDSHAKE,
    HTTP_HEAD,     /* awaits a request, or the rest of its head */
    HTTP_BODY,     /* the handler wants the body */
    HTTP_HANDLING, /* the handler owes an answer */
    HTTP_WRITING,  /* the answer is in the stream's queue */
    HTTP_ENDING,   /* the stream says when it is over */
    HTTP_GONE,     /* nothing is left; freed on the way out */
};
struct http_server_conn {
    struct list node;           /* in server's conns */
    struct http_server *server; /* borrowed */
    struct stream *stream;      /* owned; NULL: it broke while HTTP_HANDLING, or was taken */
    enum http_server_conn_state state : 8;
    bool busy;     /* consuming: not to be freed */
    bool begun;    /* bytes of the present request have come */
    bool is_first; /* no request was answered yet */
    bool counts_identified;
    bool close, linger; /* after the present answer */
    struct http_crowd_member stranger;
    struct str unread;  /* while busy: what comes behind the part that is being looked at */
    struct buf in;      /* what was read and not used yet */
    size_t scanned;     /* of it, in search of the head's end */
    struct buf text;    /* the head's bytes */
    struct buf body;    /* of a body that did not come along with its head */
    uint64_t body_left; /* bytes of it that are not read yet, when its length is known */
    uint64_t max_body;
    struct http_chunked chunked;
    struct deferred again; /* goes on with `in` */
    struct http_head head;
    struct http_exchange exchange;
};

/* The server has counted it. False: no memory, and it is freed, with fd. */
MUST_CHECK bool http_server_conn_open(struct http_server *s, int fd, const struct sockaddr *peer,
                                      struct ssl_ctx_st *tls, void *context);
/* Ends it at once, and tells the handler. Not while a handler owes an answer. */
void http_server_conn_end(struct http_server_conn *c);
bool http_server_conn_is_idle(const struct http_server_conn *c);
/* For http_exchange.c: the answer has gone, and the connection awaits its next request. */
void http_server_conn_expect(struct http_server_conn *c);
/* The same for a deadline that is not the first of a stranger. */
void http_server_conn_deadline(struct http_server_conn *c, uint32_t seconds);
