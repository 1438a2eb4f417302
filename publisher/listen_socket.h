/* SPDX-License-Identifier: MIT */
#pragma once
/* listen_socket: a TCP socket that listens, with what its connections inherit from it.
 */
#include <stdint.h>

#include "common/compiler.h"

/* bind: a name or number; "" = all addresses of both families where there are two. Returns the
 * descriptor (not blocking, closed on exec), or -errno. *port 0 becomes the port that was chosen. */
MUST_CHECK int listen_socket_open(const char *bind, uint16_t *port);
