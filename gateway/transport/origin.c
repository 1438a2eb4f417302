/* SPDX-License-Identifier: MIT */
#include "gateway/transport/origin.h"

#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "common/http/http_text.h"

struct origin {
    struct str scheme; /* "" when it has none */
    struct str host;   /* an IPv6 address with its brackets */
    struct str port;   /* "" when it is the scheme's own */
};

static void split_port(struct str authority, struct origin *o)
{
    size_t from = 0;
    if (authority.n > 0 && authority.p[0] == '[') {
        const char *bracket = memchr(authority.p, ']', authority.n);
        from = bracket ? (size_t)(bracket - authority.p) : 0;
    }
    const char *colon = memchr(authority.p + from, ':', authority.n - from);
    o->host = authority;
    if (colon) {
        o->host.n = (size_t)(colon - authority.p);
        o->port = str_after(authority, o->host.n + 1);
    }
}

/* `https://omegaup.com:8443`, or only its last two parts; a slash at the end does not matter. */
static struct origin parse(struct str text)
{
    struct origin o = {.scheme = STR(""), .port = STR("")};
    const char *mark = text.n ? memmem(text.p, text.n, "://", 3) : NULL;
    if (mark) {
        o.scheme = (struct str){text.p, (size_t)(mark - text.p)};
        text = str_after(text, o.scheme.n + 3);
    }
    const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
    if (slash) {
        text.n = (size_t)(slash - text.p);
    }
    if (text.n > 0) {
        split_port(text, &o);
    }
    bool is_default = (http_same_word(o.scheme, STR("https")) && str_eq(o.port, STR("443"))) ||
                      (http_same_word(o.scheme, STR("http")) && str_eq(o.port, STR("80")));
    if (is_default) {
        o.port = STR("");
    }
    return o;
}

/* "*.example": every host below it, not itself. */
static bool is_host(struct str host, struct str pattern)
{
    if (!str_starts(pattern, STR("*."))) {
        return http_same_word(host, pattern);
    }
    struct str tail = str_after(pattern, 1);
    return host.n > tail.n && http_same_word(str_after(host, host.n - tail.n), tail);
}

/* An entry without a scheme names a host, whatever the scheme and port; `http://localhost:*` means
 * any port, `*.judge.example` any host below that one. */
static bool matches(const struct origin *o, const char *entry)
{
    struct origin e = parse(str_of(entry));
    if (!is_host(o->host, e.host)) {
        return false;
    }
    bool is_port = str_eq(e.port, STR("*")) || str_eq(o->port, e.port);
    return e.scheme.n == 0 || (http_same_word(o->scheme, e.scheme) && is_port);
}

static bool is_listed(struct str text, const struct string_list *allowed)
{
    struct origin o = parse(text);
    for (size_t i = 0; i < allowed->n; i++) {
        if (strcmp(allowed->v[i], "*") == 0) {
            return true;
        }
        /* What browsers say of a page of a file, or in a sandbox. */
        if (strcmp(allowed->v[i], "null") == 0 && str_eq(text, STR("null"))) {
            return true;
        }
        if (o.host.n > 0 && o.scheme.n > 0 && matches(&o, allowed->v[i])) {
            return true;
        }
    }
    return false;
}

bool origin_is_allowed(const struct http_head *r, const struct string_list *allowed)
{
    if (!r->origin.p) {
        return !http_same_word(r->sec_fetch_site, STR("cross-site")) &&
               !http_same_word(r->sec_fetch_site, STR("same-site"));
    }
    if (allowed->n > 0) {
        return is_listed(r->origin, allowed);
    }
    /* Scheme and port are passed over: proxies end TLS, and drop the port from Host. */
    struct origin o = parse(r->origin);
    struct origin ours = parse(r->host);
    return o.scheme.n > 0 && o.host.n > 0 && http_same_word(o.host, ours.host);
}
