/* SPDX-License-Identifier: MIT */
/* http_reader: what the lines of a head mean. */
#include "common/http/http_reader.h"

#include <string.h>

#include "common/http/http_text.h"

enum { CONTENT_LENGTH_DIGITS_MAX = 18 };

struct known_field {
    struct str name;   /* lower case */
    unsigned interest; /* of whom; HTTP_BASIC: of everybody */
    bool is_list;      /* struct http_values, else struct str, which may stand once */
    size_t offset;
};
#define SINGLE(text, who, field)                                                                   \
    {                                                                                              \
        {text, sizeof(text) - 1}, who, false, offsetof(struct http_head, field)                    \
    }
#define LIST(text, who, field)                                                                     \
    {                                                                                              \
        {text, sizeof(text) - 1}, who, true, offsetof(struct http_head, field)                     \
    }
static const struct known_field known_fields[] = {
    SINGLE("host", HTTP_BASIC, host),
    SINGLE("content-length", HTTP_BASIC, content_length_text),
    SINGLE("transfer-encoding", HTTP_BASIC, transfer_encoding),
    SINGLE("authorization", HTTP_EVENTS | HTTP_PUBLISHING, authorization),
    SINGLE("content-type", HTTP_PUBLISHING, content_type),
    SINGLE("idempotency-key", HTTP_PUBLISHING, idempotency_key),
    SINGLE("expect", HTTP_PUBLISHING, expect),
    SINGLE("origin", HTTP_EVENTS, origin),
    SINGLE("sec-fetch-site", HTTP_EVENTS, sec_fetch_site),
    SINGLE("x-real-ip", HTTP_EVENTS, real_ip),
    SINGLE("last-event-id", HTTP_EVENTS, last_event_id),
    SINGLE("sec-websocket-key", HTTP_EVENTS, ws_key),
    SINGLE("sec-websocket-version", HTTP_EVENTS, ws_version),
    LIST("accept", HTTP_EVENTS, accept),
    LIST("connection", HTTP_EVENTS, connection),
    LIST("cookie", HTTP_EVENTS, cookie),
    LIST("if-none-match", HTTP_EVENTS, if_none_match),
    LIST("upgrade", HTTP_EVENTS, upgrade),
    LIST("x-forwarded-for", HTTP_EVENTS, forwarded_for),
    LIST("sec-websocket-protocol", HTTP_EVENTS, ws_protocol),
    LIST("sec-websocket-extensions", HTTP_EVENTS, ws_extensions),
};

static const struct http_fault nothing_wrong = {0, NULL};

static struct http_fault bad(const char *reason)
{
    return (struct http_fault){400, reason};
}

/* --- where it ends --- */

size_t http_reader_empty_lines(struct str bytes)
{
    size_t n = 0;
    while (bytes.n - n >= 2 && bytes.p[n] == '\r' && bytes.p[n + 1] == '\n') {
        n += 2;
    }
    return n;
}

enum http_find http_reader_find(struct str bytes, size_t seen, const struct http_rules *rules,
                                size_t *out_n, struct http_fault *out_fault)
{
    const struct http_limits limits = {rules->max_line_bytes, rules->max_fields_bytes};
    bool is_begun = bytes.n > 0 && !(bytes.n == 1 && bytes.p[0] == '\r');
    if (is_begun && !http_is_token_char(bytes.p[0])) { /* a TLS hello, for example */
        *out_fault = bad("this is not HTTP");
        return HTTP_FIND_FAULT;
    }
    switch (http_text_scan(bytes, seen, limits, out_n)) {
    case HTTP_SCAN_COMPLETE: return HTTP_FIND_HEAD;
    case HTTP_SCAN_INCOMPLETE: return HTTP_FIND_MORE;
    case HTTP_SCAN_LINE_TOO_LONG:
        *out_fault = (struct http_fault){rules->line_too_long_status, rules->line_too_long};
        return HTTP_FIND_FAULT;
    case HTTP_SCAN_FIELDS_TOO_LARGE:
        *out_fault = (struct http_fault){431, rules->fields_too_large};
        return HTTP_FIND_FAULT;
    }
    return HTTP_FIND_MORE;
}

/* --- the request line --- */

/* Takes the authority off `http://host/path`, which every server must take (RFC 9112, 3.2.2).
 * False: it is in another form. */
static bool take_authority(struct str *target, struct str *out_authority)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = schemes[i].n;
        if (target->n < n || !http_same_word((struct str){target->p, n}, schemes[i])) {
            continue;
        }
        struct str rest = str_after(*target, n);
        size_t at = 0;
        while (at < rest.n && rest.p[at] != '/' && rest.p[at] != '?') {
            at++;
        }
        *out_authority = (struct str){rest.p, at};
        *target = str_after(rest, at);
        return true;
    }
    return false;
}

