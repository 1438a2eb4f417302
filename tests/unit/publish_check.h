/* SPDX-License-Identifier: MIT */
#pragma once
/* What a body of POST /broadcast/ becomes, as a row of a table. cmocka.h must stand before.
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "proto/publish_body.h"

#define CHECK_NOW_MS 1704067200999
#define CHECK_NOW_S 1704067200

struct publish_row {
    const char *body;
    const char *type; /* NULL: not looked at, as data, text, topics */
    const char *data; /* its parts joined */
    const char *text;
    const char *topics;                   /* "all contest/a", joined by spaces */
    const char *contest, *problem, *user; /* NULL is "" */
    int64_t problemset;
    int64_t timestamp_s; /* 0: the publisher's clock */
    bool is_public;
    unsigned names_refused;
};

static inline void check_str(const char *body, const char *what, struct str got,
                             const char *expected)
{
    if (!str_eq(got, str_of(expected))) {
        fail_msg("%s\n%s is <%.*s>, expected <%s>", body, what, STR_ARG(got), expected);
    }
}

static inline void check_joined(const struct publish_row *row, const struct publish_request *r)
{
    struct buf data = {0};
    struct buf topics = {0};
    unsigned bits = 0;

    assert_true(r->event.n_data <= EVENT_DATA_PARTS);
    for (size_t i = 0; i < r->event.n_data; i++) {
        buf_add(&data, r->event.data[i]);
    }
    for (size_t i = 0; i < r->n_topics; i++) {
        enum topic_kind kind;
        buf_add(&topics, i > 0 ? STR(" ") : STR(""));
        buf_add(&topics, topic_name_str(&r->topics[i]));
        assert_true(topic_kind_of(topic_name_str(&r->topics[i]), &kind));
        bits |= 1u << kind;
    }
    assert_int_equal(r->event.topics, bits);
    if (row->data) {
        check_str(row->body, "data", buf_str(&data), row->data);
    }
    if (row->topics) {
        check_str(row->body, "topics", buf_str(&topics), row->topics);
    }
    buf_release(&data);
    buf_release(&topics);
}

/* The body is gone before the request is looked at: nothing may point there. */
static inline struct publish_request *check_parse(struct str body, char *error)
{
    char *copy = malloc(body.n + 1);

    assert_non_null(copy);
    memcpy(copy, body.p, body.n);
    struct publish_request *r = publish_body_parse((struct str){copy, body.n}, CHECK_NOW_MS, error);
    free(copy);
    return r;
}

static inline void check_row(const struct publish_row *row)
{
    char error[PUBLISH_ERROR_MAX];
    struct publish_request *r = check_parse(str_of(row->body), error);

    if (!r) {
        fail_msg("%s\nrefused: %s", row->body, error);
        return;
    }
    const struct event *e = &r->event;
    if (row->type) {
        check_str(row->body, "type", e->type_name, row->type);
    }
    if (row->text) {
        check_str(row->body, "text", e->text, row->text);
    }
    check_str(row->body, "contest", e->contest, row->contest ? row->contest : "");
    check_str(row->body, "problem", e->problem, row->problem ? row->problem : "");
    check_str(row->body, "user", e->user, row->user ? row->user : "");
    if (e->problemset != row->problemset || e->is_public != row->is_public ||
        r->names_refused != row->names_refused) {
        fail_msg("%s\nproblemset %lld, public %d, %u names refused", row->body,
                 (long long)e->problemset, e->is_public, r->names_refused);
    }
    assert_int_equal(e->timestamp_s, row->timestamp_s ? row->timestamp_s : CHECK_NOW_S);
    assert_true(e->accepted_ms == CHECK_NOW_MS);
    assert_int_equal(e->type, event_type_of(e->type_name));
    assert_int_equal(e->id.n, 0);
    assert_false(e->is_marker);
    check_joined(row, r);
    assert_null(publish_request_free(r));
}

static inline void check_rows(const struct publish_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_row(&rows[i]);
    }
}

struct publish_refusal {
    const char *body;
    const char *error; /* what the answer begins with */
};

static inline void check_refusals(const struct publish_refusal *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char error[PUBLISH_ERROR_MAX] = "";
        struct publish_request *r = check_parse(str_of(rows[i].body), error);
        if (r || !str_starts(str_of(error), str_of(rows[i].error))) {
            fail_msg("%s\n%s: <%s>", rows[i].body, r ? "taken" : "refused", error);
        }
    }
}
