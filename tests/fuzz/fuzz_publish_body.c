/* SPDX-License-Identifier: MIT */
/* Bodies of POST /broadcast/ and of PUT /scoreboard/: what is taken goes out as valid JSON, through
 * an envelope that the gateway reads. */
#include <yyjson.h>

#include "proto/publish_body.h"
#include "proto/publish_review.h"
#include "proto/utf8.h"
#include "publisher/scoreboard_body.h"
#include "tests/fuzz/fuzz.h"

static const struct str seeds[] = {
    STR("{\"contest\":\"a\",\"problemset\":17,\"problem\":\"p "
        "q\",\"user\":\"omi:ana\",\"public\":true,"
        "\"message\":\"{\\\"message\\\":\\\"\\\\/run\\\\/update\\\\/"
        "\\\",\\\"run\\\":{\\\"alias\\\":\\\"z\\\"}}\"}"),
    STR("{\"message\":\"{\\\"scoreboard\\\":{},\\\"message\\\":\\\"/scoreboard/update/"
        "\\\"}\",\"user\":\"\"}"),
    STR("{\"message\":\"{\\\"type\\\":\\\"run_update\\\",\\\"data\\\":{}}\",\"contest\":"
        "\"\\u00f1\"}"),
    STR("{\"problem\":\"p\",\"message\":\"{\\\"message\\\":\\\"/contest/problem/update/\\\" , "
        "\\\"type\\\":1}\"}"),
    STR("{\"message\":\" [1E400,-0,12345678901234567890] \"}\n"),
    STR("{\"type\":\"clarification\",\"timestamp\":1704067200,\"data\":{\"contest_alias\":\"a\","
        "\"public\":false,\"author\":\"ana\",\"n\":0.045,\"problemset\":9223372036854775807}}"),
    STR("{\"type\":\"run_update\",\"user\":\"a\",\"public\":null,\"data\":{\"problem_alias\":\"g:"
        "p\"}}"),
    STR("{\"contest\":\"a\",\"admin\":true,\"expires\":1800000000}"),
};

bool fuzz_seed(size_t i, struct buf *out)
{
    return fuzz_seed_of(seeds, ARRAY_LEN(seeds), i, out);
}

static bool is_json(struct str s)
{
    yyjson_doc *doc = yyjson_read(s.n ? s.p : "", s.n, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_doc_free(doc);
    return doc != NULL;
}

static void look_at_event(const struct event *e)
{
    struct buf data = {0};
    for (size_t i = 0; i < e->n_data; i++) {
        buf_add(&data, e->data[i]);
    }
    MUST(is_json(buf_str(&data)) && is_json(e->text));
    MUST(event_type_name_valid(e->type_name));
    buf_release(&data);

    static const struct position place = {"0123456789abcdef", 1};
    struct event named = *e;
    struct published back;
    named.id = STR("AAAAAAAAAAAAAAAAAAAA-_");
    published_header(&place, &data);
    event_encode(&named, &data);
    MUST(!data.failed && published_decode(buf_str(&data), &back) == EVENT_OK);
    MUST(str_eq(back.event.text, e->text) && back.event.problemset == e->problemset);
    MUST(event_data_bytes(&back.event) == event_data_bytes(e));
    buf_release(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = {(const char *)data, n};
    char error[PUBLISH_ERROR_MAX];
    AUTO(publish_request) *r = publish_body_parse(bytes, 1704067200000, error);
    if (r) {
        MUST(r->n_topics >= 1 && r->n_topics <= TOPIC_KINDS);
        for (size_t i = 0; i < r->n_topics; i++) {
            enum topic_kind kind;
            MUST(topic_kind_of(topic_name_str(&r->topics[i]), &kind));
        }
        look_at_event(&r->event);
        struct buf review = {0};
        publish_review(r, &review);
        MUST(utf8_valid(buf_str(&review)));
        buf_release(&review);
    } else {
        MUST(utf8_valid(str_of(error)));
    }
    struct scoreboard_body board;
    char board_error[SCOREBOARD_ERROR_MAX];
    (void)!scoreboard_body_parse(bytes, 1704067200, &board, board_error);
    return 0;
}
