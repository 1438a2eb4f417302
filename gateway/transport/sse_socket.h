/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_socket: one plain TCP connection that is only written to. What the client sends is thrown
 * away; that it ends shows there.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "gateway/transport/sse_link.h"

struct event;
struct loop;

/* Both come from the loop, never inside a call. */
struct sse_socket_handler {
    void (*on_writable)(void *arg); /* it is not blocked any more */
    void (*on_gone)(void *arg);     /* the connection is over: release it, at once */
};

/* Embedded in its owner. */
struct sse_socket {
    struct loop *loop;                        /* borrowed */
    const struct sse_socket_handler *handler; /* static */
    void *arg;
    struct event *event; /* owned */
    struct buf pending;  /* what the kernel did not take yet, of which … */
    size_t sent;         /* … so much went meanwhile */
    size_t noise;        /* bytes that the client sent */
    int fd;              /* owned */
    bool is_ending;
};

/* Takes over fd (non-blocking), also when it fails: out of memory. Then only release it. */
MUST_CHECK bool sse_socket_init(struct sse_socket *s, struct loop *l, int fd,
                                const struct sse_socket_handler *handler, void *arg);
extern const struct sse_link sse_socket_link; /* its arg: a struct sse_socket */
