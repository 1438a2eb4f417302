/* SPDX-License-Identifier: MIT */
#include "gateway/transport/admission.h"

#include "common/http/http_reader.h"
#include "common/http/http_text.h"
#include "gateway/transport/credentials.h"
#include "gateway/transport/origin.h"
#include "gateway/transport/query.h"
#include "proto/channel.h"

/* What can be wrong, in the order in which it is looked for. */
struct verdict {
    enum refusal refusal;
    int status;
    const char *why; /* NULL: nothing is wrong */
};
static const struct verdict nothing_wrong = {.why = NULL};

static struct verdict bad_request(const char *why)
{
    return (struct verdict){REFUSAL_BAD_REQUEST, 400, why};
}

void admission_refuse(struct admission *out, enum refusal refusal, int status, const char *why)
{
    *out =
        (struct admission){.kind = ADMIT_REFUSE, .refusal = refusal, .status = status, .why = why};
}

void admission_release(struct admission *a)
{
    buf_release(&a->filters);
}

/* 16 bytes in base64: 22 characters and two equal signs. */
static bool is_key(struct str s)
{
    if (s.n != 24 || s.p[22] != '=' || s.p[23] != '=') {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        char c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && c != '+' && c != '/') {
            return false;
        }
    }
    return true;
}

static bool is_events_path(struct str path)
{
    return str_eq(path, STR("/")) || str_eq(path, STR("/events/")) || str_eq(path, STR("/events"));
}

static bool is_room_path(struct str path, const struct admission_facts *f)
{
    return f->has_room && str_eq(path, STR("/ws/events"));
}

/* Names of subprotocols differ when their case does, and have no parameters (RFC 6455, 11.3.4). */
static bool offers_our_subprotocol(const struct http_head *r)
{
    for (size_t i = 0; i < r->ws_protocol.n; i++) {
        struct str rest = r->ws_protocol.v[i];
        struct str name;
        while (http_text_element(&rest, &name)) {
            if (str_eq(http_text_trim(name), STR(ADMISSION_SUBPROTOCOL))) {
                return true;
            }
        }
    }
    return false;
}

static struct verdict check_handshake(const struct http_head *r)
{
    if (!str_eq(r->method, STR("GET"))) {
        return (struct verdict){REFUSAL_BAD_REQUEST, 405, "a WebSocket begins with GET"};
    }
    if (!r->is_http_1_1) {
        return bad_request("a WebSocket needs HTTP/1.1");
    }
    if (r->host.n == 0) {
        return bad_request("the Host header field is missing");
    }
    if (!http_lists(&r->connection, STR("upgrade"))) {
        return bad_request("the Connection header field does not say upgrade");
    }
    if (!str_eq(r->ws_version, STR("13"))) {
        return (struct verdict){REFUSAL_VERSION, 426, "only WebSocket version 13 is spoken here"};
    }
    if (!is_key(r->ws_key)) {
        return bad_request("Sec-WebSocket-Key is missing or not 16 bytes in base64");
    }
    if (r->has_body) {
        return bad_request("an upgrade request has no body");
    }
    if (r->ws_protocol.n > 0 && !offers_our_subprotocol(r)) {
        return bad_request("the only subprotocol spoken here is " ADMISSION_SUBPROTOCOL);
    }
    return nothing_wrong;
}

/* Which extension is agreed upon; a field that cannot be read fails the handshake. */
static struct verdict read_extensions(const struct http_head *r, const struct admission_facts *f,
                                      struct admission *out)
{
    struct ws_deflate offered;
    if (!ws_extensions_read(&r->ws_extensions, &offered)) {
        return bad_request("the Sec-WebSocket-Extensions header field is malformed");
    }
    if (f->compresses) {
        out->deflate = offered;
    }
    return nothing_wrong;
}

static bool has_filter(const struct http_head *r)
{
    struct str rest = r->query;
    struct str name;
    struct str value;
    while (query_next(&rest, &name, &value)) {
        if (str_eq(name, STR("filter"))) {
            return true;
        }
    }
    return false;
}

/* All filter parameters, decoded and joined with commas. The grammar is byte exact, so text that
 * parses is its own canonical form. */
static struct verdict read_filters(const struct http_head *r, struct buf *out)
{
    struct str rest = r->query;
    struct str name;
    struct str value;
    bool is_first = true;
    while (query_next(&rest, &name, &value)) {
        if (!str_eq(name, STR("filter"))) {
            continue;
        }
        if (!is_first) {
            buf_addc(out, ',');
        }
        is_first = false;
        if (!query_decode(value, out)) {
            return bad_request("a percent escape in the filter is malformed");
        }
    }
    if (out->failed) {
        return (struct verdict){REFUSAL_BAD_REQUEST, 503, "out of memory"};
    }
    struct filter filters[FILTERS_MAX];
    size_t n;
    const char *why;
    return filters_parse(buf_str(out), filters, FILTERS_MAX, &n, &why) ? nothing_wrong
                                                                       : bad_request(why);
}

/* What refuses a WebSocket of any kind. */
static struct verdict check_upgrade(const struct http_head *r, const struct admission_facts *f)
{
    struct verdict v = check_handshake(r);
    if (!v.why && !origin_is_allowed(r, f->allowed_origins)) {
        v = (struct verdict){REFUSAL_ORIGIN, 403, "this origin is not allowed"};
    }
    return v;
}

