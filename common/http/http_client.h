/* SPDX-License-Identifier: MIT */
#pragma once
/* http_client: a small asynchronous HTTP/1.1 client for one origin (the judge's frontend):
 * kept-alive connections in a pool, TLS verified against the host name, a deadline per call, an
 * answer bounded in bytes, redirects not followed. A call on a kept-alive connection that the peer
 * had just closed (nothing of an answer seen) is sent once more on a fresh one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

struct loop;
struct http_client;
struct http_call;

enum http_outcome {
    HTTP_ANSWERED, /* whole, whatever its status (HTTP_OK is a macro of libevent: 200) */
    HTTP_TIMEOUT,  /* deadline passed */
    HTTP_FAILED,   /* no connection, cut, not HTTP */
    HTTP_TOO_LARGE /* the answer exceeds max_answer_bytes */
};
struct http_answer {
    enum http_outcome outcome;
    int status;              /* 0 unless HTTP_ANSWERED */
    struct str body;         /* valid during the callback */
    struct str content_type; /* the same; empty when absent */
};
/* Called exactly once, from the loop, never inside http_client_call(); not after a cancel. */
typedef void (*http_answer_fn)(const struct http_answer *a, void *arg);

struct http_client_options {
    const char *base_url; /* http(s)://host[:port][/prefix], without a last slash */
    const char *ca_file;  /* NULL: the system's */
    size_t max_connections;
    size_t max_answer_bytes;
};
struct http_header {
    const char *name;
    const char *value; /* must hold no CR, LF or NUL: else the call fails */
};
struct http_request {
    bool post;
    const char *path_and_query; /* begins with '/'; appended to base_url's prefix */
    const struct http_header *headers;
    size_t n_headers;
    struct str body; /* for POST */
    uint32_t timeout_ms;
};

/* NULL with *out_why (static text) when the URL is unusable. */
struct http_client *http_client_create(struct loop *l, const struct http_client_options *o,
                                       const char **out_why);
struct http_client *http_client_free(struct http_client *c); /* cancels all calls; accepts NULL */
DEFINE_AUTO(http_client)
/* Sends at once on a free or new connection, or as soon as one of the max_connections is free
 * (first come, first served; the time-out counts from sending). NULL: refused (bad header, no
 * memory). The request's strings are copied. */
struct http_call *http_client_call(struct http_client *c, const struct http_request *q,
                                   http_answer_fn fn, void *arg);
void http_call_cancel(struct http_call *call); /* fn will not be called */
