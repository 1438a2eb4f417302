/* SPDX-License-Identifier: MIT */
/* config_dump: walks the table; one that stands in sections becomes nested objects. */
#include "common/config/config_dump.h"

#include <inttypes.h>
#include <string.h>

#include "common/config/config_value.h"
#include "common/log.h"

#define MASK "***"

static const char *field(const struct settings *s, const struct setting *row)
{
    return (const char *)s + row->offset;
}

/* Of a URL only the password is a secret: what stands between the first ':' behind the scheme and
 * the last '@' (in a badly written password there may be others). */
static void add_masked_url(struct buf *out, const char *url)
{
    const char *authority = strstr(url, "://");
    const char *at = authority ? strrchr(authority, '@') : NULL;
    const char *colon = at ? memchr(authority + 3, ':', (size_t)(at - authority) - 3) : NULL;
    if (!colon) {
        buf_add_json(out, str_of(url));
        return;
    }
    struct buf masked = {0};
    buf_add(&masked, (struct str){url, (size_t)(colon - url) + 1});
    buf_add(&masked, STR(MASK));
    buf_add(&masked, str_of(at));
    out->failed = out->failed || masked.failed;
    buf_add_json(out, buf_str(&masked));
    buf_release(&masked);
}

static void add_string(struct buf *out, const struct setting *row, const char *value)
{
    if (row->secret && strstr(value, "://")) {
        add_masked_url(out, value);
    } else if (row->secret && value[0]) {
        buf_add_json(out, STR(MASK));
    } else {
        buf_add_json(out, str_of(value));
    }
}

static void add_list(struct buf *out, const struct setting *row, const struct string_list *l)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        buf_add(out, i ? STR(", ") : STR_NONE);
        add_string(out, row, l->v[i]);
    }
    buf_addc(out, ']');
}

static void add_value(struct buf *out, const struct settings *s, const struct setting *row)
{
    const void *v = field(s, row);
    switch (row->type) {
    case SETTING_BOOL: buf_add(out, *(const bool *)v ? STR("true") : STR("false")); break;
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION_MS: buf_add_i64(out, *(const int64_t *)v); break;
    case SETTING_DURATION: {
        int64_t ms = *(const int64_t *)v;
        buf_addf(out, ms % 1000 ? "\"%" PRId64 "ms\"" : "%" PRId64, ms % 1000 ? ms : ms / 1000);
        break;
    }
    case SETTING_STRING: add_string(out, row, *(char *const *)v); break;
    case SETTING_LIST: add_list(out, row, v); break;
    case SETTING_IGNORED: buf_add(out, STR("null")); break;
    }
}

/* How many bytes of the section's path both share, up to and with a '.'. */
static size_t shared_sections(const char *a, const char *b)
{
    size_t shared = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '.') {
            shared = i + 1;
        }
    }
    return shared;
}

static size_t depth(const char *path)
{
    size_t n = 0;
    for (; *path; path++) {
        n += *path == '.';
    }
    return n;
}

static void new_line(struct buf *out, size_t indent)
{
    buf_addf(out, "\n%*s", (int)(2 * indent), "");
}

/* Opens the sections that lead to path, from the byte `shared` on; leaves out at the key. */
static void open_sections(struct buf *out, const char *path, size_t shared)
{
    struct str rest = str_of(path + shared);
    size_t level = depth(path) - depth(rest.p) + 1;
    for (const char *dot; (dot = memchr(rest.p, '.', rest.n)) != NULL; level++) {
        size_t n = (size_t)(dot - rest.p);
        new_line(out, level);
        buf_add_json(out, (struct str){rest.p, n});
        buf_add(out, STR(": {"));
        rest = str_after(rest, n + 1);
    }
    new_line(out, level);
    buf_add_json(out, rest);
    buf_add(out, STR(": "));
}

static void close_sections(struct buf *out, size_t from, size_t to)
{
    while (from > to) {
        new_line(out, from--);
        buf_addc(out, '}');
    }
}

void config_dump(const struct settings *s, struct buf *out)
{
    const char *previous = "";
    buf_addc(out, '{');
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (row->type == SETTING_IGNORED) {
            continue;
        }
        size_t shared = shared_sections(previous, row->path);
        close_sections(out, depth(previous), depth(row->path) - depth(row->path + shared));
        buf_add(out, previous[0] ? STR(",") : STR_NONE);
        open_sections(out, row->path, shared);
        add_value(out, s, row);
        previous = row->path;
    }
    close_sections(out, depth(previous), 0);
    buf_add(out, STR("\n}\n"));
}

bool config_keep_for_restart(const struct settings *now, struct settings *next)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (row->applied_by || config_value_equal(now, next, row)) {
            continue;
        }
        log_warn("setting changes only at a restart", LF_STR("setting", row->path));
        if (!config_value_copy(next, now, row)) {
            return false;
        }
    }
    next->broadcaster.events_port_set = now->broadcaster.events_port_set;
    return true;
}
