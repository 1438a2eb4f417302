/* SPDX-License-Identifier: MIT */
#include "gateway/transport/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "common/http/http_text.h"

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct address of_v4(const struct in_addr *in)
{
    struct address a;
    memcpy(a.bytes, v4_prefix, sizeof(v4_prefix));
    memcpy(a.bytes + sizeof(v4_prefix), in, sizeof(*in));
    return a;
}

uint64_t address_line(const struct address *a)
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t here[2][16] = {{[10] = 0xff, 0xff, 127, 0, 0, 1}, {[15] = 1}};
    if (memcmp(a->bytes, here[0], 16) == 0 || memcmp(a->bytes, here[1], 16) == 0) {
        return 0;
    }
    bool is_v4 = memcmp(a->bytes, v4, sizeof(v4)) == 0;
    uint64_t line = 0;
    for (size_t i = 0; i < 8; i++) {
        line = line << 8 | a->bytes[is_v4 ? 8 + i : i];
    }
    return line;
}

bool address_of_sockaddr(const struct sockaddr *sa, struct address *out)
{
    if (sa->sa_family == AF_INET) {
        *out = of_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        memcpy(out->bytes, &in6->sin6_addr, sizeof(out->bytes));
        return true;
    }
    return false;
}

static bool parse_number(struct str s, struct address *out)
{
    char text[ADDRESS_TEXT_MAX];
    if (s.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *out = of_v4(&v4);
        return true;
    }
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}

bool address_parse(struct str text, struct address *out)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t')) {
        text = str_after(text, 1);
    }
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) {
        text.n--;
    }
    if (text.n == 0) {
        return false;
    }
    if (text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);
        return end && parse_number((struct str){text.p + 1, (size_t)(end - text.p) - 1}, out);
    }
    /* One colon is a port's; several are an IPv6 address's own. */
    const char *colon = memchr(text.p, ':', text.n);
    const char *dot = memchr(text.p, '.', text.n);
    if (colon && dot && dot < colon) {
        text.n = (size_t)(colon - text.p);
    }
    return parse_number(text, out);
}

static bool is_v4(const struct address *a)
{
    return memcmp(a->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool is_loopback(const struct address *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    return is_v4(a) ? a->bytes[12] == 127 : memcmp(a->bytes, v6, sizeof(v6)) == 0;
}

size_t address_write(const struct address *a, char out[static ADDRESS_TEXT_MAX])
{
    const char *text = is_v4(a)
                           ? inet_ntop(AF_INET, a->bytes + sizeof(v4_prefix), out, ADDRESS_TEXT_MAX)
                           : inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_MAX);
    return text ? strlen(text) : 0; /* always fits */
}

/* Digits only; -1 when it is no number up to max. */
static int parse_bits(struct str s, int max)
{
    int bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || bits > max) {
            return -1;
        }
        bits = bits * 10 + (s.p[i] - '0');
    }
    return s.n > 0 && bits <= max ? bits : -1;
}

static bool parse_network(struct str text, struct network *out)
{
    const char *slash = memchr(text.p, '/', text.n);
    struct str base = {text.p, slash ? (size_t)(slash - text.p) : text.n};
    if (!parse_number(base, &out->base)) {
        return false;
    }
    int own_bits = is_v4(&out->base) && memchr(base.p, '.', base.n) ? 32 : 128;
    int bits = slash ? parse_bits(str_after(text, base.n + 1), own_bits) : own_bits;
    out->prefix_bits = (unsigned)(128 - own_bits + bits);
    return bits >= 0;
}

bool networks_parse(const struct string_list *list, struct networks *out, const char **out_bad)
{
    struct networks parsed = {.v = calloc(MAX(list->n, 1u), sizeof(*parsed.v))};
    *out_bad = NULL;
    if (!parsed.v) {
        return false;
    }
    for (; parsed.n < list->n; parsed.n++) {
        if (!parse_network(str_of(list->v[parsed.n]), &parsed.v[parsed.n])) {
            *out_bad = list->v[parsed.n];
            networks_release(&parsed);
            return false;
        }
    }
    *out = parsed;
    return true;
}

void networks_release(struct networks *n)
{
    free(n->v);
    *n = (struct networks){0};
}

static bool is_inside(const struct network *n, const struct address *a)
{
    unsigned whole = n->prefix_bits / 8;
    unsigned rest = n->prefix_bits % 8;
    if (memcmp(n->base.bytes, a->bytes, whole) != 0) {
        return false;
    }
    unsigned mask = 0xff00u >> rest & 0xffu;
    return rest == 0 || ((n->base.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

bool networks_hold(const struct networks *n, const struct address *a)
{
    for (size_t i = 0; i < n->n; i++) {
        if (is_inside(&n->v[i], a)) {
            return true;
        }
    }
    return false;
}

/* The last element of a list, which is cut off it. False: the list was empty. */
static bool take_last(struct str *list, struct str *out)
{
    if (list->n == 0) {
        return false;
    }
    const char *comma = memrchr(list->p, ',', list->n);
    size_t from = comma ? (size_t)(comma - list->p) + 1 : 0;
    *out = str_after(*list, from);
    list->n = comma ? from - 1 : 0;
    return true;
}

/* Proxies append: only what stands behind the last untrusted address was written by somebody we
 * trust. An element that is no address ("unknown") ends the chain. */
static bool walk_back(const struct networks *trusted, const struct http_values *chain,
                      struct address *out)
{
    bool found = false;
    for (size_t i = chain->n; i > 0; i--) {
        struct str list = chain->v[i - 1];
        struct str element;
        while (take_last(&list, &element)) {
            struct address a;
            if (!address_parse(element, &a)) {
                return found;
            }
            *out = a;
            found = true;
            if (!networks_hold(trusted, &a)) {
                return true;
            }
        }
    }
    return found;
}

bool address_forwarded(const struct networks *trusted, const struct http_head *r,
                       struct address *out)
{
    return walk_back(trusted, &r->forwarded_for, out) ||
           (r->real_ip.n > 0 && address_parse(r->real_ip, out));
}

bool address_is_local(const struct networks *trusted, const struct http_head *r,
                      const struct address *peer)
{
    return is_loopback(peer) && !networks_hold(trusted, peer) && http_is_local(r);
}
