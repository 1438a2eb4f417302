/* SPDX-License-Identifier: MIT */
#include "bench/poster.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/http_poster.h"
#include "bench/line_poster.h"

static const struct {
    const char *scheme;
    enum poster_kind kind;
} schemes[] = {
    {"http://", POSTER_HTTP},
    {"https://", POSTER_HTTPS},
    {"line://", POSTER_LINE},
    {"redis://", POSTER_REDIS},
};

/* HOST:PORT[/path], the host an IPv4 address. */
static bool parse_rest(const char *rest, struct poster_options *out)
{
    size_t n = strcspn(rest, "/");
    if (n >= sizeof(out->host)) {
        return false;
    }
    memcpy(out->host, rest, n);
    out->host[n] = '\0';
    out->path = rest[n] == '/' ? rest + n + 1 : rest + n;

    char address[sizeof(out->host)];
    memcpy(address, out->host, n + 1);
    char *colon = strchr(address, ':');
    if (!colon) {
        return false;
    }
    *colon = '\0';
    long port = strtol(colon + 1, NULL, 10);
    out->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return port > 0 && port < 65536 && inet_pton(AF_INET, address, &out->address.sin_addr) == 1;
}

bool poster_parse_url(const char *url, struct poster_options *out)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i].scheme);
        if (strncmp(url, schemes[i].scheme, n) == 0) {
            *out = (struct poster_options){.kind = schemes[i].kind, .parallel = 1};
            return parse_rest(url + n, out);
        }
    }
    return false;
}

struct poster *poster_open(struct net *n, const struct poster_options *o, poster_done_fn done,
                           void *arg)
{
    struct poster *p = NULL;
    switch (o->kind) {
    case POSTER_HTTP:
    case POSTER_HTTPS: p = http_poster_open(n, o); break;
    case POSTER_LINE:
    case POSTER_REDIS: p = line_poster_open(n, o); break;
    }
    if (p) {
        p->done = done;
        p->arg = arg;
    }
    return p;
}

struct poster *poster_free(struct poster *p)
{
    if (p) {
        p->ops->free(p);
    }
    return NULL;
}
