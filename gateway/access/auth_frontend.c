/* SPDX-License-Identifier: MIT */
/* auth_frontend: one question -> one GET -> one answer.
 *
 *     AUTH_WHO   /api/session/currentSession/
 *     AUTH_MAY   /api/user/validateFilter/?filter=…
 *
 * Nothing of an answer is logged, and no body is kept but that of a refusal to a filter, for the
 * client of Server-Sent Events whose question it was.
 */
#include "gateway/access/auth_frontend.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "common/http/http_client.h"
#include "common/log.h"
#include "gateway/access/auth_answer.h"
#include "gateway/access/auth_internal.h"
#include "proto/limits.h"

enum { API_TOKEN_DIGITS = 40, REFUSAL_BODY_BYTES = 4096 };

struct frontend {
    struct auth_source source;
    struct http_client *http; /* owned */
    uint32_t call_ms;
    bool is_failing; /* the last call brought no answer; for one line in the log per change */
};

struct frontend_call {
    struct frontend *frontend;            /* borrowed, outlives its calls */
    struct http_call *http;               /* the client's, until it is answered */
    const struct auth_question *question; /* borrowed until answered or cancelled */
    auth_source_fn fn;
    void *arg;
};

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isxdigit((unsigned char)s.p[i])) {
            return false;
        }
    }
    return true;
}

static bool is_api_token(struct str token)
{
    return (token.n == API_TOKEN_DIGITS && is_hex(token)) || str_starts(token, STR("Credential="));
}

/* The value is a C string in `value`, which must live until the call is made. */
static struct http_header credential_header(struct str token, struct buf *value)
{
    bool is_api = is_api_token(token);
    buf_add(value, is_api ? STR("token ") : STR("ouat="));
    buf_add(value, token);
    buf_addc(value, '\0');
    return (struct http_header){.name = is_api ? "Authorization" : "Cookie", .value = value->p};
}

/* A C string too. */
static void add_path(struct buf *path, const struct auth_question *q)
{
    switch (q->kind) {
    case AUTH_WHO: buf_add(path, STR("/api/session/currentSession/")); break;
    case AUTH_MAY:
        buf_add(path, STR("/api/user/validateFilter/?filter="));
        buf_add_percent(path, q->filters);
        break;
    }
    buf_addc(path, '\0');
}

/* Does any of the filters name a scoreboard token? */
static bool asks_for_scoreboard(struct str filters)
{
    while (filters.n > 0) {
        if (str_starts(filters, STR("/scoreboard/"))) {
            return true;
        }
        const char *comma = memchr(filters.p, ',', filters.n);
        if (!comma) {
            break;
        }
        filters = str_after(filters, (size_t)(comma - filters.p) + 1);
    }
    return false;
}

/* The end of section 1's table. */
static enum auth_result result_of_status(int status, bool has_credential)
{
    switch (status) {
    case 401: return AUTH_UNAUTHORIZED;
    case 403:
    case 412: return has_credential ? AUTH_FORBIDDEN : AUTH_UNAUTHORIZED;
    case 400:
    case 404: return AUTH_NOT_FOUND;
    default: return AUTH_UNAVAILABLE;
    }
}

static void read_body(const struct auth_question *q, struct str body, struct parsed_answer *out)
{
    switch (q->kind) {
    case AUTH_WHO: parsed_answer_read_session(body, out); return;
    case AUTH_MAY: parsed_answer_read_filters(body, asks_for_scoreboard(q->filters), out); return;
    }
}

/* At most max bytes of s, ending between two characters. */
static struct str cut(struct str s, size_t max)
{
    if (s.n > max) {
        s.n = max;
        while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) {
            s.n--;
        }
    }
    return s;
}

static void translate(const struct auth_question *q, const struct http_answer *h,
                      struct parsed_answer *out)
{
    if (h->outcome == HTTP_ANSWERED && h->status == 200) {
        read_body(q, h->body, out);
    } else {
        *out = (struct parsed_answer){.a.result = AUTH_UNAVAILABLE};
        if (h->outcome == HTTP_ANSWERED) {
            out->a.result = result_of_status(h->status, q->credential.token.n > 0);
        }
        if (q->kind == AUTH_MAY && out->a.result != AUTH_UNAVAILABLE) {
            out->a.http_body = cut(h->body, REFUSAL_BODY_BYTES);
        }
    }
    out->a.http_status = h->status;
}

