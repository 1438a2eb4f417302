/* SPDX-License-Identifier: MIT */
#include "gateway/transport/page_sender.h"

#include <stdlib.h>

#include "common/loop.h"
#include "common/net/stream.h"
#include "gateway/gw.h"
#include "gateway/transport/page.h"

enum { PIECES_AT_ONCE = 16 };

struct page_sender {
    struct list node;         /* in server's page_senders */
    struct ws_server *server; /* borrowed, outlives us */
    struct stream *stream;    /* owned */
    struct page *page;        /* owned */
    struct timer again;       /* SENDING: after others had their turn */
    struct ws_peer peer;
    enum { ASKING, SENDING, FINISHING } state;
    bool linger;
};

static void end(struct page_sender *p)
{
    address_limit_leave(&p->server->addresses, p->peer.count);
    p->server->connections--;
    list_del(&p->node);
    timer_release(&p->again);
    page_free(p->page);
    stream_free(p->stream);
    free(p);
}

/* A piece at a time, and not more than a few at once: others wait, too. */
static void send_page(struct page_sender *p)
{
    char *piece = p->server->scratch;
    size_t n = 0;
    for (size_t i = 0; i < PIECES_AT_ONCE; i++) {
        if (!page_read(p->page, piece, WS_SERVER_SCRATCH_BYTES, &n)) {
            stream_cut(p->stream);
            return;
        }
        if (n == 0) {
            p->state = FINISHING;
            stream_finish(p->stream, p->linger);
            return;
        }
        if (!stream_write(p->stream, piece, n)) {
            return; /* it is over, and says so */
        }
        page_took(p->page, n);
        if (stream_queued(p->stream) > 0) {
            return; /* until it is drained */
        }
    }
    timer_start_us(&p->again, 0);
}

static void on_page_ready(void *arg)
{
    struct page_sender *p = arg;
    p->state = SENDING;
    send_page(p);
}

static void on_drained(void *arg)
{
    struct page_sender *p = arg;
    if (p->state == SENDING) {
        send_page(p);
    }
}

static void on_closed(void *arg)
{
    end(arg);
}

static const struct stream_handler handler = {.on_drained = on_drained, .on_closed = on_closed};

void page_sender_start(struct ws_server *s, struct stream *stream, const struct ws_peer *peer,
                       const struct http_head *h, bool linger)
{
    struct page_sender *p = calloc(1, sizeof(*p));
    if (!p) {
        address_limit_leave(&s->addresses, peer->count);
        stream_free(stream);
        return;
    }
    *p = (struct page_sender){.server = s, .stream = stream, .peer = *peer, .linger = linger};
    list_push_back(&s->page_senders, &p->node);
    s->connections++;
    stream_set_handler(stream, &handler, p);
    stream_set_deadline(stream, PAGE_LIMIT_S); /* nobody else looks at it: then it is over */
    const struct page_options o = {.gw = s->gw,
                                   .request = h,
                                   .is_local = address_is_local(&s->trusted, h, &peer->address),
                                   .client = peer->line,
                                   .on_ready = on_page_ready,
                                   .arg = p};
    p->page = timer_init(&p->again, s->gw->loop, on_page_ready, p) ? page_create(&o) : NULL;
    if (!p->page) {
        stream_cut(stream);
    } else if (page_is_ready(p->page)) {
        on_page_ready(p);
    }
}

void page_sender_end_all(struct ws_server *s)
{
    LIST_FOR_EACH (node, next, &s->page_senders) {
        end(LIST_ENTRY(node, struct page_sender, node));
    }
}
