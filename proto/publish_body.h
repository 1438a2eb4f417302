/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_body: the JSON body of POST /broadcast/ -> one event and its topics (section 4, both
 * forms). Pure: clock and id are arguments.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"
#include "proto/event.h"
#include "proto/topic.h"

enum publish_form { PUBLISH_GRADER, PUBLISH_DOCUMENTED };
struct publish_request {
    enum publish_form form;
    struct event event; /* id is empty: the caller sets it; strings live as long as this request */
    struct topic_name topics[TOPIC_KINDS]; /* the first is always `all` */
    size_t n_topics;
    unsigned names_refused; /* grader form: names that lost their topic */
    /* Kept alive for the strings. */
    void *body_doc, *message_doc; /* owned yyjson documents */
    char *extra;                  /* owned literals of data */
};
#define PUBLISH_ERROR_MAX 200
/* Returns NULL on a bad request and writes what and where ("message: not JSON: … at byte 17") to
 * error; an empty error means out of memory. */
struct publish_request *publish_body_parse(struct str body, int64_t now_ms,
                                           char error[static PUBLISH_ERROR_MAX]);
struct publish_request *publish_request_free(struct publish_request *r); /* accepts NULL */
DEFINE_AUTO(publish_request)
