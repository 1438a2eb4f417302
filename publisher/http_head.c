/* SPDX-License-Identifier: MIT */
/* http_head: line by line, each line once. */
#include "publisher/http_head.h"

enum { CONTENT_LENGTH_DIGITS_MAX = 18 };

static const struct str field_names[HTTP_FIELDS] = {
    [HTTP_HOST] = {"host", 4},
    [HTTP_CONTENT_LENGTH] = {"content-length", 14},
    [HTTP_CONTENT_TYPE] = {"content-type", 12},
    [HTTP_AUTHORIZATION] = {"authorization", 13},
    [HTTP_IDEMPOTENCY_KEY] = {"idempotency-key", 15},
    [HTTP_EXPECT] = {"expect", 6},
};

int http_head_status(enum http_head_result r)
{
    switch (r) {
    case HTTP_HEAD_OK: return 200;
    case HTTP_HEAD_BAD: return 400;
    case HTTP_HEAD_LINE_TOO_LONG: return 414;
    case HTTP_HEAD_TOO_LARGE: return 431;
    case HTTP_HEAD_EXPECTATION: return 417;
    }
    return 400;
}

/* An empty line also ends a head whose lines end in bare line feeds: the parser refuses it then,
 * which is better than to wait for what will not come. */
size_t http_head_end(struct str bytes, size_t *scanned)
{
    size_t at = *scanned;
    while (at < bytes.n) {
        const char *lf = memchr(bytes.p + at, '\n', bytes.n - at);
        if (!lf) {
            break;
        }
        size_t next = (size_t)(lf - bytes.p) + 1;
        if (next < bytes.n && bytes.p[next] == '\n') {
            return next + 1;
        }
        if (next + 1 < bytes.n && bytes.p[next] == '\r' && bytes.p[next + 1] == '\n') {
            return next + 2;
        }
        if (next + 1 >= bytes.n) { /* the byte that decides has yet to come */
            *scanned = next - 1;
            return 0;
        }
        at = next;
    }
    *scanned = bytes.n;
    return 0;
}

enum http_head_result http_head_check_limits(struct str bytes)
{
    const char *lf = bytes.n ? memchr(bytes.p, '\n', bytes.n) : NULL;
    size_t line = lf ? (size_t)(lf - bytes.p) + 1 : bytes.n;
    if (line > LIMIT_REQUEST_LINE_BYTES) {
        return HTTP_HEAD_LINE_TOO_LONG;
    }
    return bytes.n - line > LIMIT_REQUEST_HEADER_BYTES ? HTTP_HEAD_TOO_LARGE : HTTP_HEAD_OK;
}

