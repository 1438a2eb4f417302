/* SPDX-License-Identifier: MIT */
#pragma once
/* http_server_internal: what the files of the server share.
 */
#include "common/buf.h"
#include "common/http/http_crowd.h"
#include "common/http/http_server.h"
#include "common/list.h"

enum { HTTP_SCRATCH_BYTES = 16384 };

struct http_server {
    struct http_server_options o;
    struct wheel *wheel;     /* o's or its own */
    struct wheel *own_wheel; /* owned, or NULL */
    struct listener *listener;
    struct ssl_ctx_st *tls; /* ref; NULL: plain */
    struct list conns;      /* of struct http_server_conn, owned */
    size_t n_conns, n_identified;
    struct http_crowd strangers;
    bool stopping;     /* every answer is the last one of its connection */
    char *scratch;     /* owned; where requests are read */
    struct buf answer; /* a head in the making */
    int64_t date_s;    /* the second that `date` says */
    char date[32];
    uint64_t uncounted; /* what o.counts does not want */
    int64_t uncounted_connections;
};

/* For http_server_conn.c: counts it and says so in the log. */
void http_server_handshake_failed(struct http_server *s, struct stream *stream);
