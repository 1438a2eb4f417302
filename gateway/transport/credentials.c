/* SPDX-License-Identifier: MIT */
#include "gateway/transport/credentials.h"

#include <strings.h>

#include "common/http/http_reader.h"
#include "proto/topic.h"

static struct str trim_spaces(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s = str_after(s, 1);
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

/* RFC 6265 lets a value stand between quotation marks. */
static struct str unquote(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') {
        return (struct str){s.p + 1, s.n - 2};
    }
    return s;
}

/* The first cookie of this name that is a token. */
static struct str find_in(struct str cookies, struct str name)
{
    while (cookies.n > 0) {
        const char *end = memchr(cookies.p, ';', cookies.n);
        struct str pair = {cookies.p, end ? (size_t)(end - cookies.p) : cookies.n};
        cookies = str_after(cookies, pair.n + (end ? 1 : 0));

        pair = trim_spaces(pair);
        if (pair.n <= name.n || !str_starts(pair, name) || pair.p[name.n] != '=') {
            continue;
        }
        struct str value = unquote(str_after(pair, name.n + 1));
        if (name_is_token(value)) {
            return value;
        }
    }
    return STR_NONE;
}

static struct str find_cookie(const struct http_head *r, struct str name)
{
    for (size_t i = 0; i < r->cookie.n; i++) {
        struct str value = find_in(r->cookie.v[i], name);
        if (value.n > 0) {
            return value;
        }
    }
    return STR_NONE;
}

static struct str find_authorization(const struct http_head *r)
{
    static const char scheme[] = "token ";
    const size_t n = sizeof(scheme) - 1;
    if (r->authorization.n <= n || strncasecmp(r->authorization.p, scheme, n) != 0) {
        return STR_NONE;
    }
    struct str token = trim_spaces(str_after(r->authorization, n));
    return name_is_token(token) ? token : STR_NONE;
}

struct str credentials_find(const struct http_head *r, bool cookies_allowed)
{
    struct str token = cookies_allowed ? find_cookie(r, STR("ouat")) : STR_NONE;
    if (token.n == 0) {
        token = find_authorization(r);
    }
    if (token.n == 0 && cookies_allowed) {
        token = find_cookie(r, STR("api_token"));
    }
    return token;
}
