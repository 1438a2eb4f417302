/* SPDX-License-Identifier: MIT */
#include "gateway/transport/request.h"

#include <strings.h>

#include "common/http/http_text.h"
#include "proto/limits.h"

enum { LINE_END_BYTES = 2 };

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

enum request_progress request_progress(struct str bytes, size_t seen, size_t *out_head)
{
    static const struct http_limits limits = {
        .line = LIMIT_REQUEST_LINE_BYTES + LINE_END_BYTES,
        .fields = LIMIT_REQUEST_HEADER_BYTES + LINE_END_BYTES,
    };
    if (bytes.n > 0 && (bytes.p[0] < 'A' || bytes.p[0] > 'Z')) {
        return REQUEST_NOT_HTTP;
    }
    switch (http_text_scan(bytes, seen, limits, out_head)) {
    case HTTP_SCAN_COMPLETE: return REQUEST_COMPLETE;
    case HTTP_SCAN_LINE_TOO_LONG: return REQUEST_LINE_TOO_LONG;
    case HTTP_SCAN_FIELDS_TOO_LARGE: return REQUEST_HEADERS_TOO_LARGE;
    case HTTP_SCAN_INCOMPLETE: break;
    }
    return REQUEST_INCOMPLETE;
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

static const char *take_line(struct str *text, struct request *r)
{
    struct http_line line;
    const char *why = http_text_line(text, &line);
    if (why) {
        return why;
    }
    struct str target = line.target;
    r->method = line.method;
    r->is_http_1_1 = line.is_http_1_1;
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

static const char *read_field(const struct http_pair *pair, struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(known_fields); i++) {
        const struct known_field *k = &known_fields[i];
        if (http_same_word((struct str){k->name, k->name_len}, pair->name)) {
            return keep(k, pair->value, r);
        }
    }
    return NULL;
}

static const char *take_fields(struct str *text, struct request *r)
{
    struct http_pair pair;
    const char *why = http_text_field(text, &pair);
    while (!why && pair.name.n > 0) {
        why = read_field(&pair, r);
        if (!why) {
            why = http_text_field(text, &pair);
        }
    }
    return why;
}

const char *request_parse(struct str head, struct request *out)
{
    struct request r = {0};
    const char *why = take_line(&head, &r);
    if (!why) {
        why = take_fields(&head, &r);
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

bool request_lists(const struct request_values *values, struct str token)
{
    for (size_t i = 0; i < values->n; i++) {
        struct str rest = values->v[i];
        struct str element;
        while (http_text_element(&rest, &element)) {
            struct str parameters;
            (void)split(&element, ';', &parameters); /* they do not matter */
            if (http_same_word(http_text_trim(element), token)) {
                return true;
            }
        }
    }
    return false;
}
