/* SPDX-License-Identifier: MIT */
/* http_reply: one table of statuses, one place that writes a head. */
#include "common/http/http_reply.h"

#include <time.h>

struct status_text {
    int status;
    const char *reason; /* of the status line */
    const char *error;  /* the word in the JSON */
};
static const struct status_text texts[] = {
    {200, "OK", ""},
    {400, "Bad Request", "bad_request"},
    {401, "Unauthorized", "unauthorized"},
    {403, "Forbidden", "forbidden"},
    {404, "Not Found", "not_found"},
    {405, "Method Not Allowed", "method_not_allowed"},
    {408, "Request Timeout", "timeout"},
    {409, "Conflict", "in_flight"},
    {413, "Content Too Large", "too_large"},
    {414, "URI Too Long", "too_large"},
    {417, "Expectation Failed", "expectation_failed"},
    {422, "Unprocessable Content", "key_reused"},
    {431, "Request Header Fields Too Large", "too_large"},
    {501, "Not Implemented", "not_implemented"},
    {503, "Service Unavailable", "unavailable"},
    {505, "HTTP Version Not Supported", "version_not_supported"},
    {500, "Internal Server Error", "internal"}, /* also for any status that is not listed */
};

static const struct status_text *text_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].status == status) {
            return &texts[i];
        }
    }
    return &texts[ARRAY_LEN(texts) - 1];
}

static void add_field(struct buf *out, const char *begin, const char *value)
{
    buf_add(out, str_of(begin));
    buf_add(out, str_of(value));
    buf_add(out, STR("\r\n"));
}

static void add_status_fields(struct buf *out, const struct http_reply *r)
{
    if (r->status == 401) {
        buf_add(out, STR("WWW-Authenticate: Bearer\r\n"));
    }
    if (r->status == 503) {
        buf_add(out, STR("Retry-After: 1\r\n"));
    }
    if (r->allow) {
        add_field(out, "Allow: ", r->allow);
    }
}

void http_reply_write_head(struct buf *out, const struct http_reply *r,
                           const struct http_reply_options *o)
{
    struct str body = o->without_body ? STR_NONE : r->body;
    buf_add(out, STR("HTTP/1.1 "));
    buf_add_u64(out, (uint64_t)r->status);
    add_field(out, " ", text_of(r->status)->reason);
    add_field(out, "Date: ", o->date);
    if (body.n > 0 || (r->type && !o->without_body)) {
        add_field(out, "Content-Type: ", r->type ? r->type : "application/json");
    }
    add_status_fields(out, r);
    if (r->fields) {
        buf_add(out, str_of(r->fields));
    }
    if (o->close) {
        buf_add(out, STR("Connection: close\r\n"));
    } else if (o->is_http_1_0) {
        buf_add(out, STR("Connection: keep-alive\r\n"));
    }
    buf_add(out, STR("Content-Length: "));
    buf_add_u64(out, body.n);
    buf_add(out, STR("\r\n\r\n"));
}

void http_reply_error_body(struct buf *out, int status, struct str message)
{
    buf_addf(out, "{\"status\":\"error\",\"error\":\"%s\",\"message\":", text_of(status)->error);
    buf_add_json(out, message);
    buf_add(out, STR("}\n"));
}

void http_date(int64_t unix_s, char out[static 32])
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(out, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0) {
        out[0] = '\0';
    }
}
