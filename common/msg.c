/* SPDX-License-Identifier: MIT */
/* msg: shared immutable bytes. */
#include "common/msg.h"

#include <assert.h>
#include <stdlib.h>

/* File state, because messages have no owner that could keep it: who releases the last reference
 * is anybody. One thread. */
static size_t bytes_alive;

struct msg *msg_create(size_t len)
{
    if (len > SIZE_MAX - sizeof(struct msg)) {
        return NULL;
    }
    struct msg *m = malloc(sizeof(*m) + len);
    if (!m) {
        return NULL;
    }
    *m = (struct msg){.refs = 1, .len = len};
    bytes_alive += len;
    return m;
}

struct msg *msg_copy(struct str s)
{
    struct msg *m = msg_create(s.n);
    if (m && s.n > 0) {
        memcpy(m->bytes, s.p, s.n);
    }
    return m;
}

struct msg *msg_ref(struct msg *m)
{
    assert(m->refs > 0 && m->refs < UINT32_MAX);
    m->refs++;
    return m;
}

struct msg *msg_unref(struct msg *m)
{
    if (m) {
        assert(m->refs > 0);
        if (--m->refs == 0) {
            bytes_alive -= m->len;
            free(m);
        }
    }
    return NULL;
}

size_t msg_bytes_alive(void)
{
    return bytes_alive;
}
