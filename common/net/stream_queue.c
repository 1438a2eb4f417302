/* SPDX-License-Identifier: MIT */
#include "common/net/stream_queue.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/net/stream_internal.h"
#include "common/net/stream_io.h"

enum { COMPACT_BYTES = 65536 }; /* sent bytes that may stand before the queued ones */

static bool queue(struct stream *s, const void *p, size_t n)
{
    if (s->sent >= COMPACT_BYTES && s->sent >= s->out.n / 2) {
        s->out.n -= s->sent;
        memmove(s->out.p, s->out.p + s->sent, s->out.n);
        s->sent = 0;
    }
    buf_add(&s->out, (struct str){p, n});
    if (s->out.failed) {
        stream_end(s, "out of memory");
    }
    return !s->out.failed;
}

static bool queue_from(struct stream *s, const struct iovec *v, int n, size_t skip)
{
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        size_t gone = MIN(skip, v[i].iov_len);
        skip -= gone;
        if (v[i].iov_len > gone) {
            ok = queue(s, (const char *)v[i].iov_base + gone, v[i].iov_len - gone);
        }
    }
    return ok;
}

bool stream_writev(struct stream *s, const struct iovec *v, int n)
{
    if (s->state != STREAM_OPEN && s->state != STREAM_HANDSHAKE) {
        return false;
    }
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        total += v[i].iov_len;
    }
    ssize_t sent = 0;
    if (s->out.n == 0 && s->state == STREAM_OPEN && total > 0) {
        sent = stream_io_write(s, v, n);
    }
    if (sent < 0 || ((size_t)sent < total && !queue_from(s, v, n, (size_t)sent))) {
        return false;
    }
    if (s->out.n > 0) {
        stream_update(s);
    }
    return s->state != STREAM_OVER;
}

bool stream_write(struct stream *s, const void *p, size_t n)
{
    size_t sent = 0;
    /* What most writes are, at the cost of one call: there may be thousands of receivers. */
    if (s->state == STREAM_OPEN && !s->ssl && s->out.n == 0) {
        ssize_t took = write(s->fd, p, n);
        if (took == (ssize_t)n) {
            return true;
        }
        sent = took > 0 ? (size_t)took : 0; /* stream_writev() finds out what is wrong */
    }
    const union {
        const char *given;
        char *base; /* an iovec has no const; nothing is written there */
    } rest = {.given = (const char *)p + sent};
    return stream_writev(s, &(struct iovec){rest.base, n - sent}, 1);
}

size_t stream_queued(const struct stream *s)
{
    return s->state == STREAM_LINGERING ? 0 : s->out.n - s->sent;
}

bool stream_queue_flush(struct stream *s)
{
    while (s->sent < s->out.n) {
        ssize_t n = stream_io_write(s, &(struct iovec){s->out.p + s->sent, s->out.n - s->sent}, 1);
        if (n <= 0) {
            return n == 0;
        }
        s->sent += (size_t)n;
    }
    buf_release(&s->out); /* its memory too: most connections never need any again */
    s->sent = 0;
    return true;
}
