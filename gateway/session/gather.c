/* SPDX-License-Identifier: MIT */
#include "gateway/session/gather.h"

#include <stdlib.h>
#include <string.h>

#include "common/msg.h"

struct gather {
    /* The sequence whose bytes are below. References, so that no address can be reused for another
     * message while it is compared with. */
    struct msg *seq[GATHER_MAX_MSGS];
    size_t n;
    size_t len;
    uint8_t bytes[GATHER_MAX_BYTES];
};

struct gather *gather_create(void)
{
    return calloc(1, sizeof(struct gather));
}

static void forget(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++) {
        msg_unref(g->seq[i]);
    }
    g->n = 0;
    g->len = 0;
}

struct gather *gather_free(struct gather *g)
{
    if (g) {
        forget(g);
        free(g);
    }
    return NULL;
}

static bool is_sequence(const struct gather *g, struct msg *const *msgs, size_t n)
{
    size_t same = 0;
    while (same < n && same < g->n && msgs[same] == g->seq[same]) {
        same++;
    }
    return same == n && same == g->n;
}

struct str gather_bytes(struct gather *g, struct msg *const *msgs, size_t n)
{
    if (!is_sequence(g, msgs, n)) {
        forget(g);
        for (size_t i = 0; i < n; i++) {
            g->seq[i] = msg_ref(msgs[i]);
            memcpy(g->bytes + g->len, msgs[i]->bytes, msgs[i]->len);
            g->len += msgs[i]->len;
        }
        g->n = n;
    }
    return (struct str){(const char *)g->bytes, g->len};
}

uint8_t *gather_room(struct gather *g)
{
    forget(g);
    return g->bytes;
}