static struct http_fault take_target(struct str target, struct http_head *h,
                                     struct str *out_authority)
{
    if (memchr(target.p, '#', target.n)) {
        return bad("a byte that may not stand in a request target");
    }
    bool is_absolute = take_authority(&target, out_authority);
    if (is_absolute && (out_authority->n == 0 || !http_is_authority(*out_authority))) {
        return bad("the request target names no valid host");
    }
    const char *query = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;
    h->path = (struct str){target.p, query ? (size_t)(query - target.p) : target.n};
    h->query = query ? str_after(target, h->path.n + 1) : STR_NONE;
    if (is_absolute && h->path.n == 0) { /* http://host or http://host?query */
        h->path = STR("/");
    }
    bool is_path = h->path.n > 0 && h->path.p[0] == '/';
    bool is_server = str_eq(target, STR("*")) && str_eq(h->method, STR("OPTIONS"));
    return is_path || is_server ? nothing_wrong : bad("the request target is not a path");
}

static struct http_fault take_line(struct str *text, struct http_head *h, struct str *out_authority)
{
    struct http_line line;
    const char *reason = http_text_line(text, &line);
    if (reason) {
        return (struct http_fault){line.is_later_version ? 505 : 400, reason};
    }
    h->method = line.method;
    h->is_http_1_1 = h->keep_alive = line.is_http_1_1;
    return take_target(line.target, h, out_authority);
}

/* --- fields --- */

static void read_connection(struct str value, struct http_head *h)
{
    struct str word;
    while (http_text_element(&value, &word)) {
        if (http_same_word(word, STR("close"))) {
            h->keep_alive = false;
        } else if (!h->is_http_1_1 && http_same_word(word, STR("keep-alive"))) {
            h->keep_alive = true;
        }
    }
}

