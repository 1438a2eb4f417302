/* SPDX-License-Identifier: MIT */
/* users_file: the text is parsed in place, so the place of a string in it is its place in the file;
 * an untouched copy of the text is kept while reading, to count lines in.
 */
#include "gateway/access/users_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#include "common/strmap.h"
#include "gateway/access/users_file_fields.h"
#include "proto/topic.h"

enum { FILE_BYTES_MAX = 16777216, READ_BYTES = 65536, WHERE_MAX = 48 };

struct users_file {
    char *text;                /* owned: what all strings point into */
    yyjson_doc *doc;           /* owned */
    struct strmap users;       /* token -> struct file_user, owned */
    struct strmap scoreboards; /* token -> struct file_scoreboard, owned */
    struct file_public open;
    /* All names of the file -> the file itself (any pointer would do). A problemset's key is its
     * number's bytes where it stands in a list. */
    struct strmap contests, problems, problemsets;
};

static const struct field user_fields[] = {
    {"username", FIELD_USER, offsetof(struct file_user, username), true},
    {"admin", FIELD_BOOL, offsetof(struct file_user, admin), false},
    {"contests", FIELD_ALIASES, offsetof(struct file_user, contests), false},
    {"contest_admin", FIELD_ALIASES, offsetof(struct file_user, contest_admin), false},
    {"problems", FIELD_ALIASES, offsetof(struct file_user, problems), false},
    {"problem_admin", FIELD_ALIASES, offsetof(struct file_user, problem_admin), false},
    {"problemsets", FIELD_PROBLEMSETS, offsetof(struct file_user, problemsets), false},
    {"problemset_admin", FIELD_PROBLEMSETS, offsetof(struct file_user, problemset_admin), false},
};
static const struct field public_fields[] = {
    {"contests", FIELD_ALIASES, offsetof(struct file_public, contests), false},
    {"problems", FIELD_ALIASES, offsetof(struct file_public, problems), false},
    {"problemsets", FIELD_PROBLEMSETS, offsetof(struct file_public, problemsets), false},
};
static const struct field scoreboard_fields[] = {
    {"contest", FIELD_ALIAS, offsetof(struct file_scoreboard, contest), true},
    {"problemset", FIELD_PROBLEMSET, offsetof(struct file_scoreboard, problemset), false},
    {"admin", FIELD_BOOL, offsetof(struct file_scoreboard, admin), false},
};

/* A top-level object whose keys are tokens. */
struct token_table {
    const char *name;
    bool (*is_token)(struct str s);
    const struct field *fields;
    size_t n_fields, row_bytes;
};
static const struct token_table user_table = {
    .name = "tokens",
    .is_token = name_is_token,
    .fields = user_fields,
    .n_fields = ARRAY_LEN(user_fields),
    .row_bytes = sizeof(struct file_user),
};
static const struct token_table scoreboard_table = {
    .name = "scoreboards",
    .is_token = name_is_scoreboard_token,
    .fields = scoreboard_fields,
    .n_fields = ARRAY_LEN(scoreboard_fields),
    .row_bytes = sizeof(struct file_scoreboard),
};

bool name_list_has(const struct name_list *l, struct str name)
{
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->v[i], name)) {
            return true;
        }
    }
    return false;
}

bool number_list_has(const struct number_list *l, int64_t number)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i] == number) {
            return true;
        }
    }
    return false;
}

static void release_rows(struct strmap *rows, const struct token_table *t)
{
    struct strmap_iter it = {0};
    void *row;
    while ((row = strmap_next(rows, &it)) != NULL) {
        fields_release(t->fields, t->n_fields, row);
        free(row);
    }
    strmap_release(rows);
}

struct users_file *users_file_free(struct users_file *f)
{
    if (!f) {
        return NULL;
    }
    release_rows(&f->users, &user_table);
    release_rows(&f->scoreboards, &scoreboard_table);
    fields_release(public_fields, ARRAY_LEN(public_fields), &f->open);
    strmap_release(&f->contests);
    strmap_release(&f->problems);
    strmap_release(&f->problemsets);
    yyjson_doc_free(f->doc);
    free(f->text);
    free(f);
    return NULL;
}

