/* SPDX-License-Identifier: MIT */
/* publish_documented: the names in `data` route, and must be of the grammar. */
#include "proto/publish_documented.h"

#include <stdlib.h>
#include <string.h>

#include "proto/server_text.h"

enum {
    DATA_CONTEST,
    DATA_PROBLEMSET,
    DATA_PROBLEM,
    DATA_AUTHOR,
    DATA_USERNAME,
    DATA_PUBLIC,
    DATA_FIELDS
};

/* A name that is there must be one of the grammar. */
static bool take_name(struct publish_parse *p, const struct json_field *f,
                      bool (*is_name)(struct str), const char *otherwise, struct str *out)
{
    if (!publish_str(p, f, out)) {
        return false;
    }
    return !f->value || is_name(*out) || publish_fail(p, f->path, otherwise);
}

/* An empty user name is nobody's, as if it were absent. */
static bool name_is_user_or_empty(struct str s)
{
    return s.n == 0 || name_is_user(s);
}

static bool take_user_name(struct publish_parse *p, const struct json_field *f, struct str *out)
{
    return take_name(p, f, name_is_user_or_empty, "not a valid user name", out);
}

static bool take_aliases(struct publish_parse *p, const struct json_field *data)
{
    struct event *e = &p->request->event;

    return take_name(p, &data[DATA_CONTEST], name_is_alias, "not a valid contest alias",
                     &e->contest) &&
           take_name(p, &data[DATA_PROBLEM], name_is_alias, "not a valid problem alias",
                     &e->problem);
}

static bool take_problemset(struct publish_parse *p, const struct json_field *f)
{
    int64_t *number = &p->request->event.problemset;

    if (!publish_int(p, f, number)) {
        return false;
    }
    return !f->value || *number > 0 || publish_fail(p, f->path, "not positive");
}

/* The first of the outer `user`, a clarification's author, and data.username. */
static bool take_user(struct publish_parse *p, const struct json_field *data)
{
    bool clarification = p->request->event.type == EVENT_CLARIFICATION;
    const struct json_field *candidates[] = {
        &p->outer[OUTER_USER], clarification ? &data[DATA_AUTHOR] : NULL, &data[DATA_USERNAME]};
    struct str *user = &p->request->event.user;

    for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
        struct str name = STR_NONE;
        if (candidates[i] && !take_user_name(p, candidates[i], &name)) {
            return false;
        }
        if (user->n == 0) {
            *user = name;
        }
    }
    return true;
}

static bool take_public(struct publish_parse *p, const struct json_field *data)
{
    struct event *e = &p->request->event;

    if (p->outer[OUTER_PUBLIC].value) {
        return publish_bool(p, &p->outer[OUTER_PUBLIC], &e->is_public);
    }
    switch (e->type) {
    case EVENT_CLARIFICATION: return publish_bool(p, &data[DATA_PUBLIC], &e->is_public);
    case EVENT_SCOREBOARD_UPDATE:
    case EVENT_CONTEST_UPDATE: e->is_public = true; return true;
    case EVENT_RUN_UPDATE:
    case EVENT_OTHER:
    case EVENT_TYPES: break;
    }
    e->is_public = false;
    return true;
}

static bool take_data_fields(struct publish_parse *p)
{
    struct json_field data[DATA_FIELDS] = {
        [DATA_CONTEST] = {.path = "data.contest_alias"},
        [DATA_PROBLEMSET] = {.path = "data.problemset"},
        [DATA_PROBLEM] = {.path = "data.problem_alias"},
        [DATA_AUTHOR] = {.path = "data.author"},
        [DATA_USERNAME] = {.path = "data.username"},
        [DATA_PUBLIC] = {.path = "data.public"},
    };
    const struct json_field *object = &p->outer[OUTER_DATA];

    if (!publish_find(p, object->value, object->at.value, data, DATA_FIELDS)) {
        return false;
    }
    json_fields_drop_null(data, DATA_FIELDS);
    return take_aliases(p, data) && take_problemset(p, &data[DATA_PROBLEMSET]) &&
           take_user(p, data) && take_public(p, data);
}

/* The request outlives the body that it was made of. */
static bool keep_text(struct publish_parse *p)
{
    struct publish_request *r = p->request;
    struct str text = json_trim(p->body);
    struct str data = p->outer[OUTER_DATA].at.value;

    r->extra = malloc(text.n);
    if (!r->extra) {
        return false; /* an empty error says so */
    }
    memcpy(r->extra, text.p, text.n);
    r->event.text = (struct str){r->extra, text.n};
    r->event.data[0] = (struct str){r->extra + (data.p - text.p), data.n};
    r->event.n_data = 1;
    return true;
}

bool publish_documented(struct publish_parse *p)
{
    struct publish_request *r = p->request;

    r->form = PUBLISH_DOCUMENTED;
    if (!publish_type(p, &p->outer[OUTER_TYPE])) {
        return false;
    }
    if (server_word_is(r->event.type_name)) {
        return publish_fail(p, "type", "a word of the gateway's own messages");
    }
    if (!publish_int(p, &p->outer[OUTER_TIMESTAMP], &r->event.timestamp_s)) {
        return false;
    }
    if (!yyjson_is_obj(p->outer[OUTER_DATA].value)) {
        return publish_fail(p, "data", "missing or not an object");
    }
    if (!take_data_fields(p)) {
        return false;
    }
    publish_route(r);
    if (r->n_topics == 1) {
        return publish_fail(p, "data", "no contest_alias, problemset, problem_alias or username");
    }
    return keep_text(p);
}
