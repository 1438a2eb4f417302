/* SPDX-License-Identifier: MIT */
/* users_file_fields: the reader of one value per kind, and the walk over an object's keys. */
#include "gateway/access/users_file_fields.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "gateway/access/users_file.h"
#include "proto/topic.h"

static unsigned line_of(const struct users_reader *r, const char *at)
{
    unsigned line = 1;
    for (const char *p = r->original; p < r->original + (at - r->parsed); p++) {
        line += *p == '\n' ? 1 : 0;
    }
    return line;
}

bool users_reader_fail(const struct users_reader *r, const char *at, const char *where,
                       const char *key, const char *what)
{
    buf_clear(r->problem);
    buf_add(r->problem, str_of(r->path));
    if (at) {
        buf_addf(r->problem, ":%u", line_of(r, at));
    }
    buf_add(r->problem, STR(": "));
    if (where[0] || key[0]) {
        buf_addf(r->problem, "%s%s%s: ", where, where[0] && key[0] ? "." : "", key);
    }
    buf_add(r->problem, str_of(what));
    return false;
}

static struct str text_of(yyjson_val *v)
{
    return (struct str){yyjson_get_str(v), yyjson_get_len(v)};
}

/* The readers of one value return what is wrong with it, or NULL. */
static const char *read_bool(yyjson_val *v, bool *out)
{
    *out = yyjson_is_true(v);
    return yyjson_is_bool(v) ? NULL : "must be true or false";
}

static const char *read_user(yyjson_val *v, struct str *out)
{
    *out = text_of(v);
    return name_is_user(*out) ? NULL : "must be a user name";
}

static const char *read_alias(yyjson_val *v, void *out_str)
{
    struct str *out = out_str;
    *out = text_of(v);
    return name_is_alias(*out) ? NULL : "must be an alias";
}

static const char *read_problemset(yyjson_val *v, void *out_i64)
{
    int64_t *out = out_i64;
    *out = yyjson_get_sint(v);
    return yyjson_is_int(v) && *out > 0 ? NULL : "must be a positive integer";
}

/* A list of what one reader reads. */
struct list_kind {
    const char *(*read)(yyjson_val *v, void *out);
    size_t item_bytes;
    const char *wrong;
};

static const char *read_list(yyjson_val *v, const struct list_kind *kind, void **out_items,
                             size_t *out_n)
{
    if (!yyjson_is_arr(v)) {
        return kind->wrong;
    }
    char *items = calloc(yyjson_arr_size(v) + 1, kind->item_bytes);
    if (!items) {
        return "out of memory";
    }
    *out_items = items; /* the caller's, whatever is in it */
    size_t i;
    size_t max;
    yyjson_val *item;
    yyjson_arr_foreach(v, i, max, item)
    {
        if (kind->read(item, items + i * kind->item_bytes)) {
            return kind->wrong;
        }
    }
    *out_n = max;
    return NULL;
}

static const char *read_aliases(yyjson_val *v, struct name_list *out)
{
    static const struct list_kind kind = {read_alias, sizeof(*out->v), "must be a list of aliases"};
    void *items = NULL;
    const char *wrong = read_list(v, &kind, &items, &out->n);
    out->v = items;
    return wrong;
}

static const char *read_problemsets(yyjson_val *v, struct number_list *out)
{
    static const struct list_kind kind = {read_problemset, sizeof(*out->v),
                                          "must be a list of positive integers"};
    void *items = NULL;
    const char *wrong = read_list(v, &kind, &items, &out->n);
    out->v = items;
    return wrong;
}

static const char *read_value(yyjson_val *v, enum field_kind kind, void *out)
{
    switch (kind) {
    case FIELD_BOOL: return read_bool(v, out);
    case FIELD_USER: return read_user(v, out);
    case FIELD_ALIAS: return read_alias(v, out);
    case FIELD_PROBLEMSET: return read_problemset(v, out);
    case FIELD_ALIASES: return read_aliases(v, out);
    case FIELD_PROBLEMSETS: return read_problemsets(v, out);
    }
    return "unknown kind";
}

/* The index of the key in the table, or n. */
static size_t find_field(yyjson_val *key, const struct field *fields, size_t n)
{
    size_t i = 0;
    while (i < n && !str_eq(text_of(key), str_of(fields[i].name))) {
        i++;
    }
    return i;
}

bool fields_read(const struct users_reader *r, struct yyjson_val *v, const char *at,
                 const char *where, const struct field *fields, size_t n, void *out)
{
    if (!yyjson_is_obj(v)) {
        return users_reader_fail(r, at, where, "", "must be an object");
    }
    uint32_t seen = 0;
    size_t i;
    size_t max;
    yyjson_val *key;
    yyjson_val *value;
    yyjson_obj_foreach(v, i, max, key, value)
    {
        const char *name = yyjson_get_str(key);
        size_t f = find_field(key, fields, n);
        if (f == n) {
            return users_reader_fail(r, name, where, name, "unknown key");
        }
        if (seen & 1u << f) {
            return users_reader_fail(r, name, where, name, "stands here twice");
        }
        seen |= 1u << f;
        const char *wrong = read_value(value, fields[f].kind, (char *)out + fields[f].offset);
        if (wrong) {
            return users_reader_fail(r, name, where, name, wrong);
        }
    }
    for (size_t f = 0; f < n; f++) {
        if (fields[f].is_required && !(seen & 1u << f)) {
            return users_reader_fail(r, at, where, fields[f].name, "is missing");
        }
    }
    return true;
}

void fields_release(const struct field *fields, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++) {
        void *member = (char *)out + fields[i].offset;
        if (fields[i].kind == FIELD_ALIASES) {
            free(((struct name_list *)member)->v);
        } else if (fields[i].kind == FIELD_PROBLEMSETS) {
            free(((struct number_list *)member)->v);
        }
    }
}
