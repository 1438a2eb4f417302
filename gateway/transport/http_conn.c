/* SPDX-License-Identifier: MIT */
#include "gateway/transport/http_conn.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/wheel.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/page.h"
#include "gateway/transport/request.h"
#include "gateway/transport/sse_conn.h"
#include "gateway/transport/ws_conn.h"
#include "proto/limits.h"

enum {
    HANDSHAKE_S = LIMIT_HANDSHAKE_MS / 1000,
    ANSWER_S = 2,
    PIECES_AT_ONCE = 16,        /* of a page */
    PIECE_BYTES = 4096,         /* how a head that comes in pieces is read */
    LINGER_BYTES = 1024 * 1024, /* of a client that goes on sending to a closed ear */
};

struct http_conn {
    struct list node;         /* in server's http_conns */
    struct ws_server *server; /* borrowed, outlives us */
    int fd;                   /* owned */
    struct event *event;      /* owned; NULL until we must wait */
    short waits_for;          /* EV_READ or EV_WRITE, what event was made for */
    struct wheel_node deadline;
    struct ws_peer peer;
    enum { READING, ASKING, ANSWERING, LINGERING } state;
    struct buf in;     /* READING: what came so far, when the head is not whole */
    struct buf out;    /* ANSWERING */
    struct page *page; /* owned; ANSWERING, instead of out, or NULL */
    size_t sent;
    size_t lingered;
    bool more_may_come; /* there is a body, or something after the head */
};

static void on_event(evutil_socket_t fd, short what, void *arg);

/* The socket stays open: it is closed, or somebody else's. */
static void release(struct http_conn *c)
{
    if (c->event) {
        event_free(c->event);
    }
    wheel_cancel(&c->deadline);
    list_del(&c->node);
    buf_release(&c->in);
    buf_release(&c->out);
    page_free(c->page);
    c->server->connections--;
    free(c);
}

static void end(struct http_conn *c)
{
    address_limit_leave(&c->server->addresses, c->peer.count);
    (void)close(c->fd);
    release(c);
}

/* Ends the connection when libevent has no memory. */
static void wait_for(struct http_conn *c, short what)
{
    if (c->event && c->waits_for == what) {
        return;
    }
    if (c->event) {
        event_free(c->event);
    }
    c->waits_for = what;
    c->event =
        event_new(loop_base(c->server->gw->loop), c->fd, (short)(what | EV_PERSIST), on_event, c);
    if (!c->event || event_add(c->event, NULL) < 0) {
        end(c);
    }
}

static void linger(struct http_conn *c)
{
    ssize_t n;
    while ((n = recv(c->fd, c->server->scratch, WS_SERVER_SCRATCH_BYTES, 0)) > 0) {
        c->lingered += (size_t)n;
        if (c->lingered > LINGER_BYTES) {
            break;
        }
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(c, EV_READ);
    } else {
        end(c);
    }
}

/* All is written: now nothing more is to be read but what would make the kernel reset. */
static void finish(struct http_conn *c)
{
    if (!c->more_may_come) {
        end(c);
        return;
    }
    c->state = LINGERING;
    (void)shutdown(c->fd, SHUT_WR);
    linger(c);
}

/* A piece at a time, and not more than a few at once: others wait, too. */
static void send_page(struct http_conn *c)
{
    char *piece = c->server->scratch;
    size_t n = 0;
    for (size_t i = 0; i < PIECES_AT_ONCE; i++) {
        if (!page_read(c->page, piece, WS_SERVER_SCRATCH_BYTES, &n)) {
            end(c);
            return;
        }
        if (n == 0) {
            finish(c);
            return;
        }
        ssize_t sent = send(c->fd, piece, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            end(c);
            return;
        }
        page_took(c->page, sent > 0 ? (size_t)sent : 0);
        if (sent < (ssize_t)n) {
            break;
        }
    }
    wait_for(c, EV_WRITE);
}

static void send_answer(struct http_conn *c)
{
    ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent < c->out.n) {
        wait_for(c, EV_WRITE);
    } else {
        finish(c);
    }
}

