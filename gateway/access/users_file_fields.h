/* SPDX-License-Identifier: MIT */
#pragma once
/* users_file_fields: one JSON object -> one struct, by a table of its keys; every key that is not in
 * the table, comes twice or has the wrong type is a problem with a line number.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/compiler.h"

struct yyjson_val;

/* The file being read. */
struct users_reader {
    const char *path;     /* borrowed */
    const char *original; /* borrowed: the text as it was, for counting lines */
    const char *parsed;   /* borrowed: the same text where yyjson's strings point into */
    struct buf *problem;  /* borrowed */
};
/* Writes "PATH:LINE: WHERE.KEY: WHAT" and returns false. `at` points into parsed; NULL leaves out
 * the line, "" as where or key leaves these out. */
bool users_reader_fail(const struct users_reader *r, const char *at, const char *where,
                       const char *key, const char *what);

enum field_kind {
    FIELD_BOOL,       /* bool */
    FIELD_USER,       /* struct str */
    FIELD_ALIAS,      /* struct str */
    FIELD_PROBLEMSET, /* int64_t */
    FIELD_ALIASES,    /* struct name_list */
    FIELD_PROBLEMSETS /* struct number_list */
};
struct field {
    const char *name;
    enum field_kind kind;
    size_t offset; /* in the struct that is filled */
    bool is_required;
};
/* Fills *out (zeroed) from the object v, whose own key stands at `at`. On failure what was filled is
 * still valid, and to be released. */
MUST_CHECK bool fields_read(const struct users_reader *r, struct yyjson_val *v, const char *at,
                            const char *where, const struct field *fields, size_t n, void *out);
/* Frees the lists in *out. */
void fields_release(const struct field *fields, size_t n, void *out);
