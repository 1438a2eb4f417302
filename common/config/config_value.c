/* SPDX-License-Identifier: MIT */
/* config_value: typed values behind the offsets of the settings table. */
#include "common/config/config_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <yyjson.h>

#include "common/config/config_check.h"
#include "common/config/config_duration.h"

static void *field(struct settings *s, const struct setting *row)
{
    return (char *)s + row->offset;
}

static const void *field_const(const struct settings *s, const struct setting *row)
{
    return (const char *)s + row->offset;
}

static void list_release(struct string_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i]);
    }
    free(l->v);
    *l = (struct string_list){0};
}

/* Appends a copy. */
static bool list_append(struct string_list *l, struct str s)
{
    char **v = realloc(l->v, (l->n + 1) * sizeof(*v));
    if (!v) {
        return false;
    }
    l->v = v;
    l->v[l->n] = strndup(s.n ? s.p : "", s.n);
    if (!l->v[l->n]) {
        return false;
    }
    l->n++;
    return true;
}

/* --- what a value must be ------------------------------------------------------------------- */

static bool refuse(struct buf *out_why, const char *why)
{
    if (out_why) {
        buf_add(out_why, str_of(why));
    }
    return false;
}

static void add_duration(struct buf *out, int64_t ms)
{
    if (ms % 1000 == 0) {
        buf_addf(out, "%" PRId64 "s", ms / 1000);
    } else {
        buf_addf(out, "%" PRId64 "ms", ms);
    }
}

static bool refuse_range(struct buf *out_why, const struct setting *row, bool is_duration)
{
    if (!out_why) {
        return false;
    }
    buf_add(out_why, STR("must be from "));
    if (is_duration) {
        add_duration(out_why, row->min);
        buf_add(out_why, STR(" to "));
        add_duration(out_why, row->max);
    } else {
        buf_addf(out_why, "%" PRId64 " to %" PRId64, row->min, row->max);
    }
    return false;
}

static bool refuse_type(struct buf *out_why, enum setting_type type)
{
    switch (type) {
    case SETTING_BOOL: return refuse(out_why, "must be true or false");
    case SETTING_INT: return refuse(out_why, "must be a whole number");
    case SETTING_BYTES: return refuse(out_why, "must be a whole number of bytes");
    case SETTING_DURATION:
        return refuse(out_why, "must be a duration: seconds (30, 0.5) or text (\"30s\", \"500ms\","
                               " \"1m30s\")");
    case SETTING_DURATION_MS:
        return refuse(out_why, "must be a duration: milliseconds (5) or text (\"5ms\", \"0.1s\")");
    case SETTING_STRING: return refuse(out_why, "must be a string");
    case SETTING_LIST: return refuse(out_why, "must be a list of strings");
    case SETTING_IGNORED: break;
    }
    return false;
}

/* --- scalars ---------------------------------------------------------------------------------- */

static bool parse_int(struct str s, int64_t *out)
{
    size_t i = s.n > 0 && s.p[0] == '-';
    bool negative = i == 1;
    int64_t v = 0;
    if (i == s.n) {
        return false;
    }
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, s.p[i] - '0', &v)) {
            return false;
        }
    }
    if (!negative && v == INT64_MIN) {
        return false;
    }
    *out = negative ? v : -v;
    return true;
}

static bool set_int(struct settings *s, const struct setting *row, struct str text,
                    struct buf *out_why)
{
    int64_t v;
    if (!parse_int(text, &v)) {
        return refuse_type(out_why, row->type);
    }
    if (v < row->min || v > row->max) {
        return refuse_range(out_why, row, false);
    }
    *(int64_t *)field(s, row) = v;
    return true;
}

static bool set_duration(struct settings *s, const struct setting *row, struct str text,
                         struct buf *out_why)
{
    int64_t ms;
    bool plain_ms = row->type == SETTING_DURATION_MS && parse_int(text, &ms);
    if (!plain_ms && !config_parse_duration(text, &ms)) {
        return refuse_type(out_why, row->type);
    }
    if (ms < row->min || ms > row->max) {
        return refuse_range(out_why, row, true);
    }
    *(int64_t *)field(s, row) = ms;
    return true;
}

