/* SPDX-License-Identifier: MIT */
/* json_span: scans a valid JSON text. Only quotes, brackets and commas matter to it. */
#include "proto/json_span.h"

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str skip_white(struct str s)
{
    while (s.n > 0 && is_white(s.p[0])) {
        s = str_after(s, 1);
    }
    return s;
}

struct str json_trim(struct str text)
{
    struct str s = skip_white(text);

    while (s.n > 0 && is_white(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

/* Bytes of the string that s begins with, both quotes included. */
static size_t string_bytes(struct str s)
{
    size_t i = 1;

    while (i < s.n && s.p[i] != '"') {
        i += s.p[i] == '\\' ? 2 : 1;
    }
    return MIN(i + 1, s.n);
}

/* Bytes of a number or a literal. */
static size_t word_bytes(struct str s)
{
    size_t i = 0;

    while (i < s.n && !is_white(s.p[i]) && s.p[i] != ',' && s.p[i] != '}' && s.p[i] != ']') {
        i++;
    }
    return i;
}

/* Bytes of the object or array that s begins with. As the text is valid, brackets need counting
 * only. The deepest nesting is noted in *deepest. */
static size_t container_bytes(struct str s, size_t *deepest)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"') {
            i += string_bytes(str_after(s, i)) - 1;
        } else if (c == '{' || c == '[') {
            depth++;
            *deepest = MAX(*deepest, depth);
        } else if (c == '}' || c == ']') {
            depth--;
            if (depth == 0) {
                return i + 1;
            }
        }
    }
    return s.n;
}

static size_t value_bytes(struct str s)
{
    size_t deepest = 0;

    if (s.n == 0) {
        return 0;
    }
    switch (s.p[0]) {
    case '"': return string_bytes(s);
    case '{':
    case '[': return container_bytes(s, &deepest);
    default: return word_bytes(s);
    }
}

size_t json_depth(struct str text)
{
    struct str s = json_trim(text);
    size_t deepest = 0;

    if (s.n > 0 && (s.p[0] == '{' || s.p[0] == '[')) {
        (void)container_bytes(s, &deepest); /* only the depth is asked for */
    }
    return deepest;
}

void json_members_begin(struct json_members *it, struct str object)
{
    it->rest = skip_white(object);
    if (it->rest.n > 0) {
        it->rest = skip_white(str_after(it->rest, 1)); /* '{' */
    }
}

bool json_members_next(struct json_members *it, struct json_member *out)
{
    struct str key = it->rest;

    if (key.n == 0 || key.p[0] != '"') {
        return false; /* '}' */
    }
    struct str s = skip_white(str_after(key, string_bytes(key)));
    s = skip_white(str_after(s, MIN(s.n, 1u))); /* ':' */
    out->value = (struct str){s.p, value_bytes(s)};
    s = str_after(s, out->value.n);
    out->whole = (struct str){key.p, (size_t)(s.p - key.p)};
    s = skip_white(s);
    if (s.n > 0 && s.p[0] == ',') {
        s = skip_white(str_after(s, 1));
    }
    it->rest = s;
    return true;
}

void json_cut_member(struct str object, struct str member, struct str out[static 2])
{
    struct str before = {object.p, (size_t)(member.p - object.p)};
    struct str after = str_after(object, before.n + member.n);
    struct str next = skip_white(after);

    if (next.n > 0 && next.p[0] == ',') {
        after = skip_white(str_after(next, 1));
    } else {
        struct str trimmed = json_trim(before);
        if (trimmed.n > 0 && trimmed.p[trimmed.n - 1] == ',') {
            before.n = (size_t)(trimmed.p - before.p) + trimmed.n - 1;
        }
    }
    out[0] = before;
    out[1] = after;
}
