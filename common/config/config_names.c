/* SPDX-License-Identifier: MIT */
/* config_names: names in the settings table. */
#include "common/config/config_names.h"

#include <strings.h>

typedef bool (*equal_fn)(struct str a, struct str b);

static bool equal_without_case(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

/* Where the last part of a path begins. */
static size_t last_part(struct str path)
{
    const char *dot = path.n ? memrchr(path.p, '.', path.n) : NULL;
    return dot ? (size_t)(dot - path.p) + 1 : 0;
}

static bool has_older_name(const struct setting *row, struct str path, equal_fn equal)
{
    if (!row->older) {
        return false;
    }
    size_t parent = last_part(str_of(row->path));
    return path.n > parent &&
           equal((struct str){row->path, parent}, (struct str){path.p, parent}) &&
           equal(str_of(row->older), str_after(path, parent));
}

const struct setting *config_find_setting(struct str path, bool *out_by_older_name)
{
    static const equal_fn equals[] = {str_eq, equal_without_case};
    for (size_t e = 0; e < ARRAY_LEN(equals); e++) {
        for (size_t i = 0; i < settings_count; i++) {
            const struct setting *row = &settings_table[i];
            bool older = has_older_name(row, path, equals[e]);
            if (older || equals[e](str_of(row->path), path)) {
                *out_by_older_name = older;
                return row;
            }
        }
    }
    return NULL;
}

struct str config_find_section(struct str path)
{
    static const equal_fn equals[] = {str_eq, equal_without_case};
    for (size_t e = 0; e < ARRAY_LEN(equals); e++) {
        for (size_t i = 0; i < settings_count; i++) {
            struct str known = str_of(settings_table[i].path);
            struct str section = {known.p, path.n};
            if (path.n > 0 && path.n < known.n && known.p[path.n] == '.' &&
                equals[e](section, path)) {
                return section;
            }
        }
    }
    return STR_NONE;
}

bool config_is_foreign_section(struct str path)
{
    static const char *const names[] = {
        "Tracing", "DB", "Grader", "Runner", "InputManager", "NewRelic", "TLS",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (equal_without_case(str_of(names[i]), path)) {
            return true;
        }
    }
    return false;
}

enum { COMPARED_MAX = 64 };

/* Levenshtein distance without regard to case, of the first COMPARED_MAX bytes. */
static size_t distance(struct str a, struct str b)
{
    size_t row[COMPARED_MAX + 1];
    a.n = MIN(a.n, (size_t)COMPARED_MAX);
    b.n = MIN(b.n, (size_t)COMPARED_MAX);
    for (size_t j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.n; i++) {
        size_t diagonal = row[0]; /* of (i, j) while row[j + 1] becomes (i + 1, j + 1) */
        row[0] = i + 1;
        for (size_t j = 0; j < b.n; j++) {
            bool same = strncasecmp(&a.p[i], &b.p[j], 1) == 0;
            size_t replaced = diagonal + !same;
            diagonal = row[j + 1];
            row[j + 1] = MIN(replaced, 1 + MIN(row[j], row[j + 1]));
        }
    }
    return row[b.n];
}

/* A right name in the wrong section is as near as two slips of the pen. */
static size_t path_distance(struct str unknown, struct str known)
{
    size_t whole = distance(unknown, known);
    size_t last =
        2 + distance(str_after(unknown, last_part(unknown)), str_after(known, last_part(known)));
    return MIN(whole, last);
}

struct str config_nearest(struct str path)
{
    struct str nearest = STR_NONE;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < settings_count; i++) {
        if (settings_table[i].type == SETTING_IGNORED) {
            continue;
        }
        /* The setting, then the sections around it. */
        struct str known = str_of(settings_table[i].path);
        while (known.n > 0) {
            size_t d = path_distance(path, known);
            if (d < best) {
                best = d;
                nearest = known;
            }
            known.n = MAX(last_part(known), (size_t)1) - 1;
        }
    }
    return nearest;
}