/* The same and the limits that close a legacy one only later. */
static struct verdict check_upgrade_and_limits(const struct http_head *r,
                                               const struct admission_facts *f)
{
    if (f->is_leaving) {
        return (struct verdict){REFUSAL_LEAVING, 503, "this server is leaving, connect again"};
    }
    struct verdict v = check_upgrade(r, f);
    if (!v.why && f->is_over_address_limit) {
        v = (struct verdict){REFUSAL_ADDRESS, 429, "too many connections from your address"};
    }
    return v;
}

static struct verdict decide_upgrade(const struct http_head *r, const struct admission_facts *f,
                                     struct admission *out)
{
    bool is_legacy = has_filter(r);
    struct verdict v = is_legacy ? check_upgrade(r, f) : check_upgrade_and_limits(r, f);
    if (v.why) {
        return v;
    }
    out->kind = is_legacy ? ADMIT_LEGACY : ADMIT_DOCUMENTED;
    out->is_over_address_limit = f->is_over_address_limit;
    out->wants_subprotocol = r->ws_protocol.n > 0;
    out->credential = credentials_find(r, true);
    return is_legacy ? read_filters(r, &out->filters) : nothing_wrong;
}

/* The same for all of its clients: nobody is asked who they are. */
static struct verdict decide_room(const struct http_head *r, const struct admission_facts *f,
                                  struct admission *out)
{
    out->kind = ADMIT_ROOM;
    out->wants_subprotocol = r->ws_protocol.n > 0;
    return check_upgrade_and_limits(r, f);
}

static struct verdict decide_plain(const struct http_head *r, const struct admission_facts *f,
                                   struct admission *out)
{
    if (f->is_leaving) {
        return (struct verdict){REFUSAL_LEAVING, 503, "this server is leaving, connect again"};
    }
    bool is_get = str_eq(r->method, STR("GET"));
    bool wants_events = http_lists(&r->accept, STR("text/event-stream"));
    bool wants_lines = !wants_events && http_lists(&r->accept, STR("application/x-ndjson"));
    if (is_get && is_events_path(r->path) && (wants_events || wants_lines)) {
        if (f->is_over_address_limit) {
            return (struct verdict){REFUSAL_ADDRESS, 429, "too many connections from your address"};
        }
        out->kind = ADMIT_SSE;
        out->wants_lines = wants_lines;
        out->credential = credentials_find(r, origin_is_allowed(r, f->allowed_origins));
        return nothing_wrong;
    }
    if (str_eq(r->method, STR("OPTIONS")) && is_events_path(r->path)) {
        out->kind = ADMIT_PREFLIGHT;
        return nothing_wrong;
    }
    if (is_events_path(r->path) && !str_eq(r->path, STR("/"))) {
        return bad_request("only WebSocket and streams of events are served here");
    }
    if (is_room_path(r->path, f)) {
        return (struct verdict){REFUSAL_BAD_REQUEST, 426, "only WebSocket is served here"};
    }
    out->kind = ADMIT_PAGE;
    return nothing_wrong;
}

/* Clients that want to know the status accept something else as well, as ours does. */
static bool is_event_source(const struct http_head *r, const struct admission_facts *f)
{
    bool is_direct = r->forwarded_for.n == 0 && !r->real_ip.p;
    bool is_browser = f->ends_tls || r->sec_fetch_site.p; /* who else reaches us in plain HTTP? */
    return is_direct && is_browser && is_events_path(r->path) && r->accept.n == 1 &&
           str_eq(r->accept.v[0], STR("text/event-stream"));
}

void admission_decide(const struct http_head *r, const struct admission_facts *f,
                      struct admission *out)
{
    *out = (struct admission){.kind = ADMIT_PAGE};
    /* Any other protocol to upgrade to may be passed over (RFC 9110, 7.8). */
    bool is_upgrade = http_lists(&r->upgrade, STR("websocket"));
    struct verdict v;
    if (is_upgrade && is_events_path(r->path)) {
        v = decide_upgrade(r, f, out);
    } else if (is_upgrade && is_room_path(r->path, f)) {
        v = decide_room(r, f, out);
    } else if (is_upgrade) {
        v = (struct verdict){REFUSAL_BAD_REQUEST, 404, "there is no WebSocket here"};
    } else {
        v = decide_plain(r, f, out);
    }
    if (is_upgrade && !v.why) {
        v = read_extensions(r, f, out);
    }
    if (v.why) {
        admission_release(out);
        admission_refuse(out, v.refusal, v.status, v.why);
        bool may_come_again = v.status == 429 || v.status == 503;
        out->is_event_source = may_come_again && !is_upgrade && is_event_source(r, f);
    }
    bool is_refused_upgrade = v.why && v.refusal == REFUSAL_ORIGIN;
    bool has_reader = !is_upgrade && r->origin.p && is_events_path(r->path);
    bool is_allowed = has_reader && origin_is_allowed(r, f->allowed_origins);
    out->is_foreign = is_refused_upgrade || (has_reader && !is_allowed);
    if (is_allowed) {
        out->cors_origin = r->origin;
    }
}
