/* SPDX-License-Identifier: MIT */
/* publish_grader: the form in which omegaUp's grader posts, for itself and for PHP.
 *
 * The outer fields route; `message` is a JSON text of its own. Legacy clients get that text byte
 * for byte. For documented clients the message is recognised by its decoded JSON, and `data` is cut
 * out of it:
 *
 *     {"message":"/run/update/","run":{"guid":"a"}}       outer contest: annual
 *                                     |---------|         a slice of the message, and
 *                                               ,"contest_alias":"annual"}   what it lacked
 */
#include "proto/publish_grader.h"

#include "common/buf.h"
#include "proto/server_text.h"

enum message_field {
    MESSAGE_TYPE,
    MESSAGE_DATA,
    MESSAGE_MESSAGE,
    MESSAGE_RUN,
    MESSAGE_CLARIFICATION,
    MESSAGE_FIELDS
};

/* omegaUp's own messages, by the value of their member `message`. */
static const struct shape {
    struct str message;
    struct str type_name;
    enum message_field inner; /* data is this object; MESSAGE_MESSAGE: all but `message` */
} shapes[] = {
    {STR("/run/update/"), STR("run_update"), MESSAGE_RUN},
    {STR("/clarification/update/"), STR("clarification"), MESSAGE_CLARIFICATION},
    {STR("/scoreboard/update/"), STR("scoreboard_update"), MESSAGE_MESSAGE},
    {STR("/contest/problem/update/"), STR("contest_update"), MESSAGE_MESSAGE},
};

static bool take_outer(struct publish_parse *p)
{
    struct event *e = &p->request->event;

    json_fields_drop_empty(&p->outer[OUTER_CONTEST], OUTER_PUBLIC + 1 - OUTER_CONTEST);
    if (!publish_str(p, &p->outer[OUTER_CONTEST], &e->contest) ||
        !publish_int(p, &p->outer[OUTER_PROBLEMSET], &e->problemset) ||
        !publish_str(p, &p->outer[OUTER_PROBLEM], &e->problem) ||
        !publish_str(p, &p->outer[OUTER_USER], &e->user) ||
        !publish_bool(p, &p->outer[OUTER_PUBLIC], &e->is_public) ||
        !publish_str(p, &p->outer[OUTER_MESSAGE], &e->text)) {
        return false;
    }
    e->problemset = MAX(e->problemset, 0);
    return true;
}

static void set_data(struct event *e, struct str only)
{
    e->data[0] = only;
    e->n_data = 1;
}

/* ,"NAME": — or without the comma, for the first member of an object. */
static void add_key(struct buf *b, bool *is_first, struct str name)
{
    if (!*is_first) {
        buf_addc(b, ',');
    }
    *is_first = false;
    buf_add_json(b, name);
    buf_addc(b, ':');
}

static void add_absent_name(struct buf *b, bool *is_first, yyjson_val *object, const char *key,
                            struct str value)
{
    if (value.n > 0 && !yyjson_obj_get(object, key)) {
        add_key(b, is_first, str_of(key));
        buf_add_json(b, value);
    }
}

/* The problem of the envelope; omegaUp's runs also have it themselves, as `alias`. */
static struct str problem_of(const struct event *e, yyjson_val *object)
{
    yyjson_val *alias = yyjson_obj_get(object, "alias");
    bool is_run = e->type == EVENT_RUN_UPDATE;

    return e->problem.n == 0 && is_run && yyjson_is_str(alias) ? json_str(alias) : e->problem;
}

static void add_absent_members(struct buf *b, bool is_first, yyjson_val *object,
                               const struct event *e)
{
    add_absent_name(b, &is_first, object, "contest_alias", e->contest);
    add_absent_name(b, &is_first, object, "problem_alias", problem_of(e, object));
    if (e->problemset > 0 && !yyjson_obj_get(object, "problemset")) {
        add_key(b, &is_first, STR("problemset"));
        buf_add_i64(b, e->problemset);
    }
    if (e->type == EVENT_RUN_UPDATE) {
        add_absent_name(b, &is_first, object, "username", e->user);
    }
}

