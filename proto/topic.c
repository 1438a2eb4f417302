/* SPDX-License-Identifier: MIT */
/* topic: grammars of names, and the spelling of topics. */
#include "proto/topic.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "proto/utf8.h"

static const struct str prefixes[TOPIC_KINDS] = {
    [TOPIC_ALL] = STR("all"),          [TOPIC_PROBLEMSET] = STR("problemset/"),
    [TOPIC_CONTEST] = STR("contest/"), [TOPIC_PROBLEM] = STR("problem/"),
    [TOPIC_USER] = STR("user/"),
};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *more)
{
    return c != '\0' && strchr(more, c) != NULL;
}

/* Is s min..max bytes long and of A-Za-z0-9 and `more` only? */
static bool consists_of(struct str s, size_t min, size_t max, const char *more)
{
    if (s.n < min || s.n > max) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], more)) {
            return false;
        }
    }
    return true;
}

/* Cuts *rest at its first ':': returns what stands before; *out_more says if there was one. */
static struct str take_part(struct str *rest, bool *out_more)
{
    const char *colon = rest->n ? memchr(rest->p, ':', rest->n) : NULL;
    struct str part = *rest;

    *out_more = colon != NULL;
    if (colon) {
        part.n = (size_t)(colon - rest->p);
        *rest = str_after(*rest, part.n + 1);
    }
    return part;
}

static bool is_parts(struct str s, unsigned max_parts, const char *more_characters)
{
    for (unsigned i = 0; i < max_parts; i++) {
        bool more;
        struct str part = take_part(&s, &more);
        if (!consists_of(part, 1, LIMIT_ALIAS_BYTES, more_characters)) {
            return false;
        }
        if (!more) {
            return true;
        }
    }
    return false;
}

/* Is it a name that stands in a topic as it is? */
static bool is_in_grammar(enum topic_kind kind, struct str name)
{
    switch (kind) {
    case TOPIC_CONTEST:
    case TOPIC_PROBLEM: return name_is_alias(name);
    case TOPIC_USER: return name_is_user(name);
    case TOPIC_ALL:
    case TOPIC_PROBLEMSET:
    case TOPIC_KINDS: break;
    }
    assert(!"a kind without names");
    return false;
}

static void append(struct topic_name *t, struct str s)
{
    assert(t->n + s.n <= TOPIC_NAME_MAX);
    memcpy(t->z + t->n, s.p, s.n);
    t->n += s.n;
    t->z[t->n] = '\0';
}

static void append_percent(struct topic_name *t, struct str name)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (is_alnum(name.p[i]) || is_one_of(name.p[i], "_.+:-")) {
            append(t, (struct str){name.p + i, 1});
        } else {
            append(t, (struct str){(char[]){'%', hex[c >> 4], hex[c & 15]}, 3});
        }
    }
}

bool topic_name_make(enum topic_kind kind, struct str name, struct topic_name *out)
{
    bool plain = is_in_grammar(kind, name);

    if (!plain && (name.n == 0 || name.n > LIMIT_NAME_BYTES || !utf8_valid(name) ||
                   utf8_has_controls(name))) {
        return false;
    }
    out->n = 0;
    append(out, prefixes[kind]);
    if (plain) {
        append(out, name);
    } else {
        append_percent(out, name);
    }
    return true;
}

void topic_name_make_problemset(int64_t problemset, struct topic_name *out)
{
    assert(problemset > 0);
    int n = snprintf(out->z, sizeof(out->z), "problemset/%" PRId64, problemset);
    out->n = (size_t)n;
}

void topic_name_make_all(struct topic_name *out)
{
    out->n = 0;
    append(out, prefixes[TOPIC_ALL]);
}

static bool is_rest_of(enum topic_kind kind, struct str rest)
{
    int64_t number;

    switch (kind) {
    case TOPIC_ALL: return rest.n == 0;
    case TOPIC_PROBLEMSET: return name_parse_problemset(rest, &number);
    case TOPIC_CONTEST:
    case TOPIC_PROBLEM:
    case TOPIC_USER: return consists_of(rest, 1, 3 * LIMIT_NAME_BYTES, "_.+:%-");
    case TOPIC_KINDS: break;
    }
    return false;
}

bool topic_kind_of(struct str topic, enum topic_kind *out_kind)
{
    for (enum topic_kind kind = TOPIC_ALL; kind < TOPIC_KINDS; kind++) {
        if (str_starts(topic, prefixes[kind]) &&
            is_rest_of(kind, str_after(topic, prefixes[kind].n))) {
            *out_kind = kind;
            return true;
        }
    }
    return false;
}

bool name_is_alias(struct str s)
{
    return is_parts(s, 2, "_-");
}

bool name_is_user(struct str s)
{
    return s.n <= LIMIT_USER_BYTES && is_parts(s, LIMIT_USER_PARTS, "_.+-");
}

bool name_is_scoreboard_token(struct str s)
{
    return consists_of(s, 1, LIMIT_SCOREBOARD_TOKEN_BYTES, "");
}

bool name_is_token(struct str s)
{
    return consists_of(s, 1, LIMIT_TOKEN_BYTES, "_.:=,+/~-");
}

bool name_parse_problemset(struct str s, int64_t *out_number)
{
    int64_t number = 0;

    if (s.n == 0 || s.p[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, s.p[i] - '0', &number)) {
            return false;
        }
    }
    *out_number = number;
    return true;
}
