/* SPDX-License-Identifier: MIT */
#include "gateway/transport/query.h"

bool query_next(struct str *rest, struct str *out_name, struct str *out_value)
{
    while (rest->n > 0) {
        const char *end = memchr(rest->p, '&', rest->n);
        struct str one = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
        *rest = str_after(*rest, one.n + (end ? 1 : 0));
        if (one.n == 0) {
            continue; /* "a=1&&b=2" */
        }
        const char *equals = memchr(one.p, '=', one.n);
        size_t name_len = equals ? (size_t)(equals - one.p) : one.n;
        *out_name = (struct str){one.p, name_len};
        *out_value = equals ? str_after(one, name_len + 1) : STR("");
        return true;
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool query_decode(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            buf_addc(out, s.p[i]);
            continue;
        }
        int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
        int low = s.n - i > 2 ? hex_digit(s.p[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return false;
        }
        buf_addc(out, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}
