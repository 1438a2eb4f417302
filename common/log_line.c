/* SPDX-License-Identifier: MIT */
/* log_line: bounded text and the escaping of values. */
#include "common/log_line.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

void log_line_init(struct log_line *l)
{
    l->n = 0; /* not the text: 8 KiB would be cleared for each line */
    l->full = false;
}

static void add(struct log_line *l, const char *p, size_t n)
{
    if (l->full || n > LOG_LINE_MAX - LOG_LINE_END_MAX - l->n) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->n, p, n);
    l->n += n;
}

void log_line_addf(struct log_line *l, const char *fmt, ...)
{
    if (l->full) {
        return;
    }
    size_t room = LOG_LINE_MAX - LOG_LINE_END_MAX - l->n;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->n, room, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room) {
        l->full = true;
    } else {
        l->n += (size_t)n;
    }
}

void log_line_end(struct log_line *l, const char *end)
{
    size_t n = strlen(end);
    if (n <= LOG_LINE_MAX - l->n) {
        memcpy(l->text + l->n, end, n);
        l->n += n;
    }
}

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the UTF-8 character at p, 0 when there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing over U+10FFFF). */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        return n >= 2 && is_continuation(p[1]) ? 2 : 0;
    }
    if (c >= 0xe0 && c <= 0xef) {
        bool ok = n >= 3 && is_continuation(p[1]) && is_continuation(p[2]) &&
                  (c != 0xe0 || p[1] >= 0xa0) && (c != 0xed || p[1] <= 0x9f);
        return ok ? 3 : 0;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        bool ok = n >= 4 && is_continuation(p[1]) && is_continuation(p[2]) &&
                  is_continuation(p[3]) && (c != 0xf0 || p[1] >= 0x90) &&
                  (c != 0xf4 || p[1] <= 0x8f);
        return ok ? 4 : 0;
    }
    return 0;
}

/* The code point of a character that utf8_length() has measured. */
static unsigned code_point(const unsigned char *p, size_t len)
{
    unsigned c = len == 1 ? p[0] : p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | (p[i] & 0x3fU);
    }
    return c;
}

/* C0, DEL and C1: terminals obey them. Controls of direction: they make a line read as another. */
static bool is_control(unsigned c)
{
    bool directs = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                   (c >= 0x2066 && c <= 0x2069);
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || directs;
}

static void add_text_escaped(struct log_line *l, unsigned char c)
{
    switch (c) {
    case '\n': add(l, "\\n", 2); break;
    case '\r': add(l, "\\r", 2); break;
    case '\t': add(l, "\\t", 2); break;
    default: log_line_addf(l, "\\x%02x", c); break;
    }
}

static void add_text_char(struct log_line *l, const unsigned char *p, size_t len)
{
    if (len == 1 && (p[0] == '"' || p[0] == '\\')) {
        add(l, (const char[]){'\\', (char)p[0]}, 2);
    } else if (len > 0 && !is_control(code_point(p, len))) {
        add(l, (const char *)p, len);
    } else {
        for (size_t i = 0; i < MAX(len, (size_t)1); i++) {
            add_text_escaped(l, p[i]);
        }
    }
}

static void add_json_char(struct log_line *l, const unsigned char *p, size_t len)
{
    if (len == 0) {
        add(l, "\\ufffd", 6);
    } else if (is_control(code_point(p, len))) {
        log_line_addf(l, "\\u%04x", code_point(p, len));
    } else {
        add_text_char(l, p, len);
    }
}

static void add_quoted(struct log_line *l, struct str s,
                       void (*add_char)(struct log_line *, const unsigned char *, size_t))
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    add(l, "\"", 1);
    while (i < s.n) {
        size_t len = utf8_length(p + i, s.n - i);
        if (i + MAX(len, (size_t)1) > LOG_VALUE_MAX) {
            add(l, "…", sizeof("…") - 1);
            break;
        }
        add_char(l, p + i, len);
        i += MAX(len, (size_t)1);
    }
    add(l, "\"", 1);
}

static bool is_bare(struct str s)
{
    static const char punctuation[] = "_./:@+-";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && !memchr(punctuation, c, sizeof(punctuation) - 1)) {
            return false;
        }
    }
    return s.n > 0 && s.n <= LOG_VALUE_MAX;
}

void log_line_add_text(struct log_line *l, struct str s)
{
    if (is_bare(s)) {
        add(l, s.p, s.n);
    } else {
        add_quoted(l, s, add_text_char);
    }
}

void log_line_add_json(struct log_line *l, struct str s)
{
    add_quoted(l, s, add_json_char);
}
