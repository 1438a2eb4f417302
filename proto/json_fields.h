/* SPDX-License-Identifier: MIT */
#pragma once
/* json_fields: reading a JSON text strictly, and finding those members of an object that we know.
 *
 * Numbers stay as the text wrote them. Keys are compared decoded, so "\u0074ype" is `type`. Members
 * that we do not know are skipped, whatever they hold.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/json_span.h"

#define JSON_READ_FLAGS YYJSON_READ_NUMBER_AS_RAW

struct json_field {
    const char *path;  /* "data.contest_alias": how an error names it; its key is the last part */
    yyjson_val *value; /* NULL: absent */
    struct json_member at; /* its place in the text of the object */
};
/* Fills value and `at` of each field that the object has; text is the object's own text. Returns
 * NULL, or the field that stands there twice. */
const struct json_field *json_fields_find(yyjson_val *object, struct str text,
                                          struct json_field *fields, size_t n);
/* A field that is null becomes absent. */
void json_fields_drop_null(struct json_field *fields, size_t n);
/* A field that is an empty string becomes absent. */
void json_fields_drop_empty(struct json_field *fields, size_t n);

struct str json_str(yyjson_val *string);
/* False when it is no string. An absent field is left out: *out keeps what it had. */
MUST_CHECK bool json_field_str(const struct json_field *f, struct str *out);
MUST_CHECK bool json_field_bool(const struct json_field *f, bool *out);
/* An integer that fits, written without fraction or exponent. */
MUST_CHECK bool json_field_int(const struct json_field *f, int64_t *out);