static bool is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        return true;
    }
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_char(s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s = str_after(s, 1);
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool http_same_word(struct str a, struct str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

/* Cuts the line before the next CR LF off text. False: there is none, or a bare CR or LF. */
static bool take_line(struct str *text, struct str *out_line)
{
    for (size_t i = 0; i < text->n; i++) {
        char c = text->p[i];
        if (c == '\n') {
            return false;
        }
        if (c == '\r') {
            if (i + 1 == text->n || text->p[i + 1] != '\n') {
                return false;
            }
            *out_line = (struct str){text->p, i};
            *text = str_after(*text, i + 2);
            return true;
        }
    }
    return false;
}

/* Cuts the part before the next `mark` off s, and the mark. False: there is none. */
static bool take_until(struct str *s, char mark, struct str *out_part)
{
    const char *at = s->n ? memchr(s->p, mark, s->n) : NULL;
    if (!at) {
        return false;
    }
    *out_part = (struct str){s->p, (size_t)(at - s->p)};
    *s = str_after(*s, out_part->n + 1);
    return true;
}

static const char *parse_target(struct str target, struct http_head *out)
{
    if (target.n == 0 || target.p[0] != '/') {
        return "the request target must begin with /";
    }
    for (size_t i = 0; i < target.n; i++) {
        if (target.p[i] <= ' ' || target.p[i] == 0x7f || target.p[i] == '#') {
            return "a byte that may not stand in a request target";
        }
    }
    const char *query = memchr(target.p, '?', target.n);
    out->path = (struct str){target.p, query ? (size_t)(query - target.p) : target.n};
    return NULL;
}

static const char *parse_request_line(struct str line, struct http_head *out)
{
    struct str target;
    if (!take_until(&line, ' ', &out->method) || !is_token(out->method) ||
        !take_until(&line, ' ', &target)) {
        return "no HTTP request line";
    }
    if (str_eq(line, STR("HTTP/1.0"))) {
        out->is_http_1_0 = true;
    } else if (!str_eq(line, STR("HTTP/1.1"))) {
        return "HTTP/1.1 and HTTP/1.0 are spoken here";
    }
    out->keep_alive = !out->is_http_1_0;
    return parse_target(target, out);
}

static void read_connection(struct str value, struct http_head *out)
{
    while (value.n > 0) {
        struct str word;
        if (!take_until(&value, ',', &word)) {
            word = value;
            value = STR_NONE;
        }
        word = trim(word);
        if (http_same_word(word, STR("close"))) {
            out->keep_alive = false;
        } else if (out->is_http_1_0 && http_same_word(word, STR("keep-alive"))) {
            out->keep_alive = true;
        }
    }
}

static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static const char *parse_field(struct str line, struct http_head *out)
{
    struct str name;
    if (!take_until(&line, ':', &name) || !is_token(name)) {
        return "a header line without a proper name"; /* folded lines too */
    }
    struct str value = trim(line);
    if (!is_field_value(value)) {
        return "a control character in a header";
    }
    if (http_same_word(name, STR("transfer-encoding"))) {
        return "Transfer-Encoding is not taken: send Content-Length";
    }
    if (http_same_word(name, STR("connection"))) {
        read_connection(value, out);
        return NULL;
    }
    for (size_t i = 0; i < HTTP_FIELDS; i++) {
        if (!http_same_word(name, field_names[i])) {
            continue;
        }
        if (out->fields[i].p) {
            return "a header that may stand once stands twice";
        }
        out->fields[i] = value;
    }
    return NULL;
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

static enum http_head_result check_fields(struct http_head *h, const char **out_why)
{
    if (!h->fields[HTTP_HOST].p && !h->is_http_1_0) {
        *out_why = "no Host header";
        return HTTP_HEAD_BAD;
    }
    struct str length = h->fields[HTTP_CONTENT_LENGTH];
    if (length.p && !parse_length(length, &h->content_length)) {
        *out_why = "Content-Length is no number";
        return HTTP_HEAD_BAD;
    }
    struct str expect = h->fields[HTTP_EXPECT];
    if (expect.p && !h->is_http_1_0) { /* RFC 9110: in HTTP/1.0 it means nothing */
        if (!http_same_word(expect, STR("100-continue"))) {
            *out_why = "only 100-continue can be expected";
            return HTTP_HEAD_EXPECTATION;
        }
        h->expects_continue = true;
    }
    return HTTP_HEAD_OK;
}

enum http_head_result http_head_parse(struct str text, struct http_head *out, const char **out_why)
{
    *out = (struct http_head){0};
    enum http_head_result limits = http_head_check_limits(text);
    if (limits != HTTP_HEAD_OK) {
        *out_why = limits == HTTP_HEAD_LINE_TOO_LONG ? "the request line is too long"
                                                     : "the headers are too large";
        return limits;
    }
    struct http_head h = {0};
    struct str line;
    const char *why = take_line(&text, &line) ? parse_request_line(line, &h)
                                              : "a line that does not end in CR LF";
    while (!why) {
        if (!take_line(&text, &line)) {
            why = "a line that does not end in CR LF";
        } else if (line.n == 0) {
            break;
        } else {
            why = parse_field(line, &h);
        }
    }
    enum http_head_result r = why ? HTTP_HEAD_BAD : check_fields(&h, &why);
    *out_why = why;
    *out = h;
    return r;
}

bool http_head_is_type(const struct http_head *h, struct str type)
{
    struct str value = h->fields[HTTP_CONTENT_TYPE];
    const char *semicolon = value.n ? memchr(value.p, ';', value.n) : NULL;
    if (semicolon) {
        value.n = (size_t)(semicolon - value.p);
    }
    return http_same_word(trim(value), type);
}
