/* SPDX-License-Identifier: MIT */
#pragma once
/* http_server: connections of an HTTP port: requests in, answers out, one after the other; the same
 * for the publisher, the gateway and the admin port, plain or TLS.
 *
 * A handler judges a request when its head is there, before any of its body is taken or 100 Continue
 * is sent, and may take the stream away (for a page that is sent in pieces, an event stream, a
 * WebSocket). Every state of a connection has a deadline but those in which somebody here is to act.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/http/http_exchange.h"
#include "common/http/http_reader.h"
#include "common/str.h"

struct http_server;
struct loop;
struct sockaddr;
struct ssl_ctx_st;
struct wheel;

/* A NULL member: the server does not care. */
struct http_handler {
    /* TLS is up, and nothing read yet: may set is_identified. */
    void (*on_connected)(struct http_exchange *x, void *arg);
    /* A head has come. True: go on with a body of at most *out_max_body bytes (0 at first); false:
     * answered, taken, or to be answered later without looking at the body. */
    bool (*on_head)(struct http_exchange *x, uint64_t *out_max_body, void *arg);
    /* Its body too. */
    void (*on_request)(struct http_exchange *x, void *arg);
    /* A request that the others never see: it is to be answered at once. The connection ends with
     * the answer. head holds what could be read. */
    void (*on_fault)(struct http_exchange *x, struct http_fault fault, void *arg);
    /* An answer is written. */
    void (*on_status)(int status, void *arg);
    /* The connection is over; its stream was not taken. */
    void (*on_end)(void *context, void *arg);
};

/* Seconds; each ends up to one later. */
struct http_times {
    uint32_t first;     /* from accept to the first request's end, or until its peer is identified;
                         * 0: as the others */
    uint32_t handshake; /* of TLS */
    uint32_t request;   /* a whole request, from its first byte */
    uint32_t idle;      /* between requests; an identified peer may take its time */
    uint32_t write;     /* for an answer to be read by the peer */
};
/* Of the owner; NULL: not counted. */
struct http_counts {
    int64_t *connections; /* open now */
    uint64_t *accepted, *refused, *timeouts, *tls_failures;
};
struct http_server_options {
    struct loop *loop;                  /* borrowed, outlives the server */
    struct wheel *wheel;                /* the same; NULL: one of its own */
    const struct http_rules *rules;     /* static */
    const struct http_handler *handler; /* static */
    void *arg;                          /* borrowed, outlives the server */
    struct http_times times;
    size_t max_strangers;  /* connections that are not identified; 0: any number. When there are so
                                * many, the oldest of the address that holds most gives way. */
    size_t max_identified; /* the others; 0: any number */
    bool owns_port;        /* else another process may listen on the same port, too */
    bool one_request;      /* per connection */
    struct str bodiless_type;  /* requests of this type get answers without a body */
    struct http_counts counts; /* borrowed, outlive the server */
};
/* NULL: out of memory. */
MUST_CHECK struct http_server *http_server_create(const struct http_server_options *o);
/* No exchange may be waiting for its answer. Accepts NULL. */
struct http_server *http_server_free(struct http_server *s);
DEFINE_AUTO(http_server)
/* Listens on bind:port ("" = all addresses; port 0 = a free one). 0 or -errno. Once. */
MUST_CHECK int http_server_listen(struct http_server *s, const char *bind, uint16_t port);
/* For connections that its own port takes from now on; NULL: plain. A reference is taken. */
void http_server_set_tls(struct http_server *s, struct ssl_ctx_st *tls);
/* Stops listening; connections end with the answer they are waiting for. */
void http_server_stop(struct http_server *s);
size_t http_server_connections(const struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
/* A connection from elsewhere. Takes over fd (non-blocking). What is there is read at once, so the
 * handler may be called inside. False: refused, fd is closed, on_end() is not called. */
bool http_server_take(struct http_server *s, int fd, const struct sockaddr *peer,
                      struct ssl_ctx_st *tls, void *context);
