/* SPDX-License-Identifier: MIT */
/* scoreboard_body: three members, each checked by itself. */
#include "publisher/scoreboard_body.h"

#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#include "proto/json_fields.h"
#include "proto/topic.h"

/* The last second of the year 9999: a later one is milliseconds, or a joke. */
#define EXPIRES_MAX INT64_C(253402300799)

enum { FIELD_CONTEST, FIELD_ADMIN, FIELD_EXPIRES, FIELDS };

static const char *read_fields(const struct json_field *fields, int64_t now_s,
                               struct scoreboard_body *out)
{
    struct str contest = STR_NONE;
    if (!json_field_str(&fields[FIELD_CONTEST], &contest) || !name_is_alias(contest) ||
        contest.n > SCOREBOARD_CONTEST_MAX) {
        return "contest: not the alias of a contest";
    }
    if (!json_field_bool(&fields[FIELD_ADMIN], &out->is_admin)) {
        return "admin: not a boolean";
    }
    if (!fields[FIELD_EXPIRES].value || !json_field_int(&fields[FIELD_EXPIRES], &out->expires) ||
        out->expires > EXPIRES_MAX) {
        return "expires: not a Unix time in seconds";
    }
    if (out->expires <= now_s) {
        return "expires: has passed";
    }
    memcpy(out->contest, contest.p, contest.n);
    out->contest[contest.n] = '\0';
    return NULL;
}

static const char *read_root(yyjson_val *root, struct str text, int64_t now_s,
                             struct scoreboard_body *out)
{
    struct json_field fields[FIELDS] = {
        [FIELD_CONTEST] = {.path = "contest"},
        [FIELD_ADMIN] = {.path = "admin"},
        [FIELD_EXPIRES] = {.path = "expires"},
    };
    if (!yyjson_is_obj(root)) {
        return "not a JSON object";
    }
    if (json_fields_find(root, json_trim(text), fields, FIELDS)) {
        return "a member stands twice";
    }
    return read_fields(fields, now_s, out);
}

bool scoreboard_body_parse(struct str text, int64_t now_s, struct scoreboard_body *out,
                           char error[static SCOREBOARD_ERROR_MAX])
{
    *out = (struct scoreboard_body){0};
    yyjson_read_err e = {0};
    error[0] = '\0';
    if (json_trim(text).n == 0) {
        (void)snprintf(error, SCOREBOARD_ERROR_MAX, "the body is empty, not a JSON object");
        return false;
    }
    /* Without the in-situ flag yyjson only reads the text, in spite of its prototype. */
    yyjson_doc *doc = yyjson_read_opts((char *)text.p, text.n, JSON_READ_FLAGS, NULL, &e);
    if (!doc && e.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        return false;
    }
    if (!doc) {
        (void)snprintf(error, SCOREBOARD_ERROR_MAX, "not JSON: %s at byte %zu",
                       e.msg ? e.msg : "empty", e.pos);
        return false;
    }
    const char *why = read_root(yyjson_doc_get_root(doc), text, now_s, out);
    yyjson_doc_free(doc);
    if (why) {
        (void)snprintf(error, SCOREBOARD_ERROR_MAX, "%s", why);
    }
    return !why;
}
