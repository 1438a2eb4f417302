/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_world: a real ws_server on a real loop and loopback sockets, with sessions that only take
 * notes, and clients that are plain sockets in the same thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session.h"
#include "gateway/transport/ws_server.h"

struct settings;
struct ssl_st;
struct wheel;

/* What a session was told. Freed with the world, so that it can be asked after its end. */
struct session {
    struct session *next;
    enum session_kind kind;
    const struct transport_ops *ops;
    enum rendering_format format;
    void *conn;
    char *token, *filters, *peer;
    struct sse_channels *channels; /* NULL: no stream of them */
    struct buf texts;              /* each message followed by a line feed */
    unsigned opened, alive, writable, closed;
    unsigned close_code; /* 0: session_close() was not called */
    bool pause_after_text;
};

struct ws_world {
    struct gw gw;
    struct gw_metrics metrics;
    struct settings *settings;
    struct loop *still; /* never turned: its wheel moves only by wheel_tick() of the test */
    struct wheel *wheel;
    struct ws_server *server;
    unsigned open_sockets; /* before it */
    bool is_leaving;
    bool no_memory_for_sessions;
    struct session *sessions; /* newest first */
};

/* `change` may be NULL; it sets what the server is created with. */
struct ws_world *ws_world_create(void (*change)(struct settings *s));
/* Trusted proxies and, unless Proxied, certificates, as a reload takes them. */
bool ws_world_use(struct ws_world *w, const struct settings *next, const char **out_reason);
void ws_world_free(struct ws_world *w);
/* A list setting with one entry, replacing what it had. */
struct string_list;
void ws_world_set_list(struct string_list *list, const char *entry);
/* One turn of the loop. */
void ws_world_turn(struct ws_world *w);
/* Turns the loop until *counter >= value; ends the test when that does not come. */
void ws_world_await(struct ws_world *w, const unsigned *counter, unsigned value);
/* Awaits that all messages so far, each with a line feed behind it, are these. */
void ws_world_await_texts(struct ws_world *w, const struct session *s, const char *expected);
void ws_world_await_connections(struct ws_world *w, uint64_t n);
struct session *ws_world_newest(struct ws_world *w); /* awaits one that is open */

struct ws_client {
    struct ws_world *w;
    int fd;
    struct ssl_st *ssl; /* NULL: plain */
    struct buf in;      /* all that came */
    bool ended;         /* the server has closed */
    bool was_reset;
};
struct ws_client ws_client_connect(struct ws_world *w);
void ws_client_set_nonblocking(struct ws_client *c); /* as TLS needs it */
void ws_client_release(struct ws_client *c);
void ws_client_send(struct ws_client *c, const void *bytes, size_t n);
void ws_client_send_text(struct ws_client *c, const char *text);
void ws_client_read(struct ws_client *c);                  /* what is there now */
void ws_client_await_bytes(struct ws_client *c, size_t n); /* in `in`; may end before */
void ws_client_await_end(struct ws_client *c);
/* Sends a valid upgrade request with this target and these further lines; awaits the 101 and
 * removes it from `in`. */
void ws_client_upgrade(struct ws_client *c, const char *target, const char *lines);
/* The request that ws_client_upgrade() sends. */
void ws_client_request(struct buf *out, const char *target, const char *lines);
/* One masked frame. */
void ws_client_frame(struct buf *out, unsigned first_byte, struct str payload);
void ws_client_send_frame(struct ws_client *c, unsigned first_byte, struct str payload);
/* Awaits one whole frame, removes it from `in`; false: the connection ended before. */
bool ws_client_take_frame(struct ws_client *c, unsigned *out_first_byte, struct buf *out_payload);
/* Awaits a frame of this kind and content. */
void ws_client_expect_frame(struct ws_client *c, unsigned first_byte, struct str payload);
void ws_client_expect_close(struct ws_client *c, unsigned code);
