/* SPDX-License-Identifier: MIT */
#include "gateway/request.h"

#include <strings.h>

#include "proto/limits.h"

#define CRLF "\r\n"

struct known_field {
    const char *name; /* lower case */
    size_t name_len;
    bool is_list; /* struct request_values, else struct str */
    size_t offset;
};
#define SINGLE(text, field)                                                                        \
    {                                                                                              \
        text, sizeof(text) - 1, false, offsetof(struct request, field)                             \
    }
#define LIST(text, field)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, true, offsetof(struct request, field)                              \
    }

static const struct known_field known_fields[] = {
    SINGLE("host", host),
    SINGLE("origin", origin),
    SINGLE("sec-fetch-site", sec_fetch_site),
    SINGLE("authorization", authorization),
    SINGLE("x-real-ip", real_ip),
    SINGLE("last-event-id", last_event_id),
    SINGLE("sec-websocket-key", ws_key),
    SINGLE("sec-websocket-version", ws_version),
    SINGLE("content-length", content_length),
    SINGLE("transfer-encoding", transfer_encoding),
    LIST("accept", accept),
    LIST("connection", connection),
    LIST("cookie", cookie),
    LIST("if-none-match", if_none_match),
    LIST("upgrade", upgrade),
    LIST("x-forwarded-for", forwarded_for),
    LIST("sec-websocket-protocol", ws_protocol),
    LIST("sec-websocket-extensions", ws_extensions),
};

static size_t find(struct str s, size_t from, const char *what, size_t what_len)
{
    const char *at = s.n > from ? memmem(s.p + from, s.n - from, what, what_len) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

/* In what is not whole, a bound is passed only when no rest could make it keep it: the last bytes
 * may be the beginning of the end. */
enum request_progress request_progress(struct str bytes, size_t seen, size_t *out_head)
{
    if (bytes.n > 0 && (bytes.p[0] < 'A' || bytes.p[0] > 'Z')) {
        return REQUEST_NOT_HTTP;
    }
    size_t line = find(bytes, 0, CRLF, 2);
    bool has_line = line < bytes.n;
    if (line > LIMIT_REQUEST_LINE_BYTES + (has_line ? 0 : 1)) {
        return REQUEST_LINE_TOO_LONG;
    }
    if (!has_line) {
        return REQUEST_INCOMPLETE;
    }
    /* The empty line may have begun among the last three bytes seen before. */
    size_t end = find(bytes, MAX(line, seen > 3 ? seen - 3 : 0), CRLF CRLF, 4);
    bool has_end = end < bytes.n;
    if (end > line + LIMIT_REQUEST_HEADER_BYTES + (has_end ? 0 : 3)) {
        return REQUEST_HEADERS_TOO_LARGE;
    }
    if (!has_end) {
        return REQUEST_INCOMPLETE;
    }
    *out_head = end + 4;
    return REQUEST_COMPLETE;
}

bool request_is_token_char(char c)
{
    bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return alnum || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!request_is_token_char(s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static bool has_only(struct str s, unsigned char first, unsigned char last)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < first || c > last) {
            return false;
        }
    }
    return true;
}

static struct str trim(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s = str_after(s, 1);
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

/* Cuts s at the first `at`; what follows it is in *out_after. False: there is none. */
static bool split(struct str *s, char at, struct str *out_after)
{
    const char *found = s->n ? memchr(s->p, at, s->n) : NULL;
    if (!found) {
        return false;
    }
    size_t before = (size_t)(found - s->p);
    *out_after = str_after(*s, before + 1);
    s->n = before;
    return true;
}

/* Leaves the path and query of `http://host/path`, which every server must take (RFC 9112, 3.2.2). */
static struct str without_authority(struct str target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (target.n > n && strncasecmp(target.p, schemes[i], n) == 0) {
            while (n < target.n && target.p[n] != '/' && target.p[n] != '?') {
                n++;
            }
            return str_after(target, n);
        }
    }
    return target;
}

static const char *parse_line(struct str line, struct request *r)
{
    struct str target;
    struct str version;
    r->method = line;
    if (!split(&r->method, ' ', &target) || !split(&target, ' ', &version)) {
        return "the request line has no three parts";
    }
    if (!is_token(r->method) || !has_only(target, 0x21, 0x7e) || target.n == 0) {
        return "a character in the request line is not allowed there";
    }
    r->is_http_1_1 = str_eq(version, STR("HTTP/1.1"));
    if (!r->is_http_1_1 && !str_eq(version, STR("HTTP/1.0"))) {
        return "only HTTP/1.1 and HTTP/1.0 are spoken here";
    }
    r->path = without_authority(target);
    bool is_absolute = r->path.p != target.p;
    bool has_query = split(&r->path, '?', &r->query);
    if (is_absolute && r->path.n == 0) { /* http://host or http://host?query */
        r->path = STR("/");
    }
    if (!has_query) {
        r->query = STR_NONE;
    }
    bool is_path = r->path.n > 0 && (r->path.p[0] == '/' || str_eq(r->path, STR("*")));
    return is_path ? NULL : "the request target is not a path";
}

static const char *keep(const struct known_field *k, struct str value, struct request *r)
{
    char *slot = (char *)r + k->offset;
    if (k->is_list) {
        struct request_values *values = (struct request_values *)(void *)slot;
        if (values->n == REQUEST_VALUES_MAX) {
            return "a header field is repeated too often";
        }
        values->v[values->n++] = value;
        return NULL;
    }
    struct str *single = (struct str *)(void *)slot;
    if (single->p) {
        return "a header field that may stand only once is repeated";
    }
    *single = value;
    return NULL;
}

static const char *parse_field(struct str line, struct request *r)
{
    struct str name = line;
    struct str value;
    if (!split(&name, ':', &value) || !is_token(name)) {
        return "a header line is malformed";
    }
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return "a header field holds a control character";
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(known_fields); i++) {
        const struct known_field *k = &known_fields[i];
        if (k->name_len == name.n && strncasecmp(k->name, name.p, name.n) == 0) {
            return keep(k, trim(value), r);
        }
    }
    return NULL;
}

const char *request_parse(struct str head, struct request *out)
{
    struct request r = {0};
    size_t at = find(head, 0, CRLF, 2);
    const char *why = parse_line((struct str){head.p, at}, &r);

    for (at += 2; !why && at + 2 < head.n;) {
        struct str rest = str_after(head, at);
        struct str line = {rest.p, find(rest, 0, CRLF, 2)};
        why = parse_field(line, &r);
        at += line.n + 2;
    }
    if (!why && r.content_length.p &&
        (r.content_length.n == 0 || !has_only(r.content_length, '0', '9'))) {
        why = "Content-Length is no number";
    }
    if (why) {
        return why;
    }
    r.has_body =
        r.transfer_encoding.p || (r.content_length.p && !has_only(r.content_length, '0', '0'));
    *out = r;
    return NULL;
}

bool request_same_text(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool request_lists(const struct request_values *values, struct str token)
{
    for (size_t i = 0; i < values->n; i++) {
        struct str rest = values->v[i];
        bool more = true;
        while (more) {
            struct str element = rest;
            struct str parameters;
            more = split(&element, ',', &rest);
            (void)split(&element, ';', &parameters); /* they do not matter */
            if (request_same_text(trim(element), token)) {
                return true;
            }
        }
    }
    return false;
}