static const char *keep(const struct known_field *k, struct str value, struct http_head *h)
{
    char *slot = (char *)h + k->offset;
    if (k->is_list) {
        struct http_values *values = (struct http_values *)(void *)slot;
        if (values->n == HTTP_VALUES_MAX) {
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

/* X-Forwarded-For, -Proto, -Host and whatever else, and those that came before and after them. */
static bool is_of_proxies(struct str name)
{
    static const struct str prefix = {"x-forwarded-", 12};
    return http_same_word(name, STR("forwarded")) || http_same_word(name, STR("via")) ||
           http_same_word(name, STR("x-real-ip")) ||
           (name.n >= prefix.n && http_same_word((struct str){name.p, prefix.n}, prefix));
}

static bool is_of_browsers(struct str name)
{
    static const struct str prefix = {"sec-fetch-", 10};
    return http_same_word(name, STR("origin")) ||
           (name.n > prefix.n && http_same_word((struct str){name.p, prefix.n}, prefix));
}

static const char *read_field(const struct http_pair *pair, const struct http_rules *rules,
                              struct http_head *h)
{
    if (http_same_word(pair->name, STR("connection"))) {
        read_connection(pair->value, h);
    }
    h->is_forwarded |= is_of_proxies(pair->name);
    if (rules->interest & HTTP_PUBLISHING && is_of_browsers(pair->name)) {
        h->is_from_browser = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(known_fields); i++) {
        const struct known_field *k = &known_fields[i];
        bool is_wanted = k->interest == HTTP_BASIC || k->interest & rules->interest;
        if (is_wanted && http_same_word(k->name, pair->name)) {
            return keep(k, pair->value, h);
        }
    }
    return NULL;
}

static const char *take_fields(struct str *text, const struct http_rules *rules,
                               struct http_head *h)
{
    struct http_pair pair;
    const char *reason = http_text_field(text, &pair);
    while (!reason && pair.name.n > 0) {
        reason = read_field(&pair, rules, h);
        if (!reason) {
            reason = http_text_field(text, &pair);
        }
    }
    return reason;
}

/* --- what they mean together --- */

static struct http_fault check_host(struct http_head *h, struct str authority)
{
    if (!h->host.p && h->is_http_1_1) {
        return bad("the Host header field is missing");
    }
    if (h->host.n > 0 && !http_is_authority(h->host)) {
        return bad("the Host header field is malformed");
    }
    if (authority.p) {
        h->host = authority; /* RFC 9112, 3.2.2: it counts, the field does not */
    }
    return nothing_wrong;
}

static bool parse_length(struct str s, uint64_t *out)
{
    if (s.n == 0 || s.n > CONTENT_LENGTH_DIGITS_MAX) {
        return false;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = v;
    return true;
}

/* `chunked`, exactly once and alone. */
static struct http_fault check_coding(struct http_head *h)
{
    struct str rest = h->transfer_encoding;
    struct str coding;
    bool has_other = false;
    while (http_text_element(&rest, &coding)) {
        bool is_chunked = http_same_word(coding, STR("chunked"));
        if (!http_is_token(coding) || (is_chunked && h->is_chunked)) {
            return bad("Transfer-Encoding must be chunked, once and alone");
        }
        h->is_chunked |= is_chunked;
        has_other |= !is_chunked;
    }
    if (has_other) {
        return (struct http_fault){501, "the only transfer coding that is read is chunked"};
    }
    return nothing_wrong;
}

/* Where the body ends: two servers that disagree about it make a hole (RFC 9112, 6.3). */
static struct http_fault check_framing(struct http_head *h)
{
    struct str length = h->content_length_text;
    if (length.p && !parse_length(length, &h->content_length)) {
        return bad("Content-Length is not a number");
    }
    struct str encoding = h->transfer_encoding;
    h->has_body = encoding.p || h->content_length > 0;
    if (!encoding.p) {
        return nothing_wrong;
    }
    if (length.p) {
        return bad("Transfer-Encoding and Content-Length exclude each other");
    }
    if (!h->is_http_1_1) {
        return bad("HTTP/1.0 has no Transfer-Encoding");
    }
    return check_coding(h);
}

static struct http_fault check_expect(struct http_head *h)
{
    if (h->expect.p && h->is_http_1_1) { /* RFC 9110: in HTTP/1.0 it means nothing */
        if (!http_same_word(h->expect, STR("100-continue"))) {
            return (struct http_fault){417, "only 100-continue can be expected"};
        }
        h->expects_continue = true;
    }
    return nothing_wrong;
}

static struct http_fault parse(struct str *text, const struct http_rules *rules,
                               struct http_head *h)
{
    struct str authority = STR_NONE;
    struct http_fault fault = take_line(text, h, &authority);
    if (fault.reason) {
        return fault;
    }
    const char *reason = take_fields(text, rules, h);
    if (reason) {
        return bad(reason);
    }
    fault = check_host(h, authority);
    if (!fault.reason) {
        fault = check_framing(h);
    }
    return fault.reason ? fault : check_expect(h);
}

struct http_fault http_reader_parse(struct str text, const struct http_rules *rules,
                                    struct http_head *out)
{
    *out = (struct http_head){0};
    struct http_fault fault = parse(&text, rules, out);
    if (fault.reason && rules->interest & HTTP_PUBLISHING && !out->content_type.p) {
        out->content_type = http_reader_type(text);
    }
    return fault;
}

/* --- values --- */

struct str http_reader_type(struct str text)
{
    static const struct str name = {"content-type", 12};
    while (text.n > 0) {
        const char *lf = memchr(text.p, '\n', text.n);
        struct str line = {text.p, lf ? (size_t)(lf - text.p) : text.n};
        text = str_after(text, lf ? line.n + 1 : line.n);
        if (line.n > name.n && line.p[name.n] == ':' &&
            http_same_word((struct str){line.p, name.n}, name)) {
            line.n -= line.p[line.n - 1] == '\r';
            return http_text_trim(str_after(line, name.n + 1));
        }
    }
    return STR_NONE;
}

/* Without what follows the first semicolon. */
static struct str without_parameters(struct str s)
{
    const char *semicolon = s.n ? memchr(s.p, ';', s.n) : NULL;
    return http_text_trim(semicolon ? (struct str){s.p, (size_t)(semicolon - s.p)} : s);
}

bool http_is_type(struct str content_type, struct str type)
{
    return http_same_word(without_parameters(content_type), type);
}

bool http_lists(const struct http_values *values, struct str token)
{
    for (size_t i = 0; i < values->n; i++) {
        struct str rest = values->v[i];
        struct str element;
        while (http_text_element(&rest, &element)) {
            if (http_same_word(without_parameters(element), token)) {
                return true;
            }
        }
    }
    return false;
}

bool http_is_local_host(struct str host)
{
    if (host.n > 0 && host.p[0] == '[') {
        return str_eq(host, STR("[::1]")) || str_starts(host, STR("[::1]:"));
    }
    const char *colon = host.n > 0 ? memchr(host.p, ':', host.n) : NULL;
    host.n = colon ? (size_t)(colon - host.p) : host.n;
    if (http_same_word(host, STR("localhost"))) {
        return true;
    }
    bool is_number = str_starts(host, STR("127."));
    for (size_t i = 0; i < host.n; i++) {
        is_number = is_number && (host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9'));
    }
    return is_number;
}
