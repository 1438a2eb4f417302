/* SPDX-License-Identifier: MIT */
/* http_text: line by line, each byte once. */
#include "common/http/http_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* Where the first `what` in s is; s.n when there is none. */
static size_t find(struct str s, char what)
{
    const char *at = s.n ? memchr(s.p, what, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

/* Length of the head whose empty line begins at or behind `from`; 0: it is not there. */
static size_t find_end(struct str bytes, size_t from)
{
    while (from < bytes.n) {
        size_t next = from + find(str_after(bytes, from), '\n') + 1;
        if (next < bytes.n && bytes.p[next] == '\n') {
            return next + 1;
        }
        if (next + 1 < bytes.n && bytes.p[next] == '\r' && bytes.p[next + 1] == '\n') {
            return next + 2;
        }
        from = next;
    }
    return 0;
}

enum http_scan http_text_scan(struct str bytes, size_t seen, struct http_limits limits,
                              size_t *out_n)
{
    size_t lf = find(bytes, '\n');
    bool has_line = lf < bytes.n;
    size_t line = has_line ? lf + 1 : bytes.n;
    if (line > limits.line || (!has_line && line == limits.line)) {
        return HTTP_SCAN_LINE_TOO_LONG;
    }
    /* The line feed before the empty line may be the last but two that was seen. */
    size_t end = has_line ? find_end(bytes, MAX(lf, seen > 3 ? seen - 3 : 0)) : 0;
    size_t fields = (end > 0 ? end : bytes.n) - line;
    if (fields > limits.fields || (end == 0 && fields == limits.fields)) {
        return HTTP_SCAN_FIELDS_TOO_LARGE;
    }
    if (end == 0) {
        return HTTP_SCAN_INCOMPLETE;
    }
    *out_n = end;
    return HTTP_SCAN_COMPLETE;
}

bool http_is_token_char(char c)
{
    bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return is_alnum || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!http_is_token_char(s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Of an IPv6 address in brackets; 0: it is none. */
static size_t literal_length(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t end = find(s, ']');
    if (end == s.n || end > sizeof(text)) {
        return 0;
    }
    memcpy(text, s.p + 1, end - 1);
    text[end - 1] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1 ? end + 1 : 0;
}

/* Of a name: its length; 0 when it has a byte that may not stand there. */
static size_t name_length(struct str s)
{
    size_t n = find(s, ':');
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];
        bool is_escape = c == '%' && n - i > 2 && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]);
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_escape && !is_alnum && (c == '\0' || !strchr("-._~!$&'()*+,;=", c))) {
            return 0;
        }
    }
    return n;
}

bool http_is_authority(struct str s)
{
    size_t host = s.n > 0 && s.p[0] == '[' ? literal_length(s) : name_length(s);
    struct str port = str_after(s, host);
    if (host == 0 || (port.n > 0 && port.p[0] != ':') || port.n > 6) {
        return false;
    }
    unsigned number = 0;
    for (size_t i = 1; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9') {
            return false;
        }
        number = number * 10 + (unsigned)(port.p[i] - '0');
    }
    return number <= 65535;
}

static bool is_target(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x21 || s.p[i] > 0x7e) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str http_text_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s = str_after(s, 1);
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

/* Cuts the part before the next `mark` off *s, and the mark. False: there is none. */
static bool take_until(struct str *s, char mark, struct str *out_part)
{
    size_t n = find(*s, mark);
    if (n == s->n) {
        return false;
    }
    *out_part = (struct str){s->p, n};
    *s = str_after(*s, n + 1);
    return true;
}

/* The same with the line before the next CR LF. False: there is none, or a bare CR or LF. */
static bool take_line(struct str *text, struct str *out_line)
{
    struct str rest = *text;
    struct str line;
    if (!take_until(&rest, '\n', &line) || line.n == 0 || line.p[line.n - 1] != '\r') {
        return false;
    }
    line.n--;
    if (find(line, '\r') < line.n) {
        return false;
    }
    *out_line = line;
    *text = rest;
    return true;
}

static const char bad_end[] = "a line that does not end in CR LF";

/* HTTP/2.0 and whatever else has a larger first digit. */
static bool is_later_version(struct str s)
{
    static const struct str name = {"HTTP/", 5};
    return s.n == name.n + 3 && str_starts(s, name) && s.p[5] >= '2' && s.p[5] <= '9' &&
           s.p[6] == '.' && s.p[7] >= '0' && s.p[7] <= '9';
}

const char *http_text_line(struct str *text, struct http_line *out)
{
    struct str rest = *text;
    struct str line;
    out->is_later_version = false;
    if (!take_line(&rest, &line)) {
        return bad_end;
    }
    if (!take_until(&line, ' ', &out->method) || !http_is_token(out->method) ||
        !take_until(&line, ' ', &out->target)) {
        return "no HTTP request line";
    }
    if (!is_target(out->target)) {
        return "a byte that may not stand in a request target";
    }
    out->is_http_1_1 = str_eq(line, STR("HTTP/1.1"));
    if (!out->is_http_1_1 && !str_eq(line, STR("HTTP/1.0"))) {
        out->is_later_version = is_later_version(line);
        return "HTTP/1.1 and HTTP/1.0 are spoken here";
    }
    *text = rest;
    return NULL;
}

const char *http_text_field(struct str *text, struct http_pair *out)
{
    struct str rest = *text;
    struct str line;
    *out = (struct http_pair){0};
    if (!take_line(&rest, &line)) {
        return bad_end;
    }
    if (line.n > 0 && (!take_until(&line, ':', &out->name) || !http_is_token(out->name))) {
        return "a header line without a proper name"; /* folded lines too */
    }
    out->value = http_text_trim(line);
    if (!is_field_value(out->value)) {
        return "a control character in a header";
    }
    *text = rest;
    return NULL;
}

bool http_text_element(struct str *list, struct str *out)
{
    if (!list->p) {
        return false;
    }
    if (!take_until(list, ',', out)) {
        *out = *list;
        *list = STR_NONE;
    }
    *out = http_text_trim(*out);
    return true;
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
