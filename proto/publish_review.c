/* SPDX-License-Identifier: MIT */
/* publish_review: nothing here refuses anything. A field that nobody knows, a type that is nearly one
 * of ours, a name that nearly routes and a time in milliseconds are all legal, and mostly typing
 * errors that nobody would see otherwise. */
#include "proto/publish_review.h"

#include <yyjson.h>

enum { WORD_MAX = 24, TYPING_ERRORS = 2, FIELDS_MAX = 64, WORD_SHOWN = 100 };
static const int64_t year_2200_s = 7258118400;

/* Members of the body of either form. */
static const struct str outer_names[] = {
    STR("type"),    STR("timestamp"),  STR("public"),  STR("user"),    STR("data"),
    STR("contest"), STR("problemset"), STR("problem"), STR("message"),
};
static const struct str routing_names[] = {STR("contest_alias"), STR("problemset"),
                                           STR("problem_alias"), STR("username")};
static const struct str type_names[] = {STR("run_update"), STR("scoreboard_update"),
                                        STR("clarification"), STR("contest_update")};

struct review {
    struct buf *out;
    size_t warnings;
};

/* Lower case, without what people vary: "contestAlias" and "contest-alias" are "contestalias". */
static size_t plain(struct str word, char out[static WORD_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (c == '_' || c == '-' || c == ' ') {
            continue;
        }
        if (n == WORD_MAX) {
            return 0; /* longer than any of ours */
        }
        out[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return n;
}

/* How many letters are to be changed, added or left out: Levenshtein's distance. */
static size_t distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_n];
}

static bool resembles(struct str word, struct str ours)
{
    char a[WORD_MAX], b[WORD_MAX];
    size_t a_n = plain(word, a), b_n = plain(ours, b);
    return a_n > 0 && distance(a, a_n, b, b_n) <= MIN((size_t)TYPING_ERRORS, b_n / 3);
}

/* One of ours that the word resembles, or none. */
static struct str nearest(struct str word, const struct str *ours, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (resembles(word, ours[i])) {
            return ours[i];
        }
    }
    return STR_NONE;
}

/* Its first WORD_SHOWN bytes, or a few less: no character is cut. */
static struct str start_of(struct str word)
{
    if (word.n > WORD_SHOWN) {
        word.n = WORD_SHOWN;
        while (word.n > 0 && ((unsigned char)word.p[word.n] & 0xC0) == 0x80) {
            word.n--;
        }
    }
    return word;
}

/* "WHAT: WORD; did you mean NEAR?" */
static void warn(struct review *v, const char *what, struct str word, struct str near)
{
    if (v->warnings == REVIEW_WARNINGS_MAX) {
        return;
    }
    struct buf text = {0};
    buf_addf(&text, "%s: ", what);
    buf_add(&text, start_of(word));
    if (near.n > 0) {
        buf_addf(&text, "; did you mean %.*s?", STR_ARG(near));
    }
    if (v->warnings++ > 0) {
        buf_addc(v->out, ',');
    }
    buf_add_json(v->out, buf_str(&text));
    v->out->failed = v->out->failed || text.failed;
    buf_release(&text);
}

static struct str text_of(yyjson_val *key)
{
    return (struct str){yyjson_get_str(key), yyjson_get_len(key)};
}

static bool is_one_of(struct str word, const struct str *ours, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(word, ours[i])) {
            return true;
        }
    }
    return false;
}

static void review_fields(struct review *v, yyjson_val *body)
{
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(body, i, max, key, value)
    {
        struct str name = text_of(key);
        if (i == FIELDS_MAX) {
            break;
        }
        if (!is_one_of(name, outer_names, ARRAY_LEN(outer_names))) {
            warn(v, "unknown field", name, nearest(name, outer_names, ARRAY_LEN(outer_names)));
        }
    }
}

/* In `data` everything is allowed: only what nearly routes is worth a word. */
static void review_data(struct review *v, yyjson_val *data)
{
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(data, i, max, key, value)
    {
        struct str name = text_of(key);
        if (i == FIELDS_MAX) {
            break;
        }
        struct str near = nearest(name, routing_names, ARRAY_LEN(routing_names));
        if (near.n > 0 && !str_eq(name, near) && !yyjson_obj_getn(data, near.p, near.n)) {
            warn(v, "does not route: data", name, near);
        }
    }
}

static void review_event(struct review *v, const struct publish_request *r)
{
    const struct event *e = &r->event;
    if (r->form == PUBLISH_DOCUMENTED && e->type == EVENT_OTHER) {
        struct str near = nearest(e->type_name, type_names, ARRAY_LEN(type_names));
        if (near.n > 0) {
            warn(v, "unknown type", e->type_name, near);
        }
    }
    if (e->timestamp_s > year_2200_s) {
        warn(v, "timestamp", STR("after the year 2200: it is in seconds, not in milliseconds"),
             STR_NONE);
    }
}

static void add_channels(const struct publish_request *r, struct buf *out)
{
    bool is_first = true;
    for (size_t i = 0; i < r->n_topics; i++) {
        enum topic_kind kind;
        struct str topic = topic_name_str(&r->topics[i]);
        if (topic_kind_of(topic, &kind) && kind != TOPIC_ALL) {
            buf_add(out, is_first ? STR("\"/") : STR(",\"/"));
            buf_add(out, topic); /* letters, digits and signs that JSON does not escape */
            buf_addc(out, '"');
            is_first = false;
        }
    }
}

void publish_review(const struct publish_request *r, struct buf *out)
{
    struct review v = {.out = out};
    yyjson_val *body = yyjson_doc_get_root(r->body_doc);

    buf_add(out, STR("\"channels\":["));
    add_channels(r, out);
    buf_add(out, STR("],\"warnings\":["));
    review_fields(&v, body);
    if (r->form == PUBLISH_DOCUMENTED) {
        review_data(&v, yyjson_obj_get(body, "data"));
    }
    review_event(&v, r);
    buf_addc(out, ']');
}
