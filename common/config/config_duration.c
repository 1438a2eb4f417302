/* SPDX-License-Identifier: MIT */
/* config_duration: "1m30s", "0.5" and the like. Counted in nanoseconds, rounded up to milliseconds,
 * so that nothing but zero becomes zero. */
#include "common/config/config_duration.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes `digits[.digits]` off the front of *s, in units of 1e-9, for a unit of unit_ns. The unit
 * stands behind the number, hence the two passes: here it is known. */
static bool scale(struct str number, int64_t unit_ns, int64_t *out_ns)
{
    int64_t ns = 0;
    size_t i = 0;
    for (; i < number.n && is_digit(number.p[i]); i++) {
        if (__builtin_mul_overflow(ns, 10, &ns) ||
            __builtin_add_overflow(ns, number.p[i] - '0', &ns)) {
            return false;
        }
    }
    if (__builtin_mul_overflow(ns, unit_ns, &ns)) {
        return false;
    }
    int64_t place = unit_ns;
    for (i++; i < number.n; i++) { /* behind the point */
        place /= 10;
        if (__builtin_add_overflow(ns, (number.p[i] - '0') * place, &ns)) {
            return false;
        }
    }
    *out_ns = ns;
    return true;
}

/* Length of `digits[.digits]` or `.digits` at the front of s; 0 when there is none. */
static size_t number_length(struct str s)
{
    size_t i = 0;
    size_t digits = 0;
    for (; i < s.n && is_digit(s.p[i]); i++) {
        digits++;
    }
    if (i < s.n && s.p[i] == '.') {
        for (i++; i < s.n && is_digit(s.p[i]); i++) {
            digits++;
        }
    }
    return digits > 0 ? i : 0;
}

/* Length of the unit at the front of s; 0 when there is none. */
static size_t unit_at(struct str s, int64_t *out_ns)
{
    static const struct {
        struct str name;
        int64_t ns;
    } units[] = {
        /* "ms" before "m" */
        {{"ns", 2}, 1},           {{"us", 2}, 1000},         {{"\xc2\xb5s", 3}, 1000},
        {{"\xce\xbcs", 3}, 1000}, {{"ms", 2}, 1000000},      {{"s", 1}, 1000000000},
        {{"m", 1}, 60000000000},  {{"h", 1}, 3600000000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_starts(s, units[i].name)) {
            *out_ns = units[i].ns;
            return units[i].name.n;
        }
    }
    return 0;
}

/* Takes one number with its unit off the front of *s and adds it. */
static bool take_part(struct str *s, int64_t *total_ns)
{
    size_t digits = number_length(*s);
    int64_t unit_ns;
    int64_t ns;
    if (digits == 0) {
        return false;
    }
    struct str number = {s->p, digits};
    *s = str_after(*s, digits);
    size_t unit = unit_at(*s, &unit_ns);
    if (unit == 0 || !scale(number, unit_ns, &ns)) {
        return false;
    }
    *s = str_after(*s, unit);
    return !__builtin_add_overflow(*total_ns, ns, total_ns);
}

bool config_parse_duration(struct str s, int64_t *out_ms)
{
    int64_t ns = 0;
    if (s.n == 0) {
        return false;
    }
    if (number_length(s) == s.n) {
        if (!scale(s, 1000000000, &ns)) {
            return false;
        }
        s.n = 0;
    }
    while (s.n > 0) {
        if (!take_part(&s, &ns)) {
            return false;
        }
    }
    *out_ms = ns / 1000000 + (ns % 1000000 > 0);
    return true;
}
