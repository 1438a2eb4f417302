/* SPDX-License-Identifier: MIT */
#pragma once
/* stream_io: bytes of a stream through its socket, or through OpenSSL. A private part of stream.
 */
#include <stdbool.h>
#include <sys/types.h>

struct iovec;
struct stream;

/* True: the handshake is done. Nothing of OpenSSL is made before the peer's first record is here. */
bool stream_io_handshake(struct stream *s);
/* As stream_read(). */
ssize_t stream_io_read(struct stream *s, void *out, size_t max);
/* Bytes taken, 0: none now, or -1: broken. Repeated after less than all, the same bytes must come
 * first again, and no fewer. */
ssize_t stream_io_write(struct stream *s, const struct iovec *v, int n);
/* close_notify and FIN. */
void stream_io_say_end(struct stream *s);
