/* SPDX-License-Identifier: MIT */
/* config_names: names in the settings table. */
#include "common/config/config_names.h"

#include <strings.h>

static bool equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

const struct setting *config_find_setting(struct str path, bool *out_by_older_name)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        *out_by_older_name = row->older && equal(str_of(row->older), path);
        if (*out_by_older_name || equal(str_of(row->path), path)) {
            return row;
        }
    }
    return NULL;
}

struct str config_find_section(struct str path)
{
    for (size_t i = 0; i < settings_count; i++) {
        struct str known = str_of(settings_table[i].path);
        struct str section = {known.p, path.n};
        if (path.n > 0 && path.n < known.n && known.p[path.n] == '.' && equal(section, path)) {
            return section;
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
        if (equal(str_of(names[i]), path)) {
            return true;
        }
    }
    return false;
}
