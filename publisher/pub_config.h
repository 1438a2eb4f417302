/* SPDX-License-Identifier: MIT */
#pragma once
/* pub_config: what the settings and the command line mean for a publisher.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cli.h"
#include "common/compiler.h"
#include "common/redis_url.h"
#include "common/settings.h"
#include "common/tls_ctx.h"
#include "publisher/broadcast.h"
#include "publisher/bus_writer.h"
#include "publisher/peer_auth.h"

/* Borrows its strings from the settings and the command line. */
struct pub_config {
    const char *bind;
    uint16_t port;
    bool plain; /* no TLS */
    struct tls_server_options tls;
    struct peer_auth_options auth;
    struct redis_url redis; /* owned */
    struct bus_writer_settings writer;
    struct broadcast_settings broadcast;
};
/* False with a line in out_problem. */
MUST_CHECK bool pub_config_make(const struct settings *s, const struct cli *cli,
                                struct pub_config *out, struct buf *out_problem);
void pub_config_release(struct pub_config *c); /* harmless on a zeroed one */
