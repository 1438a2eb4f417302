/* SPDX-License-Identifier: MIT */
/* buf: a growing byte buffer. Capacity doubles, so that n appends cost O(n). */
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

void buf_release(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed) {
        return false;
    }
    if (more <= b->cap - b->n) {
        return true;
    }
    if (more > SIZE_MAX / 2 - b->n) {
        b->failed = true;
        return false;
    }
    size_t cap = MAX(b->cap, (size_t)FIRST_CAPACITY);
    while (cap < b->n + more) {
        cap *= 2;
    }
    char *p = realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, struct str s)
{
    if (s.n > 0 && buf_reserve(b, s.n)) {
        memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
    }
}

void buf_addc(struct buf *b, char c)
{
    if (buf_reserve(b, 1)) {
        b->p[b->n++] = c;
    }
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0) {
        b->failed = true;
        return;
    }
    size_t room = (size_t)need + 1; /* vsnprintf ends its output with a zero byte */
    if (!buf_reserve(b, room)) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(b->p + b->n, room, fmt, args); /* its length was just measured */
    va_end(args);
    b->n += (size_t)need;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_add(b, (struct str){digits + at, sizeof(digits) - at});
}

void buf_add_i64(struct buf *b, int64_t v)
{
    if (v < 0) {
        buf_addc(b, '-');
        buf_add_u64(b, -(uint64_t)v); /* right for INT64_MIN as well */
    } else {
        buf_add_u64(b, (uint64_t)v);
    }
}

/* The letter after the backslash of a two-character JSON escape, or 0. */
static char json_short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\': return (char)c;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

static void add_json_escaped(struct buf *b, unsigned char c)
{
    char letter = json_short_escape(c);
    if (letter) {
        buf_add(b, (struct str){(const char[]){'\\', letter}, 2});
    } else {
        const char text[] = {'\\', 'u', '0', '0', hex_lower[c >> 4], hex_lower[c & 15]};
        buf_add(b, (struct str){text, sizeof(text)});
    }
}

void buf_add_json(struct buf *b, struct str s)
{
    buf_addc(b, '"');
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        buf_add(b, (struct str){s.p + plain, i - plain});
        add_json_escaped(b, c);
        plain = i + 1;
    }
    if (s.n > plain) {
        buf_add(b, str_after(s, plain));
    }
    buf_addc(b, '"');
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void buf_add_percent(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(c)) {
            buf_addc(b, (char)c);
        } else {
            const char text[] = {'%', hex_upper[c >> 4], hex_upper[c & 15]};
            buf_add(b, (struct str){text, sizeof(text)});
        }
    }
}
