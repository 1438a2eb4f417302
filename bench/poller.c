/* SPDX-License-Identifier: MIT */
/* A watch that is removed while its event waits in the same batch is still called: its owner's
 * `fd < 0` tells that it is gone.
 */
#include "bench/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define BATCH 512
#define LONGEST_WAIT_US 1000000

struct poller {
    int fd;
    struct epoll_event ready[BATCH];
};

struct poller *poller_create(void)
{
    struct poller *p = calloc(1, sizeof(*p));
    if (!p) {
        return NULL;
    }
    p->fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->fd < 0) {
        free(p);
        return NULL;
    }
    return p;
}

struct poller *poller_free(struct poller *p)
{
    if (p) {
        close(p->fd);
        free(p);
    }
    return NULL;
}

bool poller_add(struct poller *p, struct watch *w)
{
    struct epoll_event e = {.events = w->events, .data.ptr = w};
    return epoll_ctl(p->fd, EPOLL_CTL_ADD, w->fd, &e) == 0;
}

void poller_change(struct poller *p, struct watch *w, uint32_t events)
{
    if (w->events == events) {
        return;
    }
    w->events = events;
    struct epoll_event e = {.events = events, .data.ptr = w};
    /* Fails only for a descriptor that was never added: our own mistake. */
    if (epoll_ctl(p->fd, EPOLL_CTL_MOD, w->fd, &e) != 0) {
        abort();
    }
}

void poller_remove(struct poller *p, struct watch *w)
{
    /* Nothing to do when it fails: closing the descriptor removes it as well. */
    (void)epoll_ctl(p->fd, EPOLL_CTL_DEL, w->fd, NULL);
}

bool poller_wait(struct poller *p, uint64_t until_us)
{
    uint64_t now = clock_mono_us();
    uint64_t wait = until_us > now ? MIN(until_us - now, LONGEST_WAIT_US) : 0;
    struct timespec ts = {.tv_sec = (time_t)(wait / 1000000),
                          .tv_nsec = (long)(wait % 1000000) * 1000};
    int n = epoll_pwait2(p->fd, p->ready, BATCH, &ts, NULL);
    if (n < 0) {
        return errno == EINTR;
    }
    for (int i = 0; i < n; i++) {
        struct watch *w = p->ready[i].data.ptr;
        w->fn(w, p->ready[i].events);
    }
    return true;
}
