/* SPDX-License-Identifier: MIT */
#include "gateway/http_pages.h"

#include "gateway/admission.h"
#include "gateway/request.h"

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

struct answer {
    int status;
    const char *type;
    struct str body;
};

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Error"; /* not one of ours */
    }
}

/* What a status obliges us to say besides. */
static const char *obligatory_fields(int status)
{
    switch (status) {
    case 405: return "Allow: GET, HEAD\r\n";
    case 426: return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    case 429:
    case 503: return "Retry-After: 5\r\n";
    default: return "";
    }
}

static void write_answer(const struct answer *a, bool head_only, struct buf *out)
{
    buf_addf(out,
             "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s"
             "Connection: close\r\n\r\n",
             a->status, reason_phrase(a->status), a->type, a->body.n, obligatory_fields(a->status));
    if (!head_only) {
        buf_add(out, a->body);
    }
}

static void write_sentence(int status, const char *why, bool head_only, struct buf *out)
{
    struct buf body = {0};
    buf_addf(&body, "%s\n", why);
    const struct answer a = {.status = status, .type = TEXT, .body = buf_str(&body)};
    write_answer(&a, head_only, out);
    out->failed |= body.failed;
    buf_release(&body);
}

static void write_page(const char *fields, int64_t connections, bool head_only, struct buf *out)
{
    struct buf body = {0};
    buf_addf(&body, "{\"status\":\"ok\",%s\"connections\":%lld}\n", fields, (long long)connections);
    const struct answer a = {.status = 200, .type = JSON, .body = buf_str(&body)};
    write_answer(&a, head_only, out);
    out->failed |= body.failed;
    buf_release(&body);
}

void http_pages_answer(const struct admission *a, const struct request *r, int64_t connections,
                       struct buf *out)
{
    bool head_only = r && str_eq(r->method, STR("HEAD"));
    if (a->kind == ADMIT_REFUSE) {
        write_sentence(a->status, a->why, head_only, out);
    } else if (a->kind == ADMIT_SSE) {
        write_sentence(406, "this server does not serve Server-Sent Events, use a WebSocket",
                       head_only, out);
    } else if (!head_only && !str_eq(r->method, STR("GET"))) {
        write_sentence(405, "pages are read with GET or HEAD", head_only, out);
    } else if (str_eq(r->path, STR("/"))) {
        write_page("\"service\":\"broadcaster-gateway\",\"version\":\"" BROADCASTER_VERSION "\",",
                   connections, head_only, out);
    } else if (str_eq(r->path, STR("/health"))) {
        write_page("", connections, head_only, out);
    } else {
        write_sentence(404, "there is no such page", head_only, out);
    }
}