static void answer(struct http_conn *c, const struct admission *a, const struct request *r)
{
    struct ws_server *s = c->server;
    if (a->kind == ADMIT_REFUSE && log_enabled(LOG_LEVEL_DEBUG)) {
        char text[ADDRESS_TEXT_MAX];
        struct str peer = {text, address_write(&c->peer.address, text)};
        log_debug("request refused", LF_S("peer", peer), LF_I64("status", a->status),
                  LF_STR("why", a->why));
    }
    http_pages_answer(a, r, s->gw->metrics->connections_active, &c->out);
    if (c->out.failed) {
        end(c);
        return;
    }
    c->state = ANSWERING;
    wheel_set(s->gw->wheel, &c->deadline, ANSWER_S);
    send_answer(c);
}

static void on_page_ready(void *arg)
{
    struct http_conn *c = arg;
    c->state = ANSWERING;
    send_page(c);
}

static void start_page(struct http_conn *c, const struct request *r)
{
    struct ws_server *s = c->server;
    const struct page_options o = {.gw = s->gw,
                                   .request = r,
                                   .is_local = address_is_local(&s->trusted, r, &c->peer.address),
                                   .on_ready = on_page_ready,
                                   .arg = c};
    c->page = page_create(&o);
    if (!c->page) {
        end(c);
        return;
    }
    wheel_set(s->gw->wheel, &c->deadline, PAGE_LIMIT_S);
    if (page_is_ready(c->page)) {
        on_page_ready(c);
    } else {
        c->state = ASKING;
        wait_for(c, EV_READ); /* to see when the client goes away */
    }
}

/* Before or without a readable head. */
static void refuse(struct http_conn *c, enum refusal refusal, int status, const char *why)
{
    struct admission a;
    admission_refuse(&a, refusal, status, why);
    ws_server_count_refusal(c->server, refusal);
    c->more_may_come = true;
    answer(c, &a, NULL);
}

/* The head that libwebsockets is to see: only what the handshake needs, in a form that it takes. */
static void write_handshake(const struct request *r, const struct admission *a, struct str behind,
                            struct buf *out)
{
    buf_add(out, STR("GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "));
    buf_add(out, r->ws_key);
    if (a->wants_subprotocol) {
        buf_add(out, STR("\r\nSec-WebSocket-Protocol: " ADMISSION_SUBPROTOCOL));
    }
    if (a->deflate.is_agreed) {
        buf_add(out, STR("\r\nSec-WebSocket-Extensions: " WS_DEFLATE_NAME));
    }
    buf_add(out, STR("\r\n\r\n"));
    buf_add(out, behind);
}

static void become_websocket(struct http_conn *c, const struct request *r,
                             const struct admission *a, size_t head_bytes, struct str behind)
{
    struct ws_server *s = c->server;
    struct buf handshake = {0};
    write_handshake(r, a, behind, &handshake);
    struct ws_conn *ws = handshake.failed ? NULL : ws_conn_create(s, &c->peer);
    if (!ws) {
        buf_release(&handshake);
        refuse(c, REFUSAL_BAD_REQUEST, 503, "out of memory");
        return;
    }
    c->peer.count = NULL; /* the ws_conn's now */
    if (!ws_conn_admit(ws, a)) {
        ws_conn_free(ws);
        buf_release(&handshake);
        refuse(c, REFUSAL_BAD_REQUEST, 503, "out of memory");
        return;
    }
    ws_conn_deflate(ws)->mentions = 1; /* in the handshake that lws sees */
    ws_conn_watch_masking(ws, c->fd, head_bytes);
    int fd = c->fd;
    release(c); /* before lws registers the same descriptor with the loop */
    ws_server_adopt(s, fd, ws, buf_str(&handshake));
    buf_release(&handshake);
}

/* What follows the head is thrown away, as all that the client sends from here on. */
static void become_stream(struct http_conn *c, const struct request *r, struct admission *a)
{
    struct sse_conn *stream = sse_conn_create(c->server, &c->peer, r, a);
    if (!stream) {
        c->more_may_come = true;
        answer(c, a, r);
        return;
    }
    int fd = c->fd;
    release(c); /* the peer is the stream's now */
    sse_conn_start(stream, fd);
}

