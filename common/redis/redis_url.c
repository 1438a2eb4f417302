/* SPDX-License-Identifier: MIT */
/* redis_url: one copy of the text is cut up in place, each piece ended by a zero byte. Decoding
 * only ever shortens a piece, so it needs no memory of its own.
 */
#include "common/redis/redis_url.h"

#include <stdlib.h>
#include <sys/un.h>

enum {
    PORT_REDIS = 6379,
    PORT_SENTINEL = 26379,
    PORT_MAX = 65535,
    DB_MAX = 1000000, /* Redis takes any number in its `databases`; this is beyond all of them */
    URL_MAX = 4096
};

static const struct scheme {
    const char *prefix;
    enum redis_url_kind kind;
    uint16_t port;
    bool tls;
} schemes[] = {
    {"redis://", REDIS_URL_TCP, PORT_REDIS, false},
    {"rediss://", REDIS_URL_TCP, PORT_REDIS, true},
    {"unix://", REDIS_URL_UNIX, 0, false},
    {"redis+sentinel://", REDIS_URL_SENTINEL, PORT_SENTINEL, false},
    {"rediss+sentinel://", REDIS_URL_SENTINEL, PORT_SENTINEL, true},
};

static bool fail(const char **out_why, const char *why)
{
    *out_why = why;
    return false;
}

