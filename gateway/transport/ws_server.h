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
struct settings;
struct ws_server;

struct ws_server_options {
    struct gw *gw;                 /* borrowed */
    bool (*is_leaving)(void *arg); /* drain has begun: no new sessions */
    void *arg;
};
/* Creates the lws context (TLS of the settings unless Proxied), listens on nothing yet. *out_why:
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
/* New certificates for new connections; false keeps the old (with *out_why). */
MUST_CHECK bool ws_server_reload(struct ws_server *s, const struct settings *next,
                                 const char **out_why);
uint64_t ws_server_connections(const struct ws_server *s); /* sockets of any kind, now */
uint16_t ws_server_port(const struct ws_server *s);        /* of the first listener */
