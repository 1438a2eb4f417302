/* SPDX-License-Identifier: MIT */
#include "gateway/transport/http_pages.h"

#include <assert.h>

#include "common/clock.h"
#include "common/http/http_reader.h"
#include "gateway/transport/admission.h"
#include "proto/codes.h"

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "                \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define TEXT_BYTES 4096 /* of somebody else's text */

enum { EVENT_SOURCE_RETRY_MS = 5000 }; /* when a refused one may come again; up to twice as long */

struct answer {
    int status;
    const char *type;
    struct str body;
    struct str cors_origin; /* empty: nothing is said */
};

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200: return "OK";
    case 304: return "Not Modified";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 412: return "Precondition Failed";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
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

/* The origin is echoed, as a page that sends cookies needs it. */
static void write_cors_fields(struct str origin, struct buf *out)
{
    if (origin.n > 0) {
        buf_add(out, STR("Access-Control-Allow-Origin: "));
        buf_add(out, origin);
        buf_add(out, STR("\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"));
    }
}

static void write_answer(const struct answer *a, bool head_only, struct buf *out)
{
    buf_addf(out,
             "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s",
             a->status, reason_phrase(a->status), a->type, a->body.n, obligatory_fields(a->status));
    write_cors_fields(a->cors_origin, out);
    buf_add(out, STR("Connection: close\r\n\r\n"));
    if (!head_only) {
        buf_add(out, a->body);
    }
}

static void write_sentence(int status, const char *why, struct str cors_origin, bool head_only,
                           struct buf *out)
{
    struct buf body = {0};
    buf_addf(&body, "%s\n", why);
    const struct answer a = {
        .status = status, .type = TEXT, .body = buf_str(&body), .cors_origin = cors_origin};
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

/* What an EventSource takes for a stream that ended: it comes back, and its page may know why. */
static void write_refused_stream(const struct admission *a, struct buf *out)
{
    const char *error = error_code_str(a->status == 429 ? ERROR_RATE_LIMITED : ERROR_UNAVAILABLE);
    unsigned retry_ms = EVENT_SOURCE_RETRY_MS + (unsigned)(random_u64() % EVENT_SOURCE_RETRY_MS);
    http_pages_stream_head(HTTP_EVENT_STREAM, a->cors_origin, out);
    buf_addf(out,
             "retry: %u\nevent: error\n"
             "data: {\"type\":\"error\",\"error\":\"%s\",\"status\":%d,\"message\":\"%s\"}\n\n",
             retry_ms, error, a->status, a->why);
}

/* Also to an origin that may not read: it is then told nothing, which its browser takes as a no. */
static void write_preflight(struct str cors_origin, struct buf *out)
{
    buf_add(out, STR("HTTP/1.1 204 No Content\r\nAllow: GET, OPTIONS\r\n"));
    write_cors_fields(cors_origin, out);
    if (cors_origin.n > 0) {
        buf_add(out, STR("Access-Control-Allow-Methods: GET\r\n"
                         "Access-Control-Allow-Headers: Authorization, Last-Event-ID\r\n"
                         "Access-Control-Max-Age: 7200\r\n"));
    }
    buf_add(out, STR("Connection: close\r\n\r\n"));
}

void http_pages_answer(const struct admission *a, const struct http_head *r, int64_t connections,
                       struct buf *out)
{
    bool head_only = r && str_eq(r->method, STR("HEAD"));
    if (a->kind == ADMIT_REFUSE && a->is_event_source) {
        write_refused_stream(a, out);
        return;
    }
    if (a->kind == ADMIT_REFUSE) {
        write_sentence(a->status, a->why, a->cors_origin, head_only, out);
        return;
    }
    assert(r);
    if (a->kind == ADMIT_PREFLIGHT) {
        write_preflight(a->cors_origin, out);
    } else if (a->kind == ADMIT_SSE) {
        write_sentence(406, "Server-Sent Events are asked for without an Upgrade field",
                       a->cors_origin, head_only, out);
    } else if (!head_only && !str_eq(r->method, STR("GET"))) {
        write_sentence(405, "pages are read with GET or HEAD", STR_NONE, head_only, out);
    } else if (str_eq(r->path, STR("/"))) {
        write_page("\"service\":\"broadcaster-gateway\",\"version\":\"" BROADCASTER_VERSION "\",",
                   connections, head_only, out);
    } else if (str_eq(r->path, STR("/health"))) {
        write_page("", connections, head_only, out);
    } else {
        write_sentence(404, "there is no such page", STR_NONE, head_only, out);
    }
}

void http_pages_text(int status, struct str text, struct str cors_origin, struct buf *out)
{
    if (text.n > TEXT_BYTES) {
        text.n = TEXT_BYTES;
    }
    const struct answer a = {
        .status = status, .type = TEXT, .body = text, .cors_origin = cors_origin};
    write_answer(&a, false, out);
}

void http_pages_sentence(int status, const char *why, bool head_only, struct buf *out)
{
    write_sentence(status, why, STR_NONE, head_only, out);
}

void http_pages_json(struct str body, bool head_only, struct buf *out)
{
    const struct answer a = {.status = 200, .type = JSON, .body = body};
    write_answer(&a, head_only, out);
}

void http_pages_redirect(const char *to, struct buf *out)
{
    buf_addf(out,
             "HTTP/1.1 308 %s\r\nLocation: %s\r\nContent-Length: 0\r\n"
             "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
             reason_phrase(308), to);
}

/* Without is_immutable a browser asks each time whether it has changed. */
void http_pages_head(const struct http_page_head *h, struct buf *out)
{
    int status = h->is_unchanged ? 304 : 200;
    buf_addf(out, "HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
    if (!h->is_unchanged) {
        buf_addf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", h->type, h->bytes);
    }
    if (h->etag) {
        buf_addf(out, "ETag: %s\r\n", h->etag);
    }
    buf_addf(out,
             "Cache-Control: %s\r\nContent-Security-Policy: " POLICY "\r\n"
             "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
             "Connection: close\r\n\r\n",
             h->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
}

/* A proxy must not hold events back: nginx asks for X-Accel-Buffering. */
void http_pages_stream_head(const char *type, struct str cors_origin, struct buf *out)
{
    buf_addf(out,
             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
             "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
             "X-Accel-Buffering: no\r\n",
             type);
    write_cors_fields(cors_origin, out);
    buf_add(out, STR("Connection: close\r\n\r\n"));
}
