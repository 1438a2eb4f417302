/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_server_internal: what the files of the server share.
 *
 *     listener ──fd──▶ http_server ──admitted──▶ ws_conn ──▶ session
 *                      (events_port) ├─────────▶ sse_conn ─▶ session
 *                                    └─────────▶ page_sender
 *
 * All of them are owners of one stream (common/net/stream.h), plain or TLS. We read the request's head
 * ourselves: libwebsockets drops what it dislikes without a word, and holds 64 KiB for the headers of
 * each. It gets established WebSockets only, and knows nothing of TLS.
 */
#include <stdint.h>

#include "common/list.h"
#include "common/net/listener.h"
#include "common/str.h"
#include "gateway/transport/address.h"
#include "gateway/transport/address_limit.h"
#include "gateway/transport/admission.h"
#include "gateway/transport/origin_log.h"
#include "gateway/transport/ws_server.h"

struct http_head;
struct http_server;
struct inflater;
struct lws;
struct lws_context;
struct lws_events;
struct lws_vhost;
struct ssl_ctx_st;
struct ws_conn;

enum { WS_SERVER_LISTENERS = 4, WS_SERVER_SCRATCH_BYTES = 16384 };

struct ws_server {
    struct gw *gw; /* borrowed */
    bool (*is_leaving)(void *arg);
    void *arg;
    struct lws_events *events; /* owned; outlives lws */
    struct lws_context *lws;   /* owned */
    struct lws_vhost *vhost;   /* the context's */
    struct ssl_ctx_st *tls;    /* owned; for new connections; NULL: plain, or not known yet */
    struct inflater *inflater; /* owned; NULL: nothing comes compressed */
    struct listener *listeners[WS_SERVER_LISTENERS]; /* owned */
    size_t n_listeners;
    struct networks trusted; /* TrustedProxies */
    struct address_limit addresses;
    struct origin_log origins;
    struct http_server *http; /* owned; connections until it is known what they want */
    struct list page_senders; /* of struct page_sender, owned */
    struct list sse_conns;    /* of struct sse_conn, owned */
    struct list farewells;    /* farewell.h */
    uint64_t connections;     /* page_senders, sse_conns and ws_conns */
    struct ws_conn *adopting; /* while lws takes over a socket: whose it is */
    char *scratch;            /* owned; where pieces of pages are read */
};

/* Of a connection, as far as the limit of one address is concerned. */
struct ws_peer {
    struct address address;
    uint64_t line;               /* address_line(); 0: a proxy's, which names nobody */
    struct address_count *count; /* ref (address_limit_leave); NULL: not counted */
};

/* Replaces the proxy's address by the one that it speaks for. */
void ws_server_look_behind_proxy(struct ws_server *s, const struct http_head *r,
                                 struct ws_peer *peer);
/* What becomes of this request; counts a refusal. */
void ws_server_decide(struct ws_server *s, const struct http_head *r, const struct ws_peer *peer,
                      struct admission *out);
void ws_server_count_refusal(struct ws_server *s, enum refusal refusal);
/* Gives a socket to libwebsockets, behind c's link, with a request for it to read. It calls
 * ws_conn_bind(), and ws_conn_opened() or ws_conn_gone(); neither: out of memory. */
void ws_server_adopt(struct ws_server *s, int fd, struct ws_conn *c, struct str request);
