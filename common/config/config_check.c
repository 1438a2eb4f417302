/* SPDX-License-Identifier: MIT */
/* config_check: one small function per kind of string. */
#include "common/config/config_check.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/http_origin.h"
#include "common/log.h"
#include "common/redis/redis_url.h"

static bool is_printable(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || *s == '\x7f') {
            return false;
        }
    }
    return true;
}

static const char *check_frontend(const char *v)
{
    if (!v[0]) {
        return NULL; /* there is none */
    }
    size_t scheme = str_starts(str_of(v), STR("https://"))  ? 8
                    : str_starts(str_of(v), STR("http://")) ? 7
                                                            : 0;
    if (scheme == 0 || v[scheme] == '\0' || v[scheme] == '/') {
        return "must be a URL that begins with https:// or http://";
    }
    if (!is_printable(v) || strpbrk(v, "?#")) {
        return "must be a URL without query or spaces";
    }
    return http_origin_check(v) ? "must be a URL with nothing but host, port and path" : NULL;
}

static const char *check_client_auth(const char *v)
{
    bool known = strcmp(v, "routes") == 0 || strcmp(v, "require") == 0;
    return known ? NULL : "must be \"routes\" or \"require\"";
}

static const char *check_level(const char *v)
{
    enum log_level level;
    return log_level_parse(str_of(v), &level) ? NULL : "must be error, warn, info or debug";
}

static const char *check_redis(const char *v)
{
    struct redis_url url;
    const char *why;
    if (!redis_url_parse(str_of(v), &url, &why)) {
        return why;
    }
    redis_url_release(&url);
    return NULL;
}

static const char *check_channel(const char *v)
{
    size_t n = strlen(v);
    return n > 0 && n <= 200 && is_printable(v) ? NULL
                                                : "must be 1 to 200 characters without spaces";
}

/* "*" may stand for the first labels of a host (`*.judge.example`) and for a port. */
static const char *check_origin(const char *v)
{
    static const char why[] = "must be a list of origins like \"https://omegaup.com\" or "
                              "\"https://*.omegaup.com\", or [\"*\"]";
    const char *host = strstr(v, "://");
    if (strcmp(v, "*") == 0 || strcmp(v, "null") == 0) {
        return NULL;
    }
    if (!host || memchr(v, '*', (size_t)(host - v)) || !is_printable(v)) {
        return why;
    }
    host += strncmp(host, "://*.", 5) == 0 ? 5 : 3;
    size_t n = strcspn(host, "/");
    const char *star = memchr(host, '*', n);
    bool is_port = star && star > host && star[-1] == ':' && (size_t)(star - host) + 1 == n;
    return n > 0 && host[0] != ':' && (!star || is_port) ? NULL : why;
}

/* Bits of an address of this text, 0 when it is none. */
static int address_bits(const char *text)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, text, address) == 1) {
        return 32;
    }
    return inet_pton(AF_INET6, text, address) == 1 ? 128 : 0;
}

static const char *check_network(const char *v)
{
    static const char why[] = "must be a list of addresses or networks like \"10.0.0.0/8\"";
    char address[INET6_ADDRSTRLEN];
    size_t n = strcspn(v, "/");
    if (n >= sizeof(address)) {
        return why;
    }
    memcpy(address, v, n);
    address[n] = '\0';
    int bits = address_bits(address);
    if (bits == 0 || v[n] == '\0') {
        return bits ? NULL : why;
    }
    const char *digits = v + n + 1;
    size_t count = strspn(digits, "0123456789");
    bool ok = count > 0 && count <= 3 && !digits[count] && strtol(digits, NULL, 10) <= bits;
    return ok ? NULL : why;
}

static const char *check_bind(const char *v)
{
    return !v[0] || address_bits(v) ? NULL : "must be an IP address, or empty for all";
}

const char *config_check_string(const struct setting *row, const char *value)
{
    static const struct {
        const char *path;
        const char *(*check)(const char *value);
    } checks[] = {
        {"Broadcaster.FrontendURL", check_frontend},
        {"Broadcaster.TLS.ClientAuth", check_client_auth},
        {"Broadcaster.AllowedOrigins", check_origin},
        {"Broadcaster.TrustedProxies", check_network},
        {"Broadcaster.Bind", check_bind},
        {"Metrics.Bind", check_bind},
        {"Redis.URL", check_redis},
        {"Redis.URLs", check_redis},
        {"Redis.Channel", check_channel},
        {"Logging.Level", check_level},
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (strcmp(checks[i].path, row->path) == 0) {
            return checks[i].check(value);
        }
    }
    return NULL;
}
