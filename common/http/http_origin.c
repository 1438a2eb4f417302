/* SPDX-License-Identifier: MIT */
/* http_origin: evhttp's parser takes the URL apart, and this decides what of it makes sense here.
 */
#include "common/http/http_origin.h"

#include <ctype.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/tls_ctx.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

bool http_is_one_line(const char *s)
{
    while (*s && !iscntrl((unsigned char)*s)) {
        s++;
    }
    return *s == '\0';
}

bool http_is_one_word(const char *s)
{
    return http_is_one_line(s) && !strchr(s, ' ');
}

static bool is_scheme(const struct evhttp_uri *uri, const char *name)
{
    const char *scheme = evhttp_uri_get_scheme(uri);
    return scheme && strcasecmp(scheme, name) == 0;
}

static const char *objection(const struct evhttp_uri *uri)
{
    const char *host = evhttp_uri_get_host(uri);
    if (!is_scheme(uri, "http") && !is_scheme(uri, "https")) {
        return "the URL begins with neither http:// nor https://";
    }
    if (!host || host[0] == '\0') {
        return "the URL names no host";
    }
    if (evhttp_uri_get_port(uri) == 0) {
        return "port 0 in the URL";
    }
    if (evhttp_uri_get_userinfo(uri) || evhttp_uri_get_query(uri) || evhttp_uri_get_fragment(uri) ||
        !http_is_one_word(evhttp_uri_get_path(uri))) {
        return "the URL may hold nothing but host, port and path";
    }
    return NULL;
}

const char *http_origin_check(const char *base_url)
{
    struct evhttp_uri *uri = evhttp_uri_parse(base_url);
    if (!uri) {
        return "it is not a URL";
    }
    const char *why = objection(uri);
    evhttp_uri_free(uri);
    return why;
}

static bool fill(struct http_origin *o, const struct evhttp_uri *uri)
{
    const char *host = evhttp_uri_get_host(uri);
    const char *path = evhttp_uri_get_path(uri);
    size_t host_len = strlen(host);
    size_t path_len = strlen(path);
    int port = evhttp_uri_get_port(uri); /* -1: absent */
    int usual_port = is_scheme(uri, "https") ? PORT_HTTPS : PORT_HTTP;
    bool ends_in_slash = path_len > 0 && path[path_len - 1] == '/';
    o->port = (uint16_t)(port > 0 ? port : usual_port);
    /* evhttp leaves the brackets of a v6 number. */
    o->host = host[0] == '[' ? strndup(host + 1, host_len - 2) : strdup(host);
    o->prefix = strndup(path, ends_in_slash ? path_len - 1 : path_len);
    int n = o->port == usual_port ? asprintf(&o->host_header, "%s", host)
                                  : asprintf(&o->host_header, "%s:%u", host, (unsigned)o->port);
    if (n < 0) {
        o->host_header = NULL; /* undefined until now */
    }
    return o->host && o->prefix && o->host_header;
}

const char *http_origin_init(struct http_origin *o, const char *base_url, const char *ca_file)
{
    struct evhttp_uri *uri = evhttp_uri_parse(base_url);
    if (!uri) {
        return "it is not a URL";
    }
    const char *why = objection(uri);
    if (!why && !fill(o, uri)) {
        why = "out of memory";
    }
    if (!why && is_scheme(uri, "https")) {
        o->tls = tls_client_ctx(ca_file, &why);
    }
    evhttp_uri_free(uri);
    return why;
}

void http_origin_release(struct http_origin *o)
{
    tls_ctx_free(o->tls);
    free(o->host);
    free(o->host_header);
    free(o->prefix);
    *o = (struct http_origin){0};
}
