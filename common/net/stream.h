/* SPDX-License-Identifier: MIT */
#pragma once
/* stream: one accepted TCP connection, plain or TLS behind one interface.
 *
 *   HANDSHAKE -> OPEN        TLS is up (a plain stream begins here)
 *   OPEN      -> FINISHING   stream_finish(); what is queued is still sent
 *   FINISHING -> LINGERING   close_notify and FIN have gone; input is dropped
 *   any       -> OVER        broken, or finished: on_closed() comes from the loop, once
 *
 * What the kernel (or SSL_write) takes at once is not copied; only the rest is queued, and sent when
 * the socket is writable. The queue has no bound of its own: its owner looks at stream_queued().
 *
 * Every callback comes from the loop, never inside a call of one of these functions, and the owner
 * may free the stream inside any of them. Deadlines hang on a wheel: whole seconds, up to one late.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/compiler.h"

struct iovec;
struct loop;
struct ssl_ctx_st; /* SSL_CTX */
struct ssl_st;     /* SSL */
struct stream;
struct wheel;

/* A NULL member: its owner does not care. */
struct stream_handler {
    /* There is something to read, or the end: call stream_read() or stream_pause(). One read is
     * enough; it comes again while there is more, also while TLS holds bytes that were decrypted. */
    void (*on_readable)(void *arg);
    /* Nothing is queued any more. */
    void (*on_drained)(void *arg);
    /* TLS is up. */
    void (*on_handshake_done)(void *arg);
    /* The time that stream_set_deadline() gave is over. */
    void (*on_deadline)(void *arg);
    /* It is over: free it. The socket is still open, so that its addresses can be asked for. */
    void (*on_closed)(void *arg);
};

struct stream_options {
    struct loop *loop;                    /* borrowed, outlives the stream */
    struct wheel *wheel;                  /* the same */
    struct ssl_ctx_st *tls;               /* a server's; the SSL takes a reference. NULL: plain */
    const struct stream_handler *handler; /* static */
    void *arg;
};
/* Takes over fd (non-blocking, connected). NULL: out of memory, and fd is closed. Nothing is read
 * before stream_resume(); a plain stream may be read at once, which saves the poller when all that
 * is wanted is there already. */
MUST_CHECK struct stream *stream_create(int fd, const struct stream_options *o);
/* Closes the socket at once (queued bytes are lost), with close_notify where that can be sent.
 * Accepts NULL. */
struct stream *stream_free(struct stream *s);
DEFINE_AUTO(stream)
/* Another owner takes over: from now on these are called. */
void stream_set_handler(struct stream *s, const struct stream_handler *handler, void *arg);

/* --- reading --- */

enum { STREAM_AGAIN = 0, STREAM_EOF = -1, STREAM_BROKEN = -2 };
/* Bytes read, or one of the above. EOF: the peer has closed its half (in TLS with or without
 * close_notify) and may still read. After BROKEN on_closed() comes. A stream in its handshake, or
 * finishing, says AGAIN. */
ssize_t stream_read(struct stream *s, void *out, size_t max);
/* Has on_readable() called while there is something to read; the handshake needs it, too. */
void stream_resume(struct stream *s);
void stream_pause(struct stream *s);

/* --- writing --- */

/* Sends or queues all of it, in order. False: the stream is over (on_closed() comes), or finishing. */
bool stream_write(struct stream *s, const void *p, size_t n);
bool stream_writev(struct stream *s, const struct iovec *v, int n);
/* Bytes that wait for the peer to read. */
size_t stream_queued(const struct stream *s);
/* Nothing more will be written: after what is queued the peer is told so (close_notify, FIN).
 * linger: its input is then read and dropped until it ends, too, for at most STREAM_LINGER_S and
 * STREAM_LINGER_BYTES, since closing on unread input would reset the connection and take the answer
 * with it. on_closed() comes; the deadline stays in force, as one that ends the stream by itself,
 * until the queue is empty. */
void stream_finish(struct stream *s, bool linger);
enum { STREAM_LINGER_S = 2, STREAM_LINGER_BYTES = 1 << 20 };
/* It is over at once, without a word to the peer; on_closed() comes. */
void stream_cut(struct stream *s);

/* --- time --- */

/* on_deadline() comes once, `seconds` from now (at least 1), up to a second later. */
void stream_set_deadline(struct stream *s, uint32_t seconds);
void stream_clear_deadline(struct stream *s);

/* --- what it is --- */

int stream_fd(const struct stream *s);
struct ssl_st *stream_ssl(const struct stream *s); /* NULL: plain, or nothing came yet */
bool stream_is_handshaking(const struct stream *s);
/* Static text: why it broke. NULL: it did not, or the peer just left. */
const char *stream_problem(const struct stream *s);

/* --- for libraries --- */

/* recv() and send() as a library expects them: the count, 0 at the end, or -1 with errno EAGAIN,
 * ECONNRESET or EPIPE. stream_send() takes all or fails: what the kernel refuses is queued. */
ssize_t stream_recv(struct stream *s, void *out, size_t max);
ssize_t stream_send(struct stream *s, const void *p, size_t n);