/* Completes data, whose last slice ends with the brace of `object`, by the members of the envelope
 * that it lacks. `n_members`: how many are in data. */
static bool complete_data(struct publish_parse *p, yyjson_val *object, size_t n_members)
{
    struct publish_request *r = p->request;
    struct event *e = &r->event;
    struct buf b = {0};

    add_absent_members(&b, n_members == 0, object, e);
    if (b.n == 0 && !b.failed) {
        return true;
    }
    buf_addc(&b, '}');
    if (b.failed) {
        buf_release(&b);
        return false; /* an empty error says so */
    }
    e->data[e->n_data - 1].n--;
    e->data[e->n_data++] = buf_str(&b);
    r->extra = b.p; /* the request owns it from here */
    return true;
}

static bool set_inner_data(struct publish_parse *p, const struct json_field *inner)
{
    set_data(&p->request->event, inner->at.value);
    if (!yyjson_is_obj(inner->value)) {
        return true; /* of a documented message, which may hold anything */
    }
    return complete_data(p, inner->value, yyjson_obj_size(inner->value));
}

/* data is the message without its member `message`. */
static bool set_outer_data(struct publish_parse *p, yyjson_val *root,
                           const struct json_field *message)
{
    struct event *e = &p->request->event;

    json_cut_member(json_trim(e->text), message->at.whole, e->data);
    e->n_data = 2;
    return complete_data(p, root, yyjson_obj_size(root) - 1);
}

static const struct shape *shape_of(const struct json_field *fields)
{
    yyjson_val *message = fields[MESSAGE_MESSAGE].value;

    for (size_t i = 0; yyjson_is_str(message) && i < ARRAY_LEN(shapes); i++) {
        if (str_eq(json_str(message), shapes[i].message)) {
            bool whole = shapes[i].inner == MESSAGE_MESSAGE;
            return whole || yyjson_is_obj(fields[shapes[i].inner].value) ? &shapes[i] : NULL;
        }
    }
    return NULL;
}

static bool set_any_json(struct publish_parse *p)
{
    publish_set_type(p->request, STR("message"));
    set_data(&p->request->event, json_trim(p->request->event.text));
    return true;
}

static bool parse_message_object(struct publish_parse *p, yyjson_val *root)
{
    struct json_field fields[MESSAGE_FIELDS] = {
        [MESSAGE_TYPE] = {.path = "message.type"},
        [MESSAGE_DATA] = {.path = "message.data"},
        [MESSAGE_MESSAGE] = {.path = "message.message"},
        [MESSAGE_RUN] = {.path = "message.run"},
        [MESSAGE_CLARIFICATION] = {.path = "message.clarification"},
    };

    if (!publish_find(p, root, json_trim(p->request->event.text), fields, MESSAGE_FIELDS)) {
        return false;
    }
    yyjson_val *type = fields[MESSAGE_TYPE].value;
    if (yyjson_is_str(type) && server_word_is(json_str(type))) {
        return set_any_json(p); /* documented clients must not take it for the gateway's */
    }
    if (fields[MESSAGE_DATA].value && yyjson_is_str(type)) {
        return publish_type(p, &fields[MESSAGE_TYPE]) && set_inner_data(p, &fields[MESSAGE_DATA]);
    }
    const struct shape *shape = shape_of(fields);
    if (!shape) {
        return set_any_json(p);
    }
    publish_set_type(p->request, shape->type_name);
    return shape->inner == MESSAGE_MESSAGE ? set_outer_data(p, root, &fields[MESSAGE_MESSAGE])
                                           : set_inner_data(p, &fields[shape->inner]);
}

bool publish_grader(struct publish_parse *p)
{
    struct publish_request *r = p->request;
    yyjson_doc *doc = NULL;

    r->form = PUBLISH_GRADER;
    if (!take_outer(p)) {
        return false;
    }
    publish_route(r);
    if (!publish_read(p, "message", r->event.text, &doc)) {
        return false;
    }
    r->message_doc = doc;
    yyjson_val *root = yyjson_doc_get_root(doc);
    return yyjson_is_obj(root) ? parse_message_object(p, root) : set_any_json(p);
}