/* Is it a C string, and one that this setting takes? */
static bool check_text(const struct setting *row, struct str text, struct buf *out_why)
{
    if (text.n > 0 && memchr(text.p, '\0', text.n)) {
        return refuse(out_why, "must not hold a zero byte");
    }
    char *copy = strndup(text.n ? text.p : "", text.n);
    if (!copy) {
        return refuse(out_why, "out of memory");
    }
    const char *why = config_check_string(row, copy);
    free(copy);
    return !why || refuse(out_why, why);
}

static bool set_string(struct settings *s, const struct setting *row, struct str text,
                       struct buf *out_why)
{
    if (!check_text(row, text, out_why)) {
        return false;
    }
    char *copy = strndup(text.n ? text.p : "", text.n);
    if (!copy) {
        return refuse(out_why, "out of memory");
    }
    char **slot = field(s, row);
    free(*slot);
    *slot = copy;
    return true;
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool append_checked(struct string_list *l, const struct setting *row, struct str text,
                           struct buf *out_why)
{
    return check_text(row, text, out_why) &&
           (list_append(l, text) || refuse(out_why, "out of memory"));
}

/* Takes the elements over when `complete`, else frees them. */
static bool finish_list(struct settings *s, const struct setting *row, struct string_list *l,
                        bool complete)
{
    if (complete) {
        config_value_release(s, row);
        *(struct string_list *)field(s, row) = *l;
    } else {
        list_release(l);
    }
    return complete;
}

static bool set_list_json(struct settings *s, const struct setting *row, yyjson_val *array,
                          struct buf *out_why)
{
    struct string_list l = {0};
    bool ok = true;
    yyjson_arr_iter it = yyjson_arr_iter_with(array);
    for (yyjson_val *v; ok && (v = yyjson_arr_iter_next(&it)) != NULL;) {
        ok = yyjson_is_str(v)
                 ? append_checked(&l, row, (struct str){yyjson_get_str(v), yyjson_get_len(v)},
                                  out_why)
                 : refuse_type(out_why, SETTING_LIST);
    }
    return finish_list(s, row, &l, ok);
}

static struct str trim(struct str s)
{
    while (s.n > 0 && s.p[0] == ' ') {
        s = str_after(s, 1);
    }
    while (s.n > 0 && s.p[s.n - 1] == ' ') {
        s.n--;
    }
    return s;
}

static bool set_list_text(struct settings *s, const struct setting *row, struct str text,
                          struct buf *out_why)
{
    struct string_list l = {0};
    bool ok = true;
    while (ok && text.n > 0) {
        const char *comma = memchr(text.p, ',', text.n);
        size_t n = comma ? (size_t)(comma - text.p) : text.n;
        struct str element = trim((struct str){text.p, n});
        if (element.n > 0) {
            ok = append_checked(&l, row, element, out_why);
        }
        text = str_after(text, comma ? n + 1 : n);
    }
    return finish_list(s, row, &l, ok);
}

/* --- public ----------------------------------------------------------------------------------- */

static bool is_number_or_string(const struct setting *row, yyjson_val *v)
{
    bool takes_string = row->type == SETTING_DURATION || row->type == SETTING_DURATION_MS;
    return yyjson_is_raw(v) || (takes_string && yyjson_is_str(v));
}

/* Does the value's JSON type suit the setting? */
static bool suits(const struct setting *row, yyjson_val *v)
{
    switch (row->type) {
    case SETTING_BOOL: return yyjson_is_bool(v);
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION:
    case SETTING_DURATION_MS: return is_number_or_string(row, v);
    case SETTING_STRING: return yyjson_is_str(v);
    case SETTING_LIST: return yyjson_is_arr(v);
    case SETTING_IGNORED: return true;
    }
    return false;
}

bool config_value_set_json(struct settings *s, const struct setting *row, struct yyjson_val *v,
                           struct buf *out_why)
{
    if (yyjson_is_null(v)) {
        return true;
    }
    if (!suits(row, v)) {
        return refuse_type(out_why, row->type);
    }
    const char *p = yyjson_is_raw(v) ? yyjson_get_raw(v) : yyjson_get_str(v);
    struct str text = {p, p ? yyjson_get_len(v) : 0};
    switch (row->type) {
    case SETTING_BOOL: *(bool *)field(s, row) = yyjson_get_bool(v); return true;
    case SETTING_INT:
    case SETTING_BYTES: return set_int(s, row, text, out_why);
    case SETTING_DURATION:
    case SETTING_DURATION_MS: return set_duration(s, row, text, out_why);
    case SETTING_STRING: return set_string(s, row, text, out_why);
    case SETTING_LIST: return set_list_json(s, row, v, out_why);
    case SETTING_IGNORED: break;
    }
    return true;
}

static bool set_plain(struct settings *s, const struct setting *row, struct str text,
                      struct buf *out_why)
{
    switch (row->type) {
    case SETTING_DURATION:
    case SETTING_DURATION_MS: return set_duration(s, row, text, out_why);
    case SETTING_STRING: return set_string(s, row, text, out_why);
    case SETTING_LIST: return set_list_text(s, row, text, out_why);
    case SETTING_IGNORED: return true;
    case SETTING_BOOL:
    case SETTING_INT:
    case SETTING_BYTES: break;
    }
    return refuse_type(out_why, row->type);
}

bool config_value_set_text(struct settings *s, const struct setting *row, struct str text,
                           struct buf *out_why)
{
    yyjson_doc *doc = yyjson_read(text.n ? text.p : "", text.n, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *v = yyjson_doc_get_root(doc);
    bool ok = v && suits(row, v) ? config_value_set_json(s, row, v, out_why)
                                 : set_plain(s, row, text, out_why);
    yyjson_doc_free(doc);
    return ok;
}

void config_value_release(struct settings *s, const struct setting *row)
{
    if (row->type == SETTING_STRING) {
        char **slot = field(s, row);
        free(*slot);
        *slot = NULL;
    } else if (row->type == SETTING_LIST) {
        list_release(field(s, row));
    }
}

static bool copy_list(struct string_list *to, const struct string_list *from)
{
    struct string_list copy = {0};
    for (size_t i = 0; i < from->n; i++) {
        if (!list_append(&copy, str_of(from->v[i]))) {
            list_release(&copy);
            return false;
        }
    }
    list_release(to);
    *to = copy;
    return true;
}

static bool copy_string(char **to, const char *from)
{
    char *copy = strdup(from);
    if (!copy) {
        return false;
    }
    free(*to);
    *to = copy;
    return true;
}

bool config_value_copy(struct settings *to, const struct settings *from, const struct setting *row)
{
    void *x = field(to, row);
    const void *y = field_const(from, row);
    switch (row->type) {
    case SETTING_BOOL: *(bool *)x = *(const bool *)y; return true;
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION:
    case SETTING_DURATION_MS: *(int64_t *)x = *(const int64_t *)y; return true;
    case SETTING_STRING: return copy_string(x, *(char *const *)y);
    case SETTING_LIST: return copy_list(x, y);
    case SETTING_IGNORED: break;
    }
    return true;
}

static bool lists_equal(const struct string_list *a, const struct string_list *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool config_value_equal(const struct settings *a, const struct settings *b,
                        const struct setting *row)
{
    const void *x = field_const(a, row);
    const void *y = field_const(b, row);
    switch (row->type) {
    case SETTING_BOOL: return *(const bool *)x == *(const bool *)y;
    case SETTING_INT:
    case SETTING_BYTES:
    case SETTING_DURATION:
    case SETTING_DURATION_MS: return *(const int64_t *)x == *(const int64_t *)y;
    case SETTING_STRING: return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    case SETTING_LIST: return lists_equal(x, y);
    case SETTING_IGNORED: break;
    }
    return true;
}
