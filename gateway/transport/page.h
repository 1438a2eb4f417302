/* SPDX-License-Identifier: MIT */
#pragma once
/* page: an answer of the events port that is large, or not known at once: the files of the console,
 * the API pages, and the gauges, for which somebody may have to be asked who wants them.
 *
 *   WAITING -> READY      who asks is known (most pages begin here)
 *   any     -> (freed)    page_free
 *
 * It is read in pieces, by http_conn.c (plain) or page_tls.c, at the pace of the client's socket, so
 * that no client makes us hold more of it than one piece.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct gw;
struct page;
struct http_head;

/* From a page's beginning; then its connection is closed, so that nobody holds it for ever. */
#define PAGE_LIMIT_S 120

/* Is it one of these that the request asks for? */
bool page_is_for(const struct http_head *r);

struct page_options {
    struct gw *gw;                   /* borrowed */
    const struct http_head *request; /* only during page_create() */
    bool is_local;                   /* from this machine, and by no proxy */
    uint64_t client;                 /* who asks: auth_question */
    void (*on_ready)(void *arg);     /* from the loop, never inside page_create() */
    void *arg;
};
/* NULL: out of memory. */
struct page *page_create(const struct page_options *o);
struct page *page_free(struct page *p); /* accepts NULL; on_ready() is not called any more */
/* Else on_ready() will come. */
bool page_is_ready(const struct page *p);

/* Copies the next bytes, at most `max`; 0: there are no more. False: it cannot be read, and the
 * connection is to end, so that its client sees that the answer is not whole. */
MUST_CHECK bool page_read(struct page *p, char *out, size_t max, size_t *out_n);
/* So many of them have been sent. */
void page_took(struct page *p, size_t n);
