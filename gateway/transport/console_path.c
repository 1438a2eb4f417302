/* SPDX-License-Identifier: MIT */
#include "gateway/transport/console_path.h"

#include "common/buf.h"
#include "gateway/transport/query.h"

#define INDEX "index.html"

/* After a slash stands the beginning of a segment, which is no dot; a last slash is followed by
 * index.html. */
static bool is_clean(struct str name)
{
    bool is_start = true;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\') { /* over 0x7f: negative */
            return false;
        }
        if (is_start && (c == '.' || c == '/')) {
            return false;
        }
        is_start = c == '/';
    }
    return true;
}

bool console_path_clean(struct str rest, char out[static CONSOLE_PATH_MAX])
{
    struct buf name = {0};
    bool ok = query_decode(rest, &name) && !name.failed && is_clean(buf_str(&name));
    if (ok && (name.n == 0 || name.p[name.n - 1] == '/')) {
        buf_add(&name, STR(INDEX));
    }
    ok = ok && !name.failed && name.n < CONSOLE_PATH_MAX;
    if (ok) {
        memcpy(out, name.p, name.n);
        out[name.n] = '\0';
    }
    buf_release(&name);
    return ok;
}

const char *console_path_type(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".yaml", "application/yaml"},
    };
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');
    for (size_t i = 0; dot && i < ARRAY_LEN(types); i++) {
        if (strcmp(dot, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

bool console_path_is_immutable(const char *name)
{
    return str_starts(str_of(name), STR("assets/"));
}
