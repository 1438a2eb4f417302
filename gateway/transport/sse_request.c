/* SPDX-License-Identifier: MIT */
#include "gateway/transport/sse_request.h"

#include "common/http/http_reader.h"
#include "gateway/session/sse_channels.h"
#include "gateway/transport/query.h"
#include "proto/channel.h"

/* The parameters, decoded; those that may be repeated joined by commas. */
struct parameters {
    struct buf filters, channels, last_event_id;
    size_t n_filters, n_channels;
    bool has_bad_escape;
};

static void take(struct str value, struct buf *out, size_t *n, bool *has_bad_escape)
{
    if ((*n)++ > 0) {
        buf_addc(out, ',');
    }
    *has_bad_escape = !query_decode(value, out) || *has_bad_escape;
}

static void read_parameters(struct str query, struct parameters *p)
{
    struct str name;
    struct str value;
    size_t n_last_event_ids = 0;
    while (query_next(&query, &name, &value)) {
        if (str_eq(name, STR("filter"))) {
            take(value, &p->filters, &p->n_filters, &p->has_bad_escape);
        } else if (str_eq(name, STR("channel"))) {
            take(value, &p->channels, &p->n_channels, &p->has_bad_escape);
        } else if (str_eq(name, STR("lastEventId"))) {
            take(value, &p->last_event_id, &n_last_event_ids, &p->has_bad_escape);
        }
    }
}

static void parameters_release(struct parameters *p)
{
    buf_release(&p->filters);
    buf_release(&p->channels);
    buf_release(&p->last_event_id);
}

/* A comma is in no valid name, so as many names must be between the commas as there were
 * parameters. */
static bool are_channels(struct str list, size_t n)
{
    struct channel parsed;
    for (size_t i = 0; i < n; i++) {
        const char *comma = list.n ? memchr(list.p, ',', list.n) : NULL;
        struct str one = {list.p, comma ? (size_t)(comma - list.p) : list.n};
        if (!channel_parse(one, &parsed) || (comma != NULL) != (i + 1 < n)) {
            return false;
        }
        list = str_after(list, one.n + (comma ? 1 : 0));
    }
    return true;
}

static const char *check(const struct parameters *p)
{
    struct filter filters[FILTERS_MAX];
    const char *why = NULL;
    size_t n;
    if (p->n_filters > 0 && p->n_channels > 0) {
        return "Server-Sent Events are of channels or of filters, not of both";
    }
    if (p->n_filters == 0 && p->n_channels == 0) {
        return "Server-Sent Events need a channel parameter at least";
    }
    if (p->has_bad_escape) {
        return "a percent escape in the query is malformed";
    }
    if (p->n_filters > 0) {
        bool ok = filters_parse(buf_str(&p->filters), filters, FILTERS_MAX, &n, &why);
        return ok ? NULL : why;
    }
    return are_channels(buf_str(&p->channels), p->n_channels) ? NULL : "not a valid channel name";
}

static bool make(struct parameters *p, const struct http_head *r, struct sse_request *out)
{
    if (p->n_filters > 0) {
        out->filters = p->filters; /* ours no longer */
        p->filters = (struct buf){0};
        return true;
    }
    /* The header is what an EventSource sends by itself when it connects anew, to the same URL. */
    struct str from = r->last_event_id.n > 0 ? r->last_event_id : buf_str(&p->last_event_id);
    out->channels = sse_channels_create(buf_str(&p->channels), p->n_channels, from);
    return out->channels != NULL;
}

bool sse_request_read(const struct http_head *r, struct sse_request *out)
{
    struct parameters p = {0};
    *out = (struct sse_request){.status = 400};
    read_parameters(r->query, &p);
    bool has_memory = !p.filters.failed && !p.channels.failed && !p.last_event_id.failed;
    if (has_memory) {
        out->why = check(&p);
        has_memory = out->why || make(&p, r, out);
    }
    if (!has_memory) {
        out->status = 503;
        out->why = "out of memory";
    }
    parameters_release(&p);
    return out->why == NULL;
}

void sse_request_release(struct sse_request *q)
{
    buf_release(&q->filters);
    q->channels = sse_channels_free(q->channels);
}
