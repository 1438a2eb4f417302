/* SPDX-License-Identifier: MIT */
#pragma once
/* sse_link: what sse_conn.c writes to: a plain socket of ours (sse_socket.c), or one inside TLS that
 * libwebsockets owns (sse_tls.c).
 */
#include <stdbool.h>
#include <stddef.h>

struct sse_link {
    /* Takes all: keeps what the kernel does not take now. False: it is broken; its end follows. */
    bool (*write)(void *arg, const void *p, size_t n);
    bool (*is_blocked)(const void *arg);
    /* Nothing more will be written: says so to the client behind what is pending. */
    void (*finish)(void *arg);
    /* At once; its end follows from the loop. */
    void (*cut)(void *arg);
    /* Ends it when what was written is not acknowledged for so long. */
    void (*set_patience)(void *arg, unsigned ms);
    /* Gives up what it holds. NULL: its owner has done so already. */
    void (*release)(void *arg);
};
