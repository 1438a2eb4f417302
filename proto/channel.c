/* SPDX-License-Identifier: MIT */
/* channel: strict and byte exact. A path that is almost a channel is none. */
#include "proto/channel.h"

/* Takes prefix off s; false (and s as it was) when s does not begin with it. */
static bool skip_prefix(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix)) {
        return false;
    }
    *s = str_after(*s, prefix.n);
    return true;
}

/* Only "/contest/A/admin" is cut: "/contest/admin" is the contest `admin`. */
static bool parse_contest(struct str rest, struct channel *out)
{
    static const struct str suffix = STR("/admin");
    struct channel c = {.kind = CHANNEL_CONTEST, .name = rest};

    if (rest.n > suffix.n && str_eq(str_after(rest, rest.n - suffix.n), suffix)) {
        c.kind = CHANNEL_CONTEST_ADMIN;
        c.name.n -= suffix.n;
    }
    if (!name_is_alias(c.name)) {
        return false;
    }
    *out = c;
    return true;
}

static bool parse_simple(enum channel_kind kind, struct str name, bool (*is_name)(struct str),
                         struct channel *out)
{
    if (!is_name(name)) {
        return false;
    }
    *out = (struct channel){.kind = kind, .name = name};
    return true;
}

bool channel_parse(struct str text, struct channel *out)
{
    struct str rest = text;

    if (skip_prefix(&rest, STR("/contest/"))) {
        return parse_contest(rest, out);
    }
    if (skip_prefix(&rest, STR("/user/"))) {
        return parse_simple(CHANNEL_USER, rest, name_is_user, out);
    }
    if (skip_prefix(&rest, STR("/problem/"))) {
        return parse_simple(CHANNEL_PROBLEM, rest, name_is_alias, out);
    }
    if (skip_prefix(&rest, STR("/scoreboard/"))) {
        return parse_simple(CHANNEL_SCOREBOARD, rest, name_is_scoreboard_token, out);
    }
    return false;
}

bool channel_carries(enum channel_kind kind, enum event_type type)
{
    static const bool carries[EVENT_TYPES][CHANNEL_KINDS] = {
        [EVENT_RUN_UPDATE] =
            {[CHANNEL_USER] = true, [CHANNEL_CONTEST] = true, [CHANNEL_CONTEST_ADMIN] = true},
        [EVENT_SCOREBOARD_UPDATE] =
            {[CHANNEL_CONTEST] = true, [CHANNEL_CONTEST_ADMIN] = true, [CHANNEL_SCOREBOARD] = true},
        [EVENT_CLARIFICATION] =
            {[CHANNEL_CONTEST] = true, [CHANNEL_CONTEST_ADMIN] = true, [CHANNEL_PROBLEM] = true},
        [EVENT_CONTEST_UPDATE] = {[CHANNEL_CONTEST] = true, [CHANNEL_CONTEST_ADMIN] = true},
        [EVENT_OTHER] = {true, true, true, true, true},
    };
    return carries[type][kind];
}

/* Cuts *rest at its first '/', which is dropped; false when there is none. */
static bool split_at_slash(struct str *rest, struct str *out_after)
{
    const char *slash = rest->n ? memchr(rest->p, '/', rest->n) : NULL;

    if (!slash) {
        return false;
    }
    size_t before = (size_t)(slash - rest->p);
    *out_after = str_after(*rest, before + 1);
    rest->n = before;
    return true;
}

/* NAME or NAME/TOKEN. */
static bool parse_name_and_token(struct str rest, struct filter *f)
{
    if (split_at_slash(&rest, &f->token) && !name_is_scoreboard_token(f->token)) {
        return false;
    }
    f->name = rest;
    return true;
}

/* Returns NULL, or what is wrong. */
static const char *parse_filter(struct str text, struct filter *out)
{
    struct filter f = {.kind = TOPIC_ALL};
    struct str rest = text;

    if (str_eq(text, STR("/all-events"))) {
        f.kind = TOPIC_ALL;
    } else if (skip_prefix(&rest, STR("/user/"))) {
        f.kind = TOPIC_USER;
        f.name = rest;
        if (!name_is_user(rest)) {
            return "not a valid user name in a filter";
        }
    } else if (skip_prefix(&rest, STR("/problem/"))) {
        f.kind = TOPIC_PROBLEM;
        f.name = rest;
        if (!name_is_alias(rest)) {
            return "not a valid problem alias in a filter";
        }
    } else if (skip_prefix(&rest, STR("/problemset/"))) {
        f.kind = TOPIC_PROBLEMSET;
        if (!parse_name_and_token(rest, &f) || !name_parse_problemset(f.name, &f.problemset)) {
            return "not a valid problemset in a filter";
        }
    } else if (skip_prefix(&rest, STR("/contest/"))) {
        f.kind = TOPIC_CONTEST;
        if (!parse_name_and_token(rest, &f) || !name_is_alias(f.name)) {
            return "not a valid contest in a filter";
        }
    } else {
        return "no filter of a known kind";
    }
    *out = f;
    return NULL;
}

bool filters_parse(struct str text, struct filter *out, size_t max, size_t *out_n,
                   const char **out_why)
{
    size_t n = 0;
    bool more = true;

    while (more) {
        const char *comma = text.n ? memchr(text.p, ',', text.n) : NULL;
        struct str one = {text.p, comma ? (size_t)(comma - text.p) : text.n};
        const char *why = n < max ? parse_filter(one, &out[n]) : "too many filters";
        if (why) {
            *out_why = why;
            return false;
        }
        n++;
        more = comma != NULL;
        text = str_after(text, one.n + (more ? 1 : 0));
    }
    *out_n = n;
    return true;
}