/* One row of a table. The problem names the row by its number: a token is a secret. */
static bool read_row(const struct users_reader *r, const struct token_table *t, size_t index,
                     yyjson_val *key, struct strmap *rows)
{
    char where[WHERE_MAX];
    (void)snprintf(where, sizeof(where), "%s[%zu]", t->name, index);
    struct str token = {yyjson_get_str(key), yyjson_get_len(key)};
    if (!t->is_token(token)) {
        return users_reader_fail(r, token.p, where, "", "the key is no token");
    }
    if (strmap_get(rows, token)) {
        return users_reader_fail(r, token.p, where, "", "the same token stands here twice");
    }
    void *row = calloc(1, t->row_bytes);
    if (!row || !strmap_add(rows, token, row)) {
        free(row);
        return users_reader_fail(r, token.p, where, "", "out of memory");
    }
    return fields_read(r, yyjson_obj_iter_get_val(key), token.p, where, t->fields, t->n_fields,
                       row);
}

static bool read_table(const struct users_reader *r, const struct token_table *t, yyjson_val *key,
                       struct strmap *rows)
{
    yyjson_val *table = yyjson_obj_iter_get_val(key);
    if (!yyjson_is_obj(table)) {
        return users_reader_fail(r, yyjson_get_str(key), "", t->name, "must be an object");
    }
    yyjson_obj_iter it = yyjson_obj_iter_with(table);
    yyjson_val *row_key;
    for (size_t i = 0; (row_key = yyjson_obj_iter_next(&it)) != NULL; i++) {
        if (!read_row(r, t, i, row_key, rows)) {
            return false;
        }
    }
    return true;
}

static bool read_section(const struct users_reader *r, struct users_file *f, yyjson_val *key)
{
    const char *name = yyjson_get_str(key);
    if (yyjson_equals_str(key, "tokens")) {
        return read_table(r, &user_table, key, &f->users);
    }
    if (yyjson_equals_str(key, "scoreboards")) {
        return read_table(r, &scoreboard_table, key, &f->scoreboards);
    }
    if (yyjson_equals_str(key, "public")) {
        return fields_read(r, yyjson_obj_iter_get_val(key), name, name, public_fields,
                           ARRAY_LEN(public_fields), &f->open);
    }
    return users_reader_fail(r, name, "", name, "unknown key");
}

static bool read_sections(const struct users_reader *r, struct users_file *f)
{
    yyjson_val *root = yyjson_doc_get_root(f->doc);
    if (!yyjson_is_obj(root)) {
        return users_reader_fail(r, r->parsed, "", "", "must be an object");
    }
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        const char *name = yyjson_get_str(key);
        if (yyjson_obj_getn(root, name, yyjson_get_len(key)) != yyjson_obj_iter_get_val(key)) {
            return users_reader_fail(r, name, "", name, "stands here twice");
        }
        if (!read_section(r, f, key)) {
            return false;
        }
    }
    return true;
}

static bool note(struct strmap *known, struct str name, struct users_file *f)
{
    return strmap_get(known, name) || strmap_add(known, name, f);
}

static struct str number_key(const int64_t *number)
{
    return (struct str){(const char *)number, sizeof(*number)};
}

static bool note_names(struct strmap *known, const struct name_list *l, struct users_file *f)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!note(known, l->v[i], f)) {
            return false;
        }
    }
    return true;
}

static bool note_numbers(struct strmap *known, const struct number_list *l, struct users_file *f)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!note(known, number_key(&l->v[i]), f)) {
            return false;
        }
    }
    return true;
}

static bool note_user(struct users_file *f, const struct file_user *u)
{
    return note_names(&f->contests, &u->contests, f) &&
           note_names(&f->contests, &u->contest_admin, f) &&
           note_names(&f->problems, &u->problems, f) &&
           note_names(&f->problems, &u->problem_admin, f) &&
           note_numbers(&f->problemsets, &u->problemsets, f) &&
           note_numbers(&f->problemsets, &u->problemset_admin, f);
}

