/* SPDX-License-Identifier: MIT */
#pragma once
/* json_span: where things stand in a JSON text, so that parts of it can be sent on untouched.
 *
 * Every text given to these functions must have passed a strict JSON reader: they look for ends of
 * values, not for faults. (On other texts they yield nonsense, but never leave the text.)
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"

/* Without the white space around it. */
struct str json_trim(struct str text);
/* How deep objects and arrays are nested: 0 for `1`, 1 for `{}`. */
size_t json_depth(struct str text);

struct json_member {
    struct str whole; /* from the key's opening quote to the end of the value */
    struct str value;
};
struct json_members {
    struct str rest;
};
/* Walks the members of an object (its text from '{' to '}') in their order in the text, which is
 * also the order in which yyjson gives them. */
void json_members_begin(struct json_members *it, struct str object);
MUST_CHECK bool json_members_next(struct json_members *it, struct json_member *out);

/* The object without one of its members, as two slices that follow each other: the member and one
 * comma beside it are left out. */
void json_cut_member(struct str object, struct str member, struct str out[static 2]);
