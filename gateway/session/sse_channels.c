/* SPDX-License-Identifier: MIT */
#include "gateway/session/sse_channels.h"

#include <stdlib.h>

#include "gateway/hub/rendering.h"

/* Takes what stands before the first comma off *rest; the last one leaves it empty. */
static struct str take(struct str *rest)
{
    const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
    struct str one = {rest->p, comma ? (size_t)(comma - rest->p) : rest->n};
    *rest = str_after(*rest, one.n + (comma ? 1 : 0));
    return one;
}

static size_t count(struct str list)
{
    size_t n = 1;
    for (size_t i = 0; i < list.n; i++) {
        n += list.p[i] == ',';
    }
    return n;
}

static void read_positions(struct sse_channels *c, struct str last_event_id)
{
    bool is_usable = count(last_event_id) == c->n;
    for (size_t i = 0; i < c->n; i++) {
        c->v[i].is_asked = true;
        c->v[i].is_known = is_usable && position_parse(take(&last_event_id), &c->v[i].position);
    }
}

struct sse_channels *sse_channels_create(struct str list, size_t n, struct str last_event_id)
{
    struct sse_channels *c = calloc(1, sizeof(*c) + n * sizeof(c->v[0]) + list.n);
    if (!c) {
        return NULL;
    }
    c->n = n;
    char *names = (char *)&c->v[n];
    memcpy(names, list.p, list.n);
    struct str rest = {names, list.n};
    for (size_t i = 0; i < n; i++) {
        c->v[i].name = take(&rest);
    }
    if (last_event_id.n > 0) {
        read_positions(c, last_event_id);
    }
    return c;
}

struct sse_channels *sse_channels_free(struct sse_channels *c)
{
    free(c);
    return NULL;
}

void sse_channels_note(struct sse_channels *c, struct str channel, const struct position *p)
{
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(c->v[i].name, channel)) { /* going on: it may be named twice */
            c->v[i].position = *p;
            c->v[i].is_known = true;
        }
    }
}

size_t sse_channels_write_id(const struct sse_channels *c, char *out)
{
    size_t n = 0;
    bool is_any_known = false;
    for (size_t i = 0; i < c->n; i++) {
        if (i > 0) {
            out[n++] = ',';
        }
        if (c->v[i].is_known) {
            is_any_known = true;
            n += position_write(&c->v[i].position, out + n);
        }
    }
    return is_any_known ? n : 0;
}

#define ID "id: "

size_t sse_channels_end_max(const struct sse_channels *c)
{
    return sizeof(ID) - 1 + (c ? c->n : 1) * (POSITION_TEXT_MAX + 1) + 1 + 2;
}

static size_t write_id_after(struct sse_channels *c, const struct rendering *r, char *out)
{
    struct str channel;
    const struct position *p = rendering_position(r, &channel);
    if (!c) {
        return p ? position_write(p, out) : 0;
    }
    if (p) {
        sse_channels_note(c, channel, p);
    }
    return sse_channels_write_id(c, out);
}

size_t sse_channels_end(struct sse_channels *c, const struct rendering *r, char *out)
{
    size_t n = sizeof(ID) - 1;
    size_t id = write_id_after(c, r, out + n);
    if (id == 0) { /* an empty one would make the client forget what it has */
        out[0] = '\n';
        return 1;
    }
    memcpy(out, ID, n);
    n += id;
    out[n++] = '\n';
    out[n++] = '\n';
    return n;
}
