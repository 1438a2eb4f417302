/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_server: libwebsockets on our loop: sockets from listener.c become WebSocket sessions, plain
 * HTTP requests become pages or Server-Sent Events. Callbacks only translate; nothing is decided
 * here but what the upgrade request alone decides (admission.c).
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct gw;
struct networks;
struct ssl_ctx_st;
struct ws_server;

struct ws_server_options {
    struct gw *gw;                 /* borrowed */
    bool (*is_leaving)(void *arg); /* drain has begun: no new sessions */
    void *arg;
};
/* Creates the lws context (with TLS unless Proxied), listens on nothing yet. *out_why:
 * static or last-error text on failure. */
MUST_CHECK int ws_server_create(const struct ws_server_options *o, struct ws_server **out_server,
                                const char **out_why);
/* After all sessions are closed and outside any of its callbacks. Accepts NULL. */
struct ws_server *ws_server_free(struct ws_server *s);
DEFINE_AUTO(ws_server)
/* Listens on bind:port ("" = all addresses, IPv6 and IPv4). 0 or -errno. May be called more than
 * once (39613 and 22291). */
MUST_CHECK int ws_server_listen(struct ws_server *s, const char *bind, uint16_t port);
/* Takes what is queued in the listening sockets, then closes them; sessions stay. */
void ws_server_stop_listening(struct ws_server *s);
/* Whose forwarding headers are believed from now on; takes what *trusted holds. None at first. */
void ws_server_set_trusted(struct ws_server *s, struct networks *trusted);
/* The certificate of ctx for new connections; false: not with TLS, or out of memory. There is none
 * at first. */
MUST_CHECK bool ws_server_set_tls(struct ws_server *s, struct ssl_ctx_st *ctx);
uint64_t ws_server_connections(const struct ws_server *s); /* sockets of any kind, now */
uint16_t ws_server_port(const struct ws_server *s);        /* of the first listener */