static const struct scheme *scheme_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strncmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes %XX in place. False for a bad escape and for a zero byte, which no C string can hold. */
static bool decode_percent(char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++) {
        char c = *from;
        if (c == '%') {
            int high = hex_value(from[1]);
            int low = high < 0 ? -1 : hex_value(from[2]);
            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            c = (char)(high * 16 + low);
            from += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

static bool parse_number(const char *s, int min, int max, int *out)
{
    int n = 0;
    if (*s == '\0') {
        return false;
    }
    for (; *s; s++) {
        if (*s < '0' || *s > '9') {
            return false;
        }
        n = n * 10 + (*s - '0');
        if (n > max) {
            return false;
        }
    }
    if (n < min) {
        return false;
    }
    *out = n;
    return true;
}

/* An '@' behind one of these ends a user and password that hold it. A socket's path may hold both. */
static const char *foreign_character(const struct redis_url *u, const char *s)
{
    static const struct {
        char c;
        const char *why;
    } rows[] = {
        {'/', "user or password hold '/': write %2F"},
        {'?', "user or password hold '?': write %3F"},
        {'#', "user or password hold '#': write %23"},
    };
    const char *at = strrchr(s, '@');
    const char *first = s + strcspn(s, "/?#");
    for (size_t i = 0; at && first < at && i < ARRAY_LEN(rows); i++) {
        if (u->kind != REDIS_URL_UNIX && rows[i].c == *first) {
            return rows[i].why;
        }
    }
    return NULL;
}

/* Takes "user:pass@", ":pass@" off the front of *s, if it is there. The last '@' before the first
 * '/' counts, as a password may hold one. */
static bool parse_credentials(struct redis_url *u, char **s, const char **out_why)
{
    const char *foreign = foreign_character(u, *s);
    if (foreign) {
        return fail(out_why, foreign);
    }
    size_t authority = strcspn(*s, "/");
    char *at = memrchr(*s, '@', authority);
    if (!at) {
        return true;
    }
    *at = '\0';
    char *user = *s;
    char *colon = strchr(user, ':');
    *s = at + 1;
    if (!colon) {
        return fail(out_why, "a user without a password: write user:password@ or :password@");
    }
    *colon = '\0';
    if (!decode_percent(user) || !decode_percent(colon + 1)) {
        return fail(out_why, "user or password hold '%' without two hexadecimal digits: write %25");
    }
    if (colon[1] == '\0') {
        return fail(out_why, "an empty password");
    }
    u->user = *user ? user : NULL;
    u->password = colon + 1;
    return true;
}

/* One "host", "host:port", "[v6]" or "[v6]:port". */
static bool parse_host(char *s, uint16_t default_port, struct redis_url_host *out)
{
    char *rest;
    if (*s == '[') {
        s++;
        rest = strchr(s, ']');
        if (!rest) {
            return false;
        }
        *rest++ = '\0';
    } else {
        rest = s + strcspn(s, ":");
    }
    int port = default_port;
    if (*rest == ':') {
        *rest = '\0';
        if (!parse_number(rest + 1, 1, PORT_MAX, &port)) {
            return false;
        }
    } else if (*rest != '\0') {
        return false;
    }
    if (*s == '\0' || s[strcspn(s, " \t?#%@[]")] != '\0') {
        return false;
    }
    *out = (struct redis_url_host){s, (uint16_t)port};
    return true;
}

static bool parse_hosts(struct redis_url *u, char *s, uint16_t default_port, const char **out_why)
{
    while (s) {
        char *next = strchr(s, ',');
        if (next) {
            *next++ = '\0';
        }
        if (next && u->kind != REDIS_URL_SENTINEL) {
            return fail(out_why, "several hosts are for redis+sentinel:// only");
        }
        if (u->n_hosts == REDIS_URL_MAX_HOSTS) {
            return fail(out_why, "more than 8 hosts");
        }
        if (!parse_host(s, default_port, &u->hosts[u->n_hosts])) {
            return fail(out_why, "a bad host or port");
        }
        u->n_hosts++;
        s = next;
    }
    return true;
}

static bool parse_db(struct redis_url *u, const char *s, const char **out_why)
{
    return *s == '\0' || parse_number(s, 0, DB_MAX, &u->db) ||
           fail(out_why, "the database is not a number");
}

/* host[:port][/db], or hosts/name[/db] for Sentinel. */
static bool parse_network(struct redis_url *u, char *s, uint16_t default_port, const char **out_why)
{
    if (s[strcspn(s, "?#")] != '\0') {
        return fail(out_why, "no parameters are understood here");
    }
    char *path = strchr(s, '/');
    if (path) {
        *path++ = '\0';
    }
    if (!parse_hosts(u, s, default_port, out_why)) {
        return false;
    }
    if (u->kind == REDIS_URL_SENTINEL) {
        if (!path || *path == '\0' || *path == '/') {
            return fail(out_why, "the name of the master is missing: redis+sentinel://hosts/name");
        }
        char *name = path;
        path = strchr(name, '/');
        if (path) {
            *path++ = '\0';
        }
        u->service = name;
    }
    return !path || parse_db(u, path, out_why);
}

static bool parse_unix(struct redis_url *u, char *s, const char **out_why)
{
    char *query = strchr(s, '?');
    if (query) {
        *query++ = '\0';
        if (strncmp(query, "db=", 3) != 0 || query[3] == '\0') {
            return fail(out_why, "the only parameter of a unix:// address is ?db=N");
        }
        if (!parse_db(u, query + 3, out_why)) {
            return false;
        }
    }
    if (*s == '\0') {
        return fail(out_why, "the path of the socket is missing");
    }
    if (strlen(s) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return fail(out_why, "the path of the socket is too long");
    }
    u->hosts[u->n_hosts++] = (struct redis_url_host){s, 0};
    return true;
}

bool redis_url_parse(struct str s, struct redis_url *out, const char **out_why)
{
    if (s.n == 0 || s.n > URL_MAX || memchr(s.p, '\0', s.n)) {
        return fail(out_why, "an empty or overlong address");
    }
    struct redis_url u = {.text = strndup(s.p, s.n)};
    if (!u.text) {
        return fail(out_why, "out of memory");
    }
    const struct scheme *scheme = scheme_of(u.text);
    if (!scheme) {
        redis_url_release(&u);
        return fail(out_why,
                    "it begins with none of redis://, rediss://, unix://, redis+sentinel://, "
                    "rediss+sentinel://");
    }
    u.kind = scheme->kind;
    u.tls = scheme->tls;
    char *rest = u.text + strlen(scheme->prefix);
    if (!parse_credentials(&u, &rest, out_why) ||
        !(u.kind == REDIS_URL_UNIX ? parse_unix(&u, rest, out_why)
                                   : parse_network(&u, rest, scheme->port, out_why))) {
        redis_url_release(&u);
        return false;
    }
    *out = u;
    return true;
}

void redis_url_release(struct redis_url *u)
{
    free(u->text);
    *u = (struct redis_url){0};
}
