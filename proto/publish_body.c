/* SPDX-License-Identifier: MIT */
/* publish_body: which form a body has.
 *
 * What clients get is never written anew: the event's text is the backend's own, and data are
 * slices of that text, so a number or an escape leaves as it came.
 */
#include "proto/publish_body.h"

#include <stdlib.h>

#include "proto/publish_documented.h"
#include "proto/publish_grader.h"

static bool parse_body(struct publish_parse *p)
{
    yyjson_doc *doc = NULL;

    if (!publish_read(p, "body", p->body, &doc)) {
        return false;
    }
    p->request->body_doc = doc;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root)) {
        return publish_fail(p, "body", "not an object");
    }
    if (!publish_find(p, root, p->body, p->outer, OUTER_FIELDS)) {
        return false;
    }
    json_fields_drop_null(p->outer, OUTER_FIELDS);
    bool has_message = p->outer[OUTER_MESSAGE].value != NULL;
    bool has_type = p->outer[OUTER_TYPE].value != NULL;
    if (has_message == has_type) {
        return publish_fail(p, "body", has_type ? "both message and type" : "no message, no type");
    }
    return has_message ? publish_grader(p) : publish_documented(p);
}

/* Whole seconds, rounded down before 1970, too. */
static int64_t seconds_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
}

struct publish_request *publish_body_parse(struct str body, int64_t now_ms,
                                           char error[static PUBLISH_ERROR_MAX])
{
    AUTO(publish_request) *r = calloc(1, sizeof(*r));

    error[0] = '\0';
    if (!r) {
        return NULL;
    }
    r->event.accepted_ms = now_ms;
    r->event.timestamp_s = seconds_of(now_ms);
    struct publish_parse p = {
        .request = r,
        .body = body,
        .error = error,
        .outer = {[OUTER_MESSAGE] = {.path = "message"},
                  [OUTER_TYPE] = {.path = "type"},
                  [OUTER_CONTEST] = {.path = "contest"},
                  [OUTER_PROBLEMSET] = {.path = "problemset"},
                  [OUTER_PROBLEM] = {.path = "problem"},
                  [OUTER_USER] = {.path = "user"},
                  [OUTER_PUBLIC] = {.path = "public"},
                  [OUTER_TIMESTAMP] = {.path = "timestamp"},
                  [OUTER_DATA] = {.path = "data"}},
    };
    return parse_body(&p) ? TAKE(r) : NULL;
}

struct publish_request *publish_request_free(struct publish_request *r)
{
    if (r) {
        yyjson_doc_free(r->body_doc);
        yyjson_doc_free(r->message_doc);
        free(r->extra);
        free(r);
    }
    return NULL;
}
