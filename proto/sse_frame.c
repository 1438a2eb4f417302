/* SPDX-License-Identifier: MIT */
/* sse_frame: one Server-Sent Event. In the stream a carriage return ends a line as a line feed
 * does, so data is split at both (in JSON texts they can only be white space).
 */
#include "proto/sse_frame.h"

#include <assert.h>
#include <string.h>

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static bool has_line_end(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_line_end(s.p[i])) {
            return true;
        }
    }
    return false;
}

/* Takes the first line off *rest, with its CR, LF or CR LF. False when that was the last one. */
static bool take_line(struct str *rest, struct str *out_line)
{
    size_t n = 0;

    while (n < rest->n && !is_line_end(rest->p[n])) {
        n++;
    }
    *out_line = (struct str){rest->p, n};
    if (n == rest->n) {
        return false;
    }
    bool pair = rest->p[n] == '\r' && n + 1 < rest->n && rest->p[n + 1] == '\n';
    *rest = str_after(*rest, n + (pair ? 2 : 1));
    return true;
}

/* Writes to at, or only counts when it is NULL. */
static size_t put_line(uint8_t *at, struct str name, struct str value)
{
    if (at) {
        memcpy(at, name.p, name.n);
        if (value.n > 0) {
            memcpy(at + name.n, value.p, value.n);
        }
        at[name.n + value.n] = '\n';
    }
    return name.n + value.n + 1;
}

static size_t put_event(uint8_t *at, struct str event, struct str data)
{
    size_t n = 0;

    if (event.n > 0) {
        n += put_line(at, STR("event: "), event);
    }
    for (bool more = data.n > 0; more;) {
        struct str line;
        more = take_line(&data, &line);
        n += put_line(at ? at + n : NULL, STR("data: "), line);
    }
    return n;
}

struct msg *sse_frame(struct str event, struct str data)
{
    assert(!has_line_end(event));
    struct msg *m = msg_create(put_event(NULL, event, data));

    if (m) {
        (void)put_event(m->bytes, event, data); /* its length was just counted */
    }
    return m;
}