static void on_head(struct http_conn *c, struct str head, struct str behind)
{
    struct request r;
    const char *why = request_parse(head, &r);
    if (why) {
        refuse(c, REFUSAL_BAD_REQUEST, 400, why);
        return;
    }
    struct admission a;
    ws_server_look_behind_proxy(c->server, &r, &c->peer);
    ws_server_decide(c->server, &r, &c->peer, &a);
    if (admission_is_upgrade(&a)) {
        become_websocket(c, &r, &a, head.n, behind);
    } else if (a.kind == ADMIT_SSE) {
        become_stream(c, &r, &a);
    } else {
        c->more_may_come = r.has_body || behind.n > 0;
        if (a.kind == ADMIT_PAGE && page_is_for(&r)) {
            start_page(c, &r);
        } else {
            answer(c, &a, &r);
        }
    }
    admission_release(&a);
}

/* bytes: all that came so far, of which the first `seen` were looked at before. */
static void on_bytes(struct http_conn *c, struct str bytes, size_t seen)
{
    size_t head;
    switch (request_progress(bytes, seen, &head)) {
    case REQUEST_COMPLETE: on_head(c, (struct str){bytes.p, head}, str_after(bytes, head)); return;
    case REQUEST_NOT_HTTP: refuse(c, REFUSAL_BAD_REQUEST, 400, "this is not HTTP"); return;
    case REQUEST_LINE_TOO_LONG:
        refuse(c, REFUSAL_TOO_LARGE, 431, "the request line is longer than 16 KiB");
        return;
    case REQUEST_HEADERS_TOO_LARGE:
        refuse(c, REFUSAL_TOO_LARGE, 431, "the header fields are larger than 64 KiB");
        return;
    case REQUEST_INCOMPLETE:
        if (c->in.n == 0) {
            buf_add(&c->in, bytes);
        }
        if (c->in.failed) {
            end(c);
        } else {
            wait_for(c, EV_READ);
        }
        return;
    }
}

/* Most heads come whole: they are read into the server's buffer and need none of their own. */
static void read_head(struct http_conn *c)
{
    size_t seen = c->in.n;
    char *room = c->server->scratch;
    if (seen > 0) {
        if (!buf_reserve(&c->in, PIECE_BYTES)) {
            end(c);
            return;
        }
        room = c->in.p + seen;
    }
    ssize_t n = recv(c->fd, room, seen > 0 ? PIECE_BYTES : WS_SERVER_SCRATCH_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(c, EV_READ);
    } else if (n <= 0) {
        end(c);
    } else if (seen > 0) {
        c->in.n += (size_t)n;
        on_bytes(c, buf_str(&c->in), seen);
    } else {
        on_bytes(c, (struct str){room, (size_t)n}, 0);
    }
}

static void on_event(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct http_conn *c = arg;
    switch (c->state) {
    case READING: read_head(c); return;
    case ANSWERING: c->page ? send_page(c) : send_answer(c); return;
    case ASKING:
    case LINGERING: linger(c); return;
    }
}

static void on_deadline(void *arg)
{
    struct http_conn *c = arg;
    if (c->state == READING && c->in.n > 0) {
        refuse(c, REFUSAL_TIMEOUT, 408, "the request took longer than 5 seconds");
        return;
    }
    if (c->state == READING) {
        ws_server_count_refusal(c->server, REFUSAL_TIMEOUT);
    }
    end(c);
}

void http_conn_start(struct ws_server *s, int fd, const struct ws_peer *peer)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        address_limit_leave(&s->addresses, peer->count);
        (void)close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->peer = *peer;
    list_push_back(&s->http_conns, &c->node);
    s->connections++;
    wheel_node_init(&c->deadline, on_deadline, c);
    wheel_set(s->gw->wheel, &c->deadline, HANDSHAKE_S);
    read_head(c); /* it is often there already: then the loop never sees this socket */
}

void http_conn_end_all(struct ws_server *s)
{
    LIST_FOR_EACH (node, next, &s->http_conns) {
        end(LIST_ENTRY(node, struct http_conn, node));
    }
}
