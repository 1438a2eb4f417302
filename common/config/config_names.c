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
