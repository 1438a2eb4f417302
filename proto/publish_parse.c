/* SPDX-License-Identifier: MIT */
/* publish_parse: strict reading, with errors that say what and where. */
#include "proto/publish_parse.h"

#include <stdio.h>

bool publish_fail(struct publish_parse *p, const char *where, const char *what)
{
    (void)snprintf(p->error, PUBLISH_ERROR_MAX, "%s: %s", where, what); /* cut is good enough */
    return false;
}

bool publish_read(struct publish_parse *p, const char *where, struct str text, yyjson_doc **out_doc)
{
    yyjson_read_err err;

    if (json_trim(text).n == 0) {
        return publish_fail(p, where, "empty");
    }
    /* Without the in-situ flag yyjson only reads the text, in spite of its prototype. */
    yyjson_doc *doc = yyjson_read_opts((char *)text.p, text.n, JSON_READ_FLAGS, NULL, &err);
    if (!doc && err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        return false; /* an empty error says so */
    }
    if (!doc) {
        (void)snprintf(p->error, PUBLISH_ERROR_MAX, "%s: not JSON: %s at byte %zu", where, err.msg,
                       err.pos);
        return false;
    }
    if (json_depth(text) > LIMIT_JSON_DEPTH) {
        yyjson_doc_free(doc);
        return publish_fail(p, where, "nested too deep");
    }
    *out_doc = doc;
    return true;
}

bool publish_find(struct publish_parse *p, yyjson_val *object, struct str text,
                  struct json_field *fields, size_t n)
{
    const struct json_field *twice = json_fields_find(object, text, fields, n);
    return twice ? publish_fail(p, twice->path, "stands twice") : true;
}

bool publish_str(struct publish_parse *p, const struct json_field *f, struct str *out)
{
    return json_field_str(f, out) || publish_fail(p, f->path, "not a string");
}

bool publish_bool(struct publish_parse *p, const struct json_field *f, bool *out)
{
    return json_field_bool(f, out) || publish_fail(p, f->path, "not a boolean");
}

bool publish_int(struct publish_parse *p, const struct json_field *f, int64_t *out)
{
    return json_field_int(f, out) || publish_fail(p, f->path, "not a 64-bit integer");
}

bool publish_type(struct publish_parse *p, const struct json_field *f)
{
    struct str name = STR_NONE;

    if (!publish_str(p, f, &name)) {
        return false;
    }
    if (!event_type_name_valid(name)) {
        return publish_fail(p, f->path, "empty, too long or with control characters");
    }
    publish_set_type(p->request, name);
    return true;
}

void publish_set_type(struct publish_request *r, struct str type_name)
{
    r->event.type_name = type_name;
    r->event.type = event_type_of(type_name);
}

static struct topic_name *next_topic(struct publish_request *r)
{
    return &r->topics[r->n_topics];
}

static void add_topic(struct publish_request *r, enum topic_kind kind)
{
    r->event.topics |= (uint8_t)(1u << kind);
    r->n_topics++;
}

/* A name that can be no topic still counts for who may see the event, while it fits into one. */
static void route_name(struct publish_request *r, enum topic_kind kind, struct str *name)
{
    if (name->n == 0) {
        return;
    }
    if (topic_name_make(kind, *name, next_topic(r))) {
        add_topic(r, kind);
        return;
    }
    r->names_refused++;
    if (name->n > EVENT_NAME_MAX) {
        *name = STR_NONE;
    }
}

void publish_route(struct publish_request *r)
{
    topic_name_make_all(next_topic(r));
    add_topic(r, TOPIC_ALL);
    if (r->event.problemset > 0) {
        topic_name_make_problemset(r->event.problemset, next_topic(r));
        add_topic(r, TOPIC_PROBLEMSET);
    }
    route_name(r, TOPIC_CONTEST, &r->event.contest);
    route_name(r, TOPIC_PROBLEM, &r->event.problem);
    route_name(r, TOPIC_USER, &r->event.user);
}
