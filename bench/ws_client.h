/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_client: one WebSocket connection: upgrade, messages in, texts out, pings answered.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/stream.h"
#include "bench/ws_parser.h"
#include "common/compiler.h"
#include "common/str.h"

struct ws_client;
struct ws_handler {
    void (*on_open)(struct ws_client *c);                                /* the upgrade succeeded */
    void (*on_message)(struct ws_client *c, const struct ws_message *m); /* text or binary */
    /* Once, for any end but ws_client_close(). `why` is valid during the call. */
    void (*on_closed)(struct ws_client *c, const char *why);
};
enum ws_state { WS_CLOSED, WS_UPGRADING, WS_OPEN };
/* Embedded in its owner; zeroed is closed. */
struct ws_client {
    struct stream stream;
    enum ws_state state;
    const struct ws_handler *handler; /* static */
    const char *request;              /* borrowed, outlives the connection: the upgrade request */
    bool deflate;                     /* asks for compression, and insists on it */
    struct buf response;              /* until the upgrade is done */
    struct ws_parser parser;
};

/* The upgrade request for a path and, unless NULL, a subprotocol. */
void ws_client_request(struct buf *out, const char *host, const char *path, const char *subprotocol,
                       bool deflate);
MUST_CHECK bool ws_client_open(struct ws_client *c, struct net *n, const struct stream_target *to,
                               const char *request, bool deflate, const struct ws_handler *handler);
MUST_CHECK bool ws_client_send(struct ws_client *c, struct str text);
void ws_client_close(struct ws_client *c);
