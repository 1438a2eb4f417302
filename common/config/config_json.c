/* SPDX-License-Identifier: MIT */
/* config_json: walks the file's JSON, member by member, and knows on which line each stands.
 *
 * yyjson reads a copy in place, so that each key points into the copy; the same offset in the
 * untouched original tells the line.
 */
#include "common/config/config_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "common/config/config_names.h"
#include "common/config/config_value.h"

enum { WHERE_MAX = 1024, PATH_LENGTH_MAX = 256 };

/* By which member a setting was given already; line 0: by none. */
struct given {
    size_t line;
    bool by_older_name;
};

struct walk {
    struct config_loading *loading; /* borrowed */
    const char *file;               /* borrowed */
    struct str original;            /* borrowed */
    const char *copy;               /* borrowed; keys point into it */
    struct given *given;            /* borrowed; one per setting */
};

/* One member of an object: where it stands and what it is called. */
struct member {
    size_t line;
    char path[PATH_LENGTH_MAX]; /* canonical section + the key as written */
    char where[WHERE_MAX];      /* "FILE:LINE: Section.Key" */
    yyjson_val *value;
};

static size_t line_of(const struct walk *w, const char *key)
{
    size_t line = 1;
    size_t end = MIN((size_t)(key - w->copy), w->original.n);
    for (size_t i = 0; i < end; i++) {
        line += w->original.p[i] == '\n';
    }
    return line;
}

static void member_init(struct member *m, const struct walk *w, struct str section, yyjson_val *key)
{
    const char *name = yyjson_get_str(key);
    const char *dot = section.n ? "." : "";
    m->line = line_of(w, name);
    m->value = yyjson_obj_iter_get_val(key);
    (void)snprintf(m->path, sizeof(m->path), "%.*s%s%s", STR_ARG(section), dot, name);
    (void)snprintf(m->where, sizeof(m->where), "%s:%zu: %s", w->file, m->line, m->path);
}

/* May this member set the row? Not when another did; but the newer of two names wins. */
static bool claim(struct walk *w, const struct member *m, const struct setting *row, bool by_older)
{
    struct given *before = &w->given[row - settings_table];
    if (before->line > 0 && before->by_older_name == by_older) {
        config_error(w->loading, m->where, "is given twice, first on line %zu", before->line);
        return false;
    }
    bool first = before->line == 0;
    if (!first) {
        config_warning(w->loading, m->where,
                       "\"%s\" is an older name of %s; both are given, the "
                       "newer one counts",
                       row->older, row->path);
    }
    if (first || !by_older) {
        *before = (struct given){.line = m->line, .by_older_name = by_older};
        return true;
    }
    return false;
}

static void read_setting(struct walk *w, const struct member *m, const struct setting *row,
                         bool by_older)
{
    if (!claim(w, m, row, by_older)) {
        return;
    }
    if (row->type == SETTING_IGNORED) {
        config_warning(w->loading, m->where, "is ignored: %s", row->help);
        return;
    }
    struct buf why = {0};
    if (!config_value_set_json(w->loading->settings, row, m->value, &why)) {
        config_error(w->loading, m->where, "%.*s", STR_ARG(buf_str(&why)));
    } else if (!yyjson_is_null(m->value)) {
        config_was_set(w->loading, row);
    }
    buf_release(&why);
}

/* `flat`: the key is one name, as it should be. */
static void report_unknown(struct walk *w, const struct member *m, bool flat)
{
    const char *why = flat ? "" : " (a key is one name: sections are objects)";
    if (w->loading->strict) {
        config_error(w->loading, m->where, "unknown%s", why);
    } else {
        config_warning(w->loading, m->where, "unknown, ignored%s", why);
    }
}

/* Is there an earlier member of the object that means the same section? */
static bool is_repeated(yyjson_val *object, yyjson_val *key, struct str parent, struct str section)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *other; (other = yyjson_obj_iter_next(&it)) != NULL && other != key;) {
        char path[PATH_LENGTH_MAX];
        (void)snprintf(path, sizeof(path), "%.*s%s%s", STR_ARG(parent), parent.n ? "." : "",
                       yyjson_get_str(other));
        if (str_eq(config_find_section(str_of(path)), section)) {
            return true;
        }
    }
    return false;
}

static void walk_object(struct walk *w, struct str section, yyjson_val *object);

static void read_section(struct walk *w, const struct member *m, struct str section, bool repeated)
{
    if (repeated) {
        config_error(w->loading, m->where, "is given twice");
    } else if (yyjson_is_obj(m->value)) {
        walk_object(w, section, m->value);
    } else if (!yyjson_is_null(m->value)) {
        config_error(w->loading, m->where, "must be an object");
    }
}

/* The recursion ends with the table: below a known section stand only known sections. */
static void walk_object(struct walk *w, struct str section, yyjson_val *object)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        struct member m;
        member_init(&m, w, section, key);
        /* Neither a path in one key nor one that a zero byte cuts short names anything. */
        bool flat = strcspn(yyjson_get_str(key), ".") == yyjson_get_len(key);
        bool by_older = false;
        const struct setting *row = flat ? config_find_setting(str_of(m.path), &by_older) : NULL;
        struct str inner = flat ? config_find_section(str_of(m.path)) : STR_NONE;
        if (row) {
            read_setting(w, &m, row, by_older);
        } else if (inner.n > 0) {
            read_section(w, &m, inner, is_repeated(object, key, section, inner));
        } else if (section.n > 0 || !config_is_foreign_section(str_of(m.path))) {
            report_unknown(w, &m, flat);
        }
    }
}

static void report_syntax(struct walk *w, const yyjson_read_err *err)
{
    size_t line = 1;
    size_t column = 1;
    size_t character;
    /* False only for a position beyond the text. */
    (void)yyjson_locate_pos(w->original.p, w->original.n, err->pos, &line, &column, &character);
    char where[WHERE_MAX];
    (void)snprintf(where, sizeof(where), "%s:%zu:%zu", w->file, line, column);
    config_error(w->loading, where, "%s", err->msg);
}

static void walk_text(struct walk *w, char *copy)
{
    if (w->original.n == 0) {
        config_error(w->loading, w->file, "is empty; without any setting it is {}");
        return;
    }
    yyjson_read_err err;
    yyjson_doc *doc = yyjson_read_opts(copy, w->original.n,
                                       YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, NULL, &err);
    if (!doc) {
        report_syntax(w, &err);
    } else if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
        config_error(w->loading, w->file, "must hold a JSON object");
    } else {
        walk_object(w, STR_NONE, yyjson_doc_get_root(doc));
    }
    yyjson_doc_free(doc);
}

void config_read_json(struct config_loading *l, const char *file, struct str text)
{
    char *copy = calloc(1, text.n + YYJSON_PADDING_SIZE);
    struct given *given = calloc(settings_count, sizeof(*given));
    if (copy && given) {
        if (text.n > 0) {
            memcpy(copy, text.p, text.n);
        }
        struct walk w = {
            .loading = l, .file = file, .original = text, .copy = copy, .given = given};
        walk_text(&w, copy);
    } else {
        config_error(l, file, "out of memory");
    }
    free(given);
    free(copy);
}
