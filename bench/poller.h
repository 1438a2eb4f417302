/* SPDX-License-Identifier: MIT */
#pragma once
/* poller: epoll and nothing else: descriptors, and a time until which to wait.
 *
 * libevent would do as well; but the load generator shares its core with Redis and the publisher,
 * so it is kept as thin as the bare epoll peer.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct poller;
struct watch;
/* `events` as of epoll_wait. */
typedef void (*watch_fn)(struct watch *w, uint32_t events);
/* One watched descriptor, embedded in its owner. It may be freed in its own callback; in another
 * one's only when no poller_wait() is under way. */
struct watch {
    int fd;
    uint32_t events;
    watch_fn fn;
};

struct poller *poller_create(void);
struct poller *poller_free(struct poller *p); /* accepts NULL; closes no watched descriptor */
MUST_CHECK bool poller_add(struct poller *p, struct watch *w);
/* Waits for other events from now on. */
void poller_change(struct poller *p, struct watch *w, uint32_t events);
void poller_remove(struct poller *p, struct watch *w);
/* Waits until something happened (and calls who watches it) or clock_mono_us() reached until_us,
 * at most a second. False: epoll failed. */
MUST_CHECK bool poller_wait(struct poller *p, uint64_t until_us);
