/* SPDX-License-Identifier: MIT */
/* http_head: what the lines of a head mean to the publisher. */
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

enum http_head_result http_head_scan(struct str bytes, size_t seen, size_t *out_n)
{
    static const struct http_limits limits = {
        .line = LIMIT_REQUEST_LINE_BYTES,
        .fields = LIMIT_REQUEST_HEADER_BYTES,
    };
    *out_n = 0;
    switch (http_text_scan(bytes, seen, limits, out_n)) {
    case HTTP_SCAN_LINE_TOO_LONG: return HTTP_HEAD_LINE_TOO_LONG;
    case HTTP_SCAN_FIELDS_TOO_LARGE: return HTTP_HEAD_TOO_LARGE;
    case HTTP_SCAN_INCOMPLETE:
    case HTTP_SCAN_COMPLETE: break;
    }
    return HTTP_HEAD_OK;
}

static const char *take_request_line(struct str *text, struct http_head *out)
{
    struct http_line line;
    const char *why = http_text_line(text, &line);
    if (why) {
        return why;
    }
    if (line.target.p[0] != '/') {
        return "the request target must begin with /";
    }
    if (memchr(line.target.p, '#', line.target.n)) {
        return "a byte that may not stand in a request target";
    }
    const char *query = memchr(line.target.p, '?', line.target.n);
    out->method = line.method;
    out->path =
        (struct str){line.target.p, query ? (size_t)(query - line.target.p) : line.target.n};
    out->is_http_1_0 = !line.is_http_1_1;
    out->keep_alive = line.is_http_1_1;
    return NULL;
}

static void read_connection(struct str value, struct http_head *out)
{
    struct str word;
    while (http_text_element(&value, &word)) {
        if (http_same_word(word, STR("close"))) {
            out->keep_alive = false;
        } else if (out->is_http_1_0 && http_same_word(word, STR("keep-alive"))) {
            out->keep_alive = true;
        }
    }
}

static const char *read_field(const struct http_pair *pair, struct http_head *out)
{
    if (http_same_word(pair->name, STR("transfer-encoding"))) {
        return "Transfer-Encoding is not taken: send Content-Length";
    }
    if (http_same_word(pair->name, STR("connection"))) {
        read_connection(pair->value, out);
        return NULL;
    }
    for (size_t i = 0; i < HTTP_FIELDS; i++) {
        if (!http_same_word(pair->name, field_names[i])) {
            continue;
        }
        if (out->fields[i].p) {
            return "a header that may stand once stands twice";
        }
        out->fields[i] = pair->value;
    }
    return NULL;
}

static const char *take_fields(struct str *text, struct http_head *out)
{
    struct http_pair pair;
    const char *why = http_text_field(text, &pair);
    while (!why && pair.name.n > 0) {
        why = read_field(&pair, out);
        if (!why) {
            why = http_text_field(text, &pair);
        }
    }
    return why;
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

void http_head_look_for_type(struct str text, struct http_head *out)
{
    struct str *type = &out->fields[HTTP_CONTENT_TYPE];
    const struct str name = field_names[HTTP_CONTENT_TYPE];
    while (text.n > 0 && !type->p) {
        const char *lf = memchr(text.p, '\n', text.n);
        struct str line = {text.p, lf ? (size_t)(lf - text.p) : text.n};
        text = str_after(text, lf ? line.n + 1 : line.n);
        bool is_type = line.n > name.n && line.p[name.n] == ':' &&
                       http_same_word((struct str){line.p, name.n}, name);
        if (is_type) {
            line.n -= line.p[line.n - 1] == '\r';
            *type = http_text_trim(str_after(line, name.n + 1));
        }
    }
}

enum http_head_result http_head_parse(struct str text, struct http_head *out, const char **out_why)
{
    struct http_head h = {0};
    const char *why = take_request_line(&text, &h);
    if (!why) {
        why = take_fields(&text, &h);
    }
    enum http_head_result r = why ? HTTP_HEAD_BAD : check_fields(&h, &why);
    if (r != HTTP_HEAD_OK) {
        http_head_look_for_type(text, &h);
    }
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
    return http_same_word(http_text_trim(value), type);
}
