/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_parse: a body on its way to be a publish_request: what both forms share. Used by the
 * other publish_*.c only.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/json_fields.h"
#include "proto/publish_body.h"

/* The members of the body that we know, of both forms. */
enum outer_field {
    OUTER_MESSAGE,
    OUTER_TYPE,
    OUTER_CONTEST,
    OUTER_PROBLEMSET,
    OUTER_PROBLEM,
    OUTER_USER,
    OUTER_PUBLIC,
    OUTER_TIMESTAMP,
    OUTER_DATA,
    OUTER_FIELDS
};

/* All functions below that return bool have written the error when they return false; an error
 * that is still empty means out of memory. */
struct publish_parse {
    struct publish_request *request;
    struct str body;
    struct json_field outer[OUTER_FIELDS];
    char *error; /* PUBLISH_ERROR_MAX bytes */
};
/* Always false. `where` is the name of a field, never something that was sent. */
bool publish_fail(struct publish_parse *p, const char *where, const char *what);
/* Strict JSON, nested LIMIT_JSON_DEPTH deep at most. The document is the caller's. */
MUST_CHECK bool publish_read(struct publish_parse *p, const char *where, struct str text,
                             yyjson_doc **out_doc);
/* json_fields_find(); a field that stands twice is an error. */
MUST_CHECK bool publish_find(struct publish_parse *p, yyjson_val *object, struct str text,
                             struct json_field *fields, size_t n);
/* An absent field leaves *out as it was. */
MUST_CHECK bool publish_str(struct publish_parse *p, const struct json_field *f, struct str *out);
MUST_CHECK bool publish_bool(struct publish_parse *p, const struct json_field *f, bool *out);
MUST_CHECK bool publish_int(struct publish_parse *p, const struct json_field *f, int64_t *out);
/* Sets the event's type from a field that must be there. */
MUST_CHECK bool publish_type(struct publish_parse *p, const struct json_field *f);
void publish_set_type(struct publish_request *r, struct str type_name);
/* The topics that the event's names give. */
void publish_route(struct publish_request *r);
