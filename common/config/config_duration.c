/* SPDX-License-Identifier: MIT */
/* config_duration: "1m30s", "0.5" and the like. */
#include "common/config/config_duration.h"

#include <stdlib.h>

/* What Go takes, 64 bits of nanoseconds; milliseconds are exact in a double up to there. */
#define MAX_MS 9223372036854.0
/* What adding up decimals may be off by: so much above a whole millisecond is not rounded up. */
#define SLACK_MS 1e-7

/* Takes `digits[.digits]` or `.digits` off the front of *s. */
static bool take_number(struct str *s, double *out)
{
    double value = 0;
    double place = 0; /* 0 before the point */
    size_t digits = 0;
    size_t i = 0;
    for (; i < s->n && ((s->p[i] >= '0' && s->p[i] <= '9') || (s->p[i] == '.' && place == 0));
         i++) {
        if (s->p[i] == '.') {
            place = 1;
            continue;
        }
        digits++;
        place /= 10;
        value = place > 0 ? value + (s->p[i] - '0') * place : value * 10 + (s->p[i] - '0');
    }
    *s = str_after(*s, i);
    *out = value;
    return digits > 0;
}

/* Takes a unit off the front of *s; what it is in ms, or 0. */
static double take_unit(struct str *s)
{
    static const struct {
        struct str name;
        double ms;
    } units[] = {
        /* "ms" before "m" */
        {{"ns", 2}, 1e-6}, {{"us", 2}, 1e-3}, {{"\xc2\xb5s", 3}, 1e-3}, {{"\xce\xbcs", 3}, 1e-3},
        {{"ms", 2}, 1},    {{"s", 1}, 1e3},   {{"m", 1}, 6e4},          {{"h", 1}, 3.6e6},
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_starts(*s, units[i].name)) {
            *s = str_after(*s, units[i].name.n);
            return units[i].ms;
        }
    }
    return 0;
}

bool config_parse_duration(struct str s, int64_t *out_ms)
{
    double total_ms = 0;
    bool is_first = true;
    do {
        double number;
        if (!take_number(&s, &number)) {
            return false;
        }
        double unit = is_first && s.n == 0 ? 1e3 : take_unit(&s); /* alone: seconds */
        total_ms += number * unit;
        if (unit == 0 || total_ms > MAX_MS) {
            return false;
        }
        is_first = false;
    } while (s.n > 0);
    int64_t ms = (int64_t)total_ms;
    double over = total_ms - (double)ms;
    *out_ms = ms + (over > SLACK_MS || (ms == 0 && over > 0)); /* only zero becomes zero */
    return true;
}
