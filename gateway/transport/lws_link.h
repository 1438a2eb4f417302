/* SPDX-License-Identifier: MIT */
#pragma once
/* lws_link: what libwebsockets reads and writes goes through us.
 *
 * The library is linked statically, and its calls of recv(), send(), shutdown() and close() are
 * wrapped by the linker (--wrap, gateway/CMakeLists.txt). For a descriptor that has a link they end
 * here: input has been judged and TLS taken off before the library sees it, output goes through the
 * connection's one queue, and the socket stays ours when the library is done with it. Any other
 * descriptor gets the system's own calls.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/compiler.h"

/* Both behave as the system's calls do, errno included. */
struct lws_link_handler {
    ssize_t (*recv)(void *arg, void *out, size_t max);
    ssize_t (*send)(void *arg, const void *p, size_t n);
    /* The library asks to be told that the socket can be written to. */
    void (*on_wants_write)(void *arg);
};

/* Embedded in its owner. */
struct lws_link {
    const struct lws_link_handler *handler; /* static; NULL: not attached */
    void *arg;
    int fd;
    bool wants_write;
};

/* From now on fd is behind this link, until lws_link_detach() or until the library closes it, which
 * leaves the descriptor open. False: out of memory. */
MUST_CHECK bool lws_link_attach(struct lws_link *l, int fd, const struct lws_link_handler *handler,
                                void *arg);
void lws_link_detach(struct lws_link *l); /* harmless when it is not attached */
/* NULL: it has none. */
struct lws_link *lws_link_of(int fd);
