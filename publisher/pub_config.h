/* SPDX-License-Identifier: MIT */
#pragma once
/* pub_config: what the settings and the command line mean for a publisher.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/config/settings.h"
#include "common/net/tls_ctx.h"
#include "common/service/cli.h"
#include "publisher/broadcast.h"
#include "publisher/bus_writer.h"
#include "publisher/peer_auth.h"
#include "publisher/scoreboard_refresh.h"

/* Borrows its strings from the settings and the command line. */
struct pub_config {
    const char *bind;
    uint16_t port;
    bool plain; /* no TLS */
    struct tls_server_options tls;
    struct peer_auth_options auth;
    struct bus_writer_settings writer;
    struct broadcast_settings broadcast;
    struct scoreboard_refresh_settings refresh;
};
void pub_config_make(const struct settings *s, const struct cli *cli, struct pub_config *out);
