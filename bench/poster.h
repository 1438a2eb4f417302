/* SPDX-License-Identifier: MIT */
#pragma once
/* poster: how messages get to the system under test: HTTP POSTs over kept-alive connections, or
 * one line each to a control port, or Redis' PUBLISH.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/stream.h"
#include "common/compiler.h"
#include "common/str.h"

enum poster_kind {
    POSTER_HTTP,
    POSTER_HTTPS,
    POSTER_LINE, /* the text and a line feed; answered by a line */
    POSTER_REDIS /* PUBLISH <path> <text>; answered by a line as well */
};
struct poster_options {
    enum poster_kind kind;
    struct sockaddr_in address;
    char host[32];
    const char *path;   /* borrowed: of the POST, or the channel; without its first slash */
    const char *header; /* borrowed: one more line of the request's head, or NULL */
    uint32_t parallel;  /* connections, each with one request under way (LINE, REDIS: one, many) */
};
/* "https://127.0.0.1:32672/broadcast/", "line://…", "redis://…/channel": fills in all but header
 * and parallel. */
MUST_CHECK bool poster_parse_url(const char *url, struct poster_options *out);

struct poster;
/* A message was answered (ok: 200, or a line), or its connection was lost. */
typedef void (*poster_done_fn)(void *arg, bool ok, uint64_t begun_us);
struct poster_ops {
    bool (*is_open)(const struct poster *p); /* all connections stand */
    bool (*has_room)(const struct poster *p);
    bool (*send)(struct poster *p, struct str body, uint64_t begun_us);
    void (*free)(struct poster *p);
};
/* First member of the two implementations. */
struct poster {
    const struct poster_ops *ops;
    poster_done_fn done;
    void *arg;
    bool is_broken; /* a connection could not be made, again and again */
};
/* done is called from poller_wait(). NULL: out of memory. */
struct poster *poster_open(struct net *n, const struct poster_options *o, poster_done_fn done,
                           void *arg);
struct poster *poster_free(struct poster *p); /* accepts NULL */
static inline bool poster_is_open(const struct poster *p)
{
    return p->ops->is_open(p);
}
static inline bool poster_has_room(const struct poster *p)
{
    return p->ops->has_room(p);
}
/* Only when there is room. begun_us comes back in done. */
MUST_CHECK static inline bool poster_send(struct poster *p, struct str body, uint64_t begun_us)
{
    return p->ops->send(p, body, begun_us);
}
