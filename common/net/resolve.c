/* SPDX-License-Identifier: MIT */
/* resolve: names are asked for with AI_ADDRCONFIG, which spares us addresses of a family that this
 * machine does not speak; but it also hides ::1 of /etc/hosts where IPv6 is on loopback only. So what
 * finds nothing is asked once more without.
 *
 * evdns_getaddrinfo() answers inside the call when the name is a number or in /etc/hosts,
 * and calls back after a cancellation too. The deferred call makes the first like the rest; for the
 * second a cancelled resolve stays until evdns lets go of it.
 */
#include "common/net/resolve.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/loop.h"

struct resolve {
    struct loop *loop; /* borrowed */
    resolve_fn fn;
    void *arg;
    struct evdns_getaddrinfo_request *request; /* evdns's, while it is asking; else NULL */
    struct deferred done, again;
    bool cancelled;
    bool any_family; /* asked without AI_ADDRCONFIG */
    char *host;      /* owned */
    struct resolve_address addresses[RESOLVE_MAX_ADDRESSES];
    size_t n;
    const char *why;
};

static void add_address(struct resolve *r, int family, const struct sockaddr *sa)
{
    const void *bytes;
    if (family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    } else if (family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    } else {
        return;
    }
    char *text = r->addresses[r->n].text;
    if (inet_ntop(family, bytes, text, sizeof(r->addresses[0].text))) {
        r->n++;
    }
}

static void release(struct resolve *r)
{
    free(r->host);
    free(r);
}

static void on_evdns(int error, struct evutil_addrinfo *list, void *arg)
{
    struct resolve *r = arg;
    r->request = NULL;
    for (struct evutil_addrinfo *a = list; a && r->n < RESOLVE_MAX_ADDRESSES; a = a->ai_next) {
        add_address(r, a->ai_family, a->ai_addr);
    }
    if (list) {
        evutil_freeaddrinfo(list);
    }
    if (r->cancelled) {
        release(r);
        return;
    }
    if (r->n == 0 && !r->any_family) {
        r->any_family = true;
        loop_defer(r->loop, &r->again);
        return;
    }
    if (r->n == 0) {
        r->why = error ? evutil_gai_strerror(error) : "the name has no address";
    }
    loop_defer(r->loop, &r->done);
}

static void on_done(void *arg)
{
    struct resolve *r = arg;
    r->fn(r->addresses, r->n, r->why, r->arg);
    release(r);
}

static bool is_number(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static bool is_localhost(const char *host)
{
    static const char suffix[] = ".localhost";
    size_t n = strlen(host), n_suffix = sizeof(suffix) - 1;
    return strcasecmp(host, suffix + 1) == 0 ||
           (n > n_suffix && strcasecmp(host + n - n_suffix, suffix) == 0);
}

static void add_text(struct resolve *r, const char *text)
{
    (void)snprintf(r->addresses[r->n++].text, sizeof(r->addresses[0].text), "%s", text);
}

static void ask(struct resolve *r)
{
    struct evdns_base *dns = loop_dns(r->loop);
    if (!dns) {
        r->why = "the resolver cannot be started";
        loop_defer(r->loop, &r->done);
        return;
    }
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                          .ai_socktype = SOCK_STREAM,
                                          .ai_flags = r->any_family ? 0 : EVUTIL_AI_ADDRCONFIG};
    /* NULL also when it has called on_evdns() already, which then has seen to everything. */
    r->request = evdns_getaddrinfo(dns, r->host, NULL, &hints, on_evdns, r);
}

static void ask_again(void *arg)
{
    struct resolve *r = arg;
    loop_dns_reread(r->loop); /* whatever their times say */
    ask(r);
}

struct resolve *resolve_start(struct loop *l, const char *host, resolve_fn fn, void *arg)
{
    struct resolve *r = calloc(1, sizeof(*r));
    if (!r) {
        return NULL;
    }
    r->loop = l;
    r->fn = fn;
    r->arg = arg;
    deferred_init(&r->done, on_done, r);
    deferred_init(&r->again, ask_again, r);
    r->host = strdup(host);
    if (!r->host) {
        free(r);
        return NULL;
    }
    if (is_number(host)) {
        add_text(r, host);
    } else if (is_localhost(host)) {
        add_text(r, "127.0.0.1");
        add_text(r, "::1");
    }
    if (r->n > 0) {
        loop_defer(l, &r->done);
    } else {
        ask(r);
    }
    return r;
}

void resolve_cancel(struct resolve *r)
{
    if (!r) {
        return;
    }
    deferred_cancel(&r->done);
    deferred_cancel(&r->again);
    if (r->request) {
        r->cancelled = true;
        evdns_getaddrinfo_cancel(r->request); /* on_evdns() frees */
    } else {
        release(r);
    }
}
