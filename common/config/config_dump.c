/* SPDX-License-Identifier: MIT */
/* config_dump: a JSON document from the table: a path is a pointer into it. */
#include "common/config/config_dump.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "common/config/config_value.h"
#include "common/log.h"

#define MASK "***"

enum { POINTER_MAX = 128 };

/* Of a URL only the password is a secret: what stands between the first ':' behind the scheme and
 * the last '@' (in a badly written password there may be others). */
static yyjson_mut_val *masked(yyjson_mut_doc *doc, const char *value)
{
    const char *authority = strstr(value, "://");
    const char *at = authority ? strrchr(authority, '@') : NULL;
    const char *colon = at ? memchr(authority + 3, ':', (size_t)(at - authority) - 3) : NULL;
    if (!value[0] || (authority && !colon)) {
        return yyjson_mut_strcpy(doc, value);
    }
    if (!authority) {
        return yyjson_mut_str(doc, MASK);
    }
    struct buf b = {0};
    buf_addf(&b, "%.*s" MASK "%s", (int)(colon - value) + 1, value, at);
    yyjson_mut_val *v = b.failed ? NULL : yyjson_mut_strncpy(doc, b.p, b.n);
    buf_release(&b);
    return v;
}

static yyjson_mut_val *string(yyjson_mut_doc *doc, const struct setting *row, const char *value)
{
    return row->secret ? masked(doc, value) : yyjson_mut_strcpy(doc, value);
}

static yyjson_mut_val *list(yyjson_mut_doc *doc, const struct setting *row,
                            const struct string_list *l)
{
    yyjson_mut_val *array = yyjson_mut_arr(doc);
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < l->n; i++) {
        ok = yyjson_mut_arr_append(array, string(doc, row, l->v[i]));
    }
    return ok ? array : NULL;
}

static yyjson_mut_val *duration(yyjson_mut_doc *doc, int64_t ms)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64 "ms", ms);
    return ms % 1000 ? yyjson_mut_strcpy(doc, text) : yyjson_mut_sint(doc, ms / 1000);
}

static yyjson_mut_val *value_of(yyjson_mut_doc *doc, const struct settings *s,
                                const struct setting *row)
{
    const void *v = (const char *)s + row->offset;
    switch (row->type) {
    case SETTING_BOOL: return yyjson_mut_bool(doc, *(const bool *)v);
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION_MS: return yyjson_mut_sint(doc, *(const int64_t *)v);
    case SETTING_DURATION: return duration(doc, *(const int64_t *)v);
    case SETTING_STRING: return string(doc, row, *(char *const *)v);
    case SETTING_LIST: return list(doc, row, v);
    case SETTING_IGNORED: break;
    }
    return NULL;
}

/* "Broadcaster.TLS.CertFile" stands at /Broadcaster/TLS/CertFile. */
static bool add_row(yyjson_mut_doc *doc, const struct settings *s, const struct setting *row)
{
    char pointer[POINTER_MAX];
    (void)snprintf(pointer, sizeof(pointer), "/%s", row->path);
    for (char *dot; (dot = strchr(pointer, '.')) != NULL;) {
        *dot = '/';
    }
    return yyjson_mut_doc_ptr_add(doc, pointer, value_of(doc, s, row));
}

void config_dump(const struct settings *s, struct buf *out)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    bool ok = doc != NULL;
    for (size_t i = 0; ok && i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        ok = row->type == SETTING_IGNORED || add_row(doc, s, row);
    }
    const yyjson_write_flag flags = YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END;
    size_t n = 0;
    char *text = ok ? yyjson_mut_write(doc, flags, &n) : NULL;
    buf_add(out, (struct str){text, n});
    out->failed = out->failed || !text;
    free(text);
    yyjson_mut_doc_free(doc);
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
