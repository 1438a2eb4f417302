/* SPDX-License-Identifier: MIT */
/* json_fields: yyjson tells what the members are, json_span where they stand. */
#include "proto/json_fields.h"

#include <string.h>

static const char *key_of(const struct json_field *f)
{
    const char *dot = strrchr(f->path, '.');
    return dot ? dot + 1 : f->path;
}

static struct json_field *field_named(struct str key, struct json_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(key, str_of(key_of(&fields[i])))) {
            return &fields[i];
        }
    }
    return NULL;
}

const struct json_field *json_fields_find(yyjson_val *object, struct str text,
                                          struct json_field *fields, size_t n)
{
    yyjson_obj_iter values;
    struct json_members places;
    struct json_member at;
    yyjson_val *key;

    yyjson_obj_iter_init(object, &values);
    json_members_begin(&places, text);
    while ((key = yyjson_obj_iter_next(&values)) && json_members_next(&places, &at)) {
        struct json_field *f = field_named(json_str(key), fields, n);
        if (f && f->value) {
            return f;
        }
        if (f) {
            f->value = yyjson_obj_iter_get_val(key);
            f->at = at;
        }
    }
    return NULL;
}

void json_fields_drop_null(struct json_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (yyjson_is_null(fields[i].value)) {
            fields[i].value = NULL;
        }
    }
}

void json_fields_drop_empty(struct json_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (yyjson_is_str(fields[i].value) && yyjson_get_len(fields[i].value) == 0) {
            fields[i].value = NULL;
        }
    }
}

struct str json_str(yyjson_val *string)
{
    return (struct str){yyjson_get_str(string), yyjson_get_len(string)};
}

bool json_field_str(const struct json_field *f, struct str *out)
{
    if (f->value && !yyjson_is_str(f->value)) {
        return false;
    }
    if (f->value) {
        *out = json_str(f->value);
    }
    return true;
}

bool json_field_bool(const struct json_field *f, bool *out)
{
    if (f->value && !yyjson_is_bool(f->value)) {
        return false;
    }
    if (f->value) {
        *out = yyjson_get_bool(f->value);
    }
    return true;
}

/* The text of a JSON number; 1.0 and 1e3 are not integers to us. */
static bool parse_int(struct str s, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    int64_t v = 0;

    for (size_t i = negative ? 1 : 0; i < s.n; i++) {
        int digit = s.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, negative ? -digit : digit, &v)) {
            return false;
        }
    }
    *out = v;
    return true;
}

bool json_field_int(const struct json_field *f, int64_t *out)
{
    if (!f->value) {
        return true;
    }
    return yyjson_is_raw(f->value) &&
           parse_int((struct str){yyjson_get_raw(f->value), yyjson_get_len(f->value)}, out);
}
