/* SPDX-License-Identifier: MIT */
/* tls_expiry: a file that is not there has no row, so that no alert can mistake 0 for a date. */
#include "common/net/tls_expiry.h"

#include <string.h>

#include "common/buf.h"
#include "common/metrics.h"
#include "common/net/tls_ctx.h"

#define ROW(field, role)                                                                           \
    {                                                                                              \
        .kind = METRIC_GAUGE, .name = "broadcaster_certificate_expiry_timestamp_seconds",          \
        .labels = "role=\"" role "\"",                                                             \
        .help = "When the first certificate in the file ends (Unix time)",                         \
        .offset = offsetof(struct tls_expiry, field)                                               \
    }

void tls_expiry_read(struct tls_expiry *e, const struct tls_server_options *o)
{
    bool has_ca = o->client_ca_file && o->client_ca_file[0] != '\0';
    e->server = tls_certificate_expiry(o->cert_file);
    e->client_ca = has_ca ? tls_certificate_expiry(o->client_ca_file) : 0;
}

void tls_expiry_render(const struct tls_expiry *e, struct buf *out)
{
    static const struct metric_desc rows[] = {ROW(server, "server"), ROW(client_ca, "client_ca")};
    struct metric_desc known[ARRAY_LEN(rows)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ends;
        memcpy(&ends, (const char *)e + rows[i].offset, sizeof(ends));
        if (ends != 0) {
            known[n++] = rows[i];
        }
    }
    metrics_render(out, known, n, e);
}
