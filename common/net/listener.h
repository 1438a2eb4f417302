/* SPDX-License-Identifier: MIT */
#pragma once
/* listener: one listening TCP socket on our loop.
 *
 * Our own and not libwebsockets', which cannot stop listening without killing its connections, and
 * spins when descriptors run out. SO_REUSEPORT lets several gateways share a port.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct listener;
struct loop;
struct sockaddr;

/* Takes over fd (non-blocking). */
typedef void (*listener_fn)(int fd, const struct sockaddr *peer, void *arg);
struct listener_options {
    struct loop *loop; /* borrowed */
    const char *bind;  /* a name or number; "" = all addresses, IPv6 and IPv4 */
    uint16_t port;     /* 0: a free one */
    listener_fn fn;
    void *arg;
    bool owns_port;               /* else SO_REUSEPORT */
    bool keepalive;               /* of TCP: for connections that may be silent for ever */
    uint64_t *accepted, *refused; /* counters: taken; closed at once for want of descriptors */
};
/* 0 or -errno. */
MUST_CHECK int listener_create(const struct listener_options *o, struct listener **out_listener);
struct listener *listener_free(struct listener *l); /* accepts NULL; stops listening */
/* Takes what is queued, then closes the socket. */
void listener_stop(struct listener *l);
uint16_t listener_port(const struct listener *l);

/* Would this descriptor, the lowest free one, eat into those kept for Redis, the frontend and the
 * log? `limit` is RLIMIT_NOFILE's. */
bool listener_is_reserved(int fd, uint64_t limit);

enum listener_next {
    LISTENER_DONE,  /* nobody waits any more */
    LISTENER_AGAIN, /* this one has gone; look at the next */
    LISTENER_PAUSE  /* the system cannot give a descriptor now: trying at once would spin */
};
/* What to do after accept() failed with this errno. */
enum listener_next listener_after(int error);
