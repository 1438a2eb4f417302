/* SPDX-License-Identifier: MIT */
#pragma once
/* stream_internal: what the files of a stream share: stream.c (its life, watching), stream_io.c
 * (bytes through the socket or OpenSSL), stream_queue.c (what is to be sent).
 */
#include "common/buf.h"
#include "common/loop.h"
#include "common/net/stream.h"
#include "common/wheel.h"

struct event;

/* What is watched. */
enum { STREAM_READ = 1, STREAM_WRITE = 2 };

enum stream_state {
    STREAM_HANDSHAKE,
    STREAM_OPEN,
    STREAM_FINISHING,
    STREAM_LINGERING,
    STREAM_OVER,
};

struct stream {
    const struct stream_handler *handler; /* static */
    void *arg;
    struct ssl_st *ssl;     /* owned; NULL: plain, or nothing came yet */
    struct ssl_ctx_st *tls; /* ref; what ssl will be made of; NULL: plain, or it is */
    int fd;                 /* owned */
    enum stream_state state : 8;
    unsigned armed : 2;      /* what is watched */
    bool paused;             /* nobody reads now */
    bool eof;                /* the peer has closed its half */
    bool linger;             /* when finishing */
    bool tls_waits_to_write; /* for a handshake or a read to go on */
    unsigned peeked;         /* bytes of a first record that is not whole */
    struct buf out;          /* queued, of which … */
    size_t sent;             /* … so much has gone; LINGERING: bytes dropped */
    struct loop *loop;       /* borrowed */
    struct wheel *wheel;     /* borrowed */
    struct event *event;     /* owned; NULL: not needed yet */
    const char *problem;     /* static */
    struct wheel_node deadline;
    struct deferred later; /* on_closed(), or on_readable() for what TLS holds */
};

/* It is over: nothing is watched any more, and on_closed() comes. Harmless twice. */
void stream_end(struct stream *s, const char *problem);
/* After a change of what is to be watched. */
void stream_update(struct stream *s);
