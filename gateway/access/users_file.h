/* SPDX-License-Identifier: MIT */
#pragma once
/* users_file: users.json of protocol.md section 5 as typed values. Strict: what is not exactly of
 * that shape is refused with file, line and key. Tokens are never part of such a text.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

struct users_file;

struct name_list {
    struct str *v; /* owned; the names point into the file's text */
    size_t n;
};
struct number_list {
    int64_t *v; /* owned */
    size_t n;
};
struct file_user {
    struct str username;
    bool admin; /* of the whole system */
    struct name_list contests, contest_admin, problems, problem_admin;
    struct number_list problemsets, problemset_admin;
};
struct file_public {
    struct name_list contests, problems;
    struct number_list problemsets;
};
struct file_scoreboard {
    struct str contest;
    int64_t problemset; /* 0: none */
    bool admin;
};

/* NULL, and one line in out_problem, when the file cannot be read or is not right. */
struct users_file *users_file_read(const char *path, struct buf *out_problem);
struct users_file *users_file_free(struct users_file *f); /* accepts NULL */

/* NULL: no such token. */
const struct file_user *users_file_user(const struct users_file *f, struct str token);
const struct file_scoreboard *users_file_scoreboard(const struct users_file *f, struct str token);
const struct file_public *users_file_public(const struct users_file *f);
/* Is it named anywhere in the file? */
bool users_file_knows_contest(const struct users_file *f, struct str contest);
bool users_file_knows_problem(const struct users_file *f, struct str problem);
bool users_file_knows_problemset(const struct users_file *f, int64_t problemset);

bool name_list_has(const struct name_list *l, struct str name);
bool number_list_has(const struct number_list *l, int64_t number);