static const char *outcome_str(enum http_outcome o)
{
    switch (o) {
    case HTTP_ANSWERED: return "unexpected_answer";
    case HTTP_TIMEOUT: return "timeout";
    case HTTP_FAILED: return "no_connection";
    case HTTP_TOO_LARGE: return "too_large";
    }
    return "unknown";
}

static void log_change(struct frontend *f, const struct http_answer *h, enum auth_result result)
{
    bool is_failing = result == AUTH_UNAVAILABLE;
    if (is_failing && !f->is_failing) {
        log_warn("frontend does not answer, new private subscriptions fail",
                 LF_STR("reason", outcome_str(h->outcome)), LF_I64("status", h->status));
    } else if (!is_failing && f->is_failing) {
        log_info("frontend answers again");
    }
    f->is_failing = is_failing;
}

static void on_http_answer(const struct http_answer *h, void *arg)
{
    struct frontend_call *call = arg;
    struct parsed_answer parsed;
    translate(call->question, h, &parsed);
    log_change(call->frontend, h, parsed.a.result);
    auth_source_fn fn = call->fn;
    void *fn_arg = call->arg;
    free(call);
    fn(&parsed.a, fn_arg);
    parsed_answer_release(&parsed);
}

/* False: could not be sent (out of memory). */
static bool send_call(struct frontend_call *call)
{
    const struct auth_question *q = call->question;
    struct buf path = {0};
    struct buf value = {0};
    add_path(&path, q);
    struct http_header header = credential_header(q->credential.token, &value);
    if (!path.failed && !value.failed) {
        const struct http_request request = {.path_and_query = path.p,
                                             .headers = &header,
                                             .n_headers = q->credential.token.n > 0 ? 1 : 0,
                                             .timeout_ms = call->frontend->call_ms};
        call->http = http_client_call(call->frontend->http, &request, on_http_answer, call);
    }
    buf_release(&path);
    if (value.p) {
        explicit_bzero(value.p, value.cap);
    }
    buf_release(&value);
    return call->http != NULL;
}

static void *frontend_ask(struct auth_source *s, const struct auth_question *q, auth_source_fn fn,
                          void *arg)
{
    struct frontend_call *call = calloc(1, sizeof(*call));
    if (call) {
        *call = (struct frontend_call){.frontend = CONTAINER_OF(s, struct frontend, source),
                                       .question = q,
                                       .fn = fn,
                                       .arg = arg};
        if (send_call(call)) {
            return call;
        }
        free(call);
    }
    fn(&(struct auth_answer){.result = AUTH_UNAVAILABLE}, arg);
    return NULL;
}

static void frontend_cancel(struct auth_source *s UNUSED, void *arg)
{
    struct frontend_call *call = arg;
    http_call_cancel(call->http);
    free(call);
}

static void frontend_free(struct auth_source *s)
{
    if (s) {
        struct frontend *f = CONTAINER_OF(s, struct frontend, source);
        (void)http_client_free(f->http);
        free(f);
    }
}

static const struct auth_source_ops frontend_ops = {
    .ask = frontend_ask,
    .cancel = frontend_cancel,
    .free = frontend_free,
};

struct auth_source *auth_frontend_create(struct loop *l, const struct settings *s, uint32_t call_ms,
                                         const char **out_why)
{
    struct frontend *f = calloc(1, sizeof(*f));
    if (!f) {
        *out_why = "out of memory";
        return NULL;
    }
    *f = (struct frontend){.source.ops = &frontend_ops, .call_ms = call_ms};
    const struct http_client_options options = {
        .base_url = s->broadcaster.frontend_url,
        .max_connections = (size_t)MAX(s->broadcaster.auth_concurrency, 1),
        .max_answer_bytes = LIMIT_FRONTEND_ANSWER_BYTES,
    };
    f->http = http_client_create(l, &options, out_why);
    if (!f->http) {
        frontend_free(&f->source);
        return NULL;
    }
    return &f->source;
}
