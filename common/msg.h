/* SPDX-License-Identifier: MIT */
#pragma once
/* msg: an immutable run of bytes shared by reference count; here mostly a complete WebSocket
 * frame that thousands of queues point at. One thread; the count is plain.
 *
 * `tag` is for the owner of the queues: equal non-zero tags on one session mean "the newer
 * replaces the older" (conflation of scoreboards). `skipped` counts how many it replaced.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct msg {
    uint32_t refs;
    uint32_t skipped;
    uint64_t tag;
    size_t len;
    uint8_t bytes[]; /* len of them */
};

/* A message of len bytes for its creator to fill, with one reference. NULL: out of memory. */
struct msg *msg_create(size_t len);
struct msg *msg_copy(struct str s);
struct msg *msg_ref(struct msg *m);
/* Drops one reference; the last frees. Accepts NULL; always returns NULL. */
struct msg *msg_unref(struct msg *m);
static inline struct str msg_str(const struct msg *m)
{
    return (struct str){(const char *)m->bytes, m->len};
}
/* Bytes of all messages alive in this process (shared ones counted once). */
size_t msg_bytes_alive(void);