static bool note_scoreboard(struct users_file *f, const struct file_scoreboard *s)
{
    return note(&f->contests, s->contest, f) &&
           (s->problemset == 0 || note(&f->problemsets, number_key(&s->problemset), f));
}

/* Fills the maps of all names. False: out of memory. */
static bool note_all(struct users_file *f)
{
    struct strmap_iter users = {0};
    const struct file_user *u;
    while ((u = strmap_next(&f->users, &users)) != NULL) {
        if (!note_user(f, u)) {
            return false;
        }
    }
    struct strmap_iter scoreboards = {0};
    const struct file_scoreboard *s;
    while ((s = strmap_next(&f->scoreboards, &scoreboards)) != NULL) {
        if (!note_scoreboard(f, s)) {
            return false;
        }
    }
    return note_names(&f->contests, &f->open.contests, f) &&
           note_names(&f->problems, &f->open.problems, f) &&
           note_numbers(&f->problemsets, &f->open.problemsets, f);
}

/* NULL, or why the file could not be read. */
static const char *slurp(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return strerror(errno);
    }
    const char *why = NULL;
    while (!why && !feof(file)) {
        if (!buf_reserve(out, READ_BYTES)) {
            why = "out of memory";
        } else if (out->n > FILE_BYTES_MAX) {
            why = "larger than 16 MiB";
        } else {
            out->n += fread(out->p + out->n, 1, READ_BYTES, file);
            why = ferror(file) ? strerror(errno) : NULL;
        }
    }
    (void)fclose(file); /* only read: nothing can be lost */
    return why;
}

/* Parses a copy of the text into f. */
static bool parse(struct users_reader *r, struct str original, struct users_file *f)
{
    if (original.n == 0) {
        return users_reader_fail(r, NULL, "", "", "is empty");
    }
    f->text = calloc(1, original.n + YYJSON_PADDING_SIZE);
    if (!f->text) {
        return users_reader_fail(r, NULL, "", "", "out of memory");
    }
    memcpy(f->text, original.p, original.n);
    r->original = original.p;
    r->parsed = f->text;
    yyjson_read_err err;
    f->doc = yyjson_read_opts(f->text, original.n, YYJSON_READ_INSITU, NULL, &err);
    if (!f->doc) {
        return users_reader_fail(r, f->text + MIN(err.pos, original.n), "", "", err.msg);
    }
    return read_sections(r, f);
}

struct users_file *users_file_read(const char *path, struct buf *out_problem)
{
    struct users_reader r = {.path = path, .problem = out_problem};
    struct buf original = {0};
    struct users_file *f = calloc(1, sizeof(*f));
    if (!f) {
        (void)users_reader_fail(&r, NULL, "", "", "out of memory"); /* always false */
        return NULL;
    }
    const char *why = slurp(path, &original);
    bool is_good =
        why ? users_reader_fail(&r, NULL, "", "", why) : parse(&r, buf_str(&original), f);
    if (is_good && !note_all(f)) {
        is_good = users_reader_fail(&r, NULL, "", "", "out of memory");
    }
    buf_release(&original);
    return is_good ? f : users_file_free(f);
}

const struct file_user *users_file_user(const struct users_file *f, struct str token)
{
    return strmap_get(&f->users, token);
}

const struct file_scoreboard *users_file_scoreboard(const struct users_file *f, struct str token)
{
    return strmap_get(&f->scoreboards, token);
}

const struct file_public *users_file_public(const struct users_file *f)
{
    return &f->open;
}

bool users_file_knows_contest(const struct users_file *f, struct str contest)
{
    return strmap_get(&f->contests, contest) != NULL;
}

bool users_file_knows_problem(const struct users_file *f, struct str problem)
{
    return strmap_get(&f->problems, problem) != NULL;
}

bool users_file_knows_problemset(const struct users_file *f, int64_t problemset)
{
    return strmap_get(&f->problemsets, number_key(&problemset)) != NULL;
}
