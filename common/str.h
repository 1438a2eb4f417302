/* SPDX-License-Identifier: MIT */
#pragma once
/* str: a borrowed run of bytes. Not terminated, may hold zero bytes; p may be NULL when n is 0.
 * Whoever hands one out says how long it lives.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* The rest of s after its first n bytes (n <= s.n). */
static inline struct str str_after(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}
