/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_conn.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>

#include "common/loop.h"
#include "common/net/stream.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session.h"
#include "gateway/transport/farewell.h"
#include "gateway/transport/lws_events.h"
#include "gateway/transport/lws_link.h"
#include "gateway/transport/ws_handshake.h"
#include "gateway/transport/ws_message.h"
#include "proto/limits.h"
#include "proto/ws_frame.h"
#include "proto/ws_walk.h"

enum {
    CLOSE_S = 2,
    FRAME_COST_MS = 1000 / LIMIT_FRAMES_PER_SECOND,
    UNREAD_MAX = 64, /* times that the library was offered input and did not take it */
    RSV1 = 0x40,     /* of the frame's first byte */
};

enum state { HANDSHAKE, OPEN, CLOSING, ENDING, BROKEN };

/* What came behind the request. */
struct early {
    size_t n, at; /* of which so much was read */
    uint8_t bytes[];
};

/* What a write looks at comes first: with thousands of receivers, each line of it is fetched anew. */
struct ws_conn {
    struct stream *stream; /* owned once we are OPEN */
    enum state state : 8;
    bool in_frame; /* more of the current frame is to come */
    bool is_legacy;
    bool is_room;
    bool is_over_address_limit;
    bool is_paused;
    bool is_over;   /* the stream is */
    bool is_flood;  /* more frames than the rate allows */
    uint8_t unread; /* how often in a row the library took no input */
    struct ws_deflate deflate;
    struct session *session;  /* owned until session_on_closed(); NULL before admission */
    struct ws_server *server; /* borrowed, outlives us */
    struct lws *wsi;          /* borrowed; NULL before adoption; outlives us after it */
    struct lws_link link;
    struct deferred later; /* the library wants to write, or is to end */
    struct ws_peer peer;
    uint64_t frames_paid_ms;  /* the time up to which frames that came have used up the rate */
    bool *is_gone;            /* set when we are freed; NULL: nobody asks */
    struct early *early;      /* owned; NULL: nothing of it is left */
    const struct buf *answer; /* borrowed; HANDSHAKE: the 101 */
    struct ws_walk walk;
    struct ws_message message; /* that comes in pieces */
};

static const struct transport_ops ops;

/* ---- the library's half ---- */

/* False: we are gone. */
static bool serve(struct ws_conn *c, short what)
{
    bool is_gone = false;
    struct lws_pollfd p = {.fd = c->link.fd, .events = what, .revents = what};
    c->is_gone = &is_gone;
    (void)lws_service_fd(c->server->lws, &p); /* it ends broken connections itself */
    if (!is_gone) {
        c->is_gone = NULL;
    }
    return !is_gone;
}

static void take_input(struct ws_conn *c);
static bool is_faulty(const struct ws_conn *c);
static void fail(struct ws_conn *c);

/* At the end of this turn the library is told that it is over: it calls ws_conn_gone(). */
static void end_later(struct ws_conn *c)
{
    c->state = BROKEN;
    loop_defer(c->server->gw->loop, &c->later);
}

static void on_later(void *arg)
{
    struct ws_conn *c = arg;
    if (c->state == BROKEN) {
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
        return;
    }
    if (c->link.wants_write && !serve(c, LWS_POLLOUT)) {
        return;
    }
    if (is_faulty(c)) {
        fail(c);
    } else if (c->early && !c->is_paused) {
        take_input(c);
    }
}

/* ---- what the client sends ---- */

/* A token bucket as one number: each frame moves it on by its cost, time catches up with it. */
static void charge(struct ws_conn *c, unsigned frames)
{
    uint64_t now_ms = loop_now_ms(c->server->gw->loop);
    c->frames_paid_ms = MAX(c->frames_paid_ms, now_ms) + (uint64_t)frames * FRAME_COST_MS;
    c->is_flood |= c->frames_paid_ms - now_ms > (uint64_t)LIMIT_FRAMES_BURST * FRAME_COST_MS;
}

static ssize_t read_early(struct ws_conn *c, void *out, size_t max)
{
    struct early *e = c->early;
    size_t n = MIN(max, e->n - e->at);
    memcpy(out, e->bytes + e->at, n);
    e->at += n;
    if (e->at == e->n) {
        free(e);
        c->early = NULL;
    }
    return (ssize_t)n;
}

/* The library reads: it gets what the walker lets pass. */
static ssize_t on_recv(void *arg, void *out, size_t max)
{
    struct ws_conn *c = arg;
    c->unread = 0;
    if (c->state == BROKEN) {
        errno = ECONNRESET;
        return -1;
    }
    while (c->state != HANDSHAKE && c->walk.state == WS_WALK_OPEN && !c->is_flood) {
        size_t held = ws_walk_resume(&c->walk, out);
        assert(max > held);
        uint8_t *room = (uint8_t *)out + held;
        ssize_t n =
            c->early ? read_early(c, room, max - held) : stream_recv(c->stream, room, max - held);
        if (n <= 0) {
            return n;
        }
        unsigned frames = 0;
        size_t passed = ws_walk(&c->walk, out, held + (size_t)n, &frames);
        /* Nothing bounds what a legacy client may send but the rate: each piece counts. */
        charge(c, c->is_legacy ? MAX(frames, 1u) : frames);
        session_on_alive(c->session);
        if (passed > 0) {
            return (ssize_t)passed;
        }
    }
    errno = EAGAIN;
    return -1;
}

/* The library writes: its 101 is nobody's business, and behind our close frame nothing may follow. */
static ssize_t on_send(void *arg, const void *p, size_t n)
{
    struct ws_conn *c = arg;
    if (c->state == HANDSHAKE || c->state == CLOSING) {
        return (ssize_t)n;
    }
    if (c->state == BROKEN) {
        errno = EPIPE;
        return -1;
    }
    return stream_send(c->stream, p, n);
}

static void on_wants_write(void *arg)
{
    struct ws_conn *c = arg;
    loop_defer(c->server->gw->loop, &c->later);
}

static const struct lws_link_handler link_handler = {
    .recv = on_recv,
    .send = on_send,
    .on_wants_write = on_wants_write,
};

static bool is_faulty(const struct ws_conn *c)
{
    return c->walk.state == WS_WALK_BROKEN || c->is_flood;
}

/* A client that breaks the protocol has nothing more to say that counts. */
static void fail(struct ws_conn *c)
{
    if (c->state == OPEN && c->is_flood) {
        session_close(c->session, CLOSE_OVERLOAD, "too many frames");
    } else if (c->state == OPEN) {
        session_close(c->session, CLOSE_PROTOCOL, c->walk.reason);
    }
    end_later(c);
}

/* At the end of this turn: what the session answers to good frames leaves before. */
static void go_on_later(struct ws_conn *c)
{
    deferred_cancel(&c->later);
    loop_defer(c->server->gw->loop, &c->later);
}

static void take_input(struct ws_conn *c)
{
    /* A pong that is still to come goes first: the library forgets pings that come before it. */
    if (c->link.wants_write && c->state == OPEN && !serve(c, LWS_POLLOUT)) {
        return;
    }
    c->unread++;
    if (!serve(c, LWS_POLLIN)) {
        return;
    }
    lws_events_settle(c->server->events);
    if (c->unread > UNREAD_MAX) { /* it ends and does not say so */
        end_later(c);
    }
    if (c->link.wants_write || c->early || is_faulty(c)) {
        go_on_later(c);
    }
}

static void on_readable(void *arg)
{
    take_input(arg);
}

static size_t message_limit(const struct ws_conn *c)
{
    return c->is_room ? LIMIT_ROOM_MESSAGE_BYTES : LIMIT_CLIENT_MESSAGE_BYTES;
}

void ws_conn_received(struct ws_conn *c, const void *bytes, size_t n)
{
    /* What the frame's header announced counts, not what has come of it. */
    size_t rest = lws_remaining_packet_payload(c->wsi);
    bool is_new_frame = !c->in_frame;
    c->in_frame = rest > 0;
    if (c->state != OPEN || c->is_legacy) { /* a legacy client's messages say nothing to us */
        return;
    }
    const struct ws_piece piece = {
        .bytes = {bytes, n},
        .rest = rest,
        .begins_frame = is_new_frame,
        .is_last = lws_is_final_fragment(c->wsi) != 0,
        .is_binary = lws_frame_is_binary(c->wsi) != 0,
        .says_deflated = (lws_get_reserved_bits(c->wsi) & RSV1) != 0,
    };
    struct ws_message_news news =
        ws_message_add(&c->message, &piece, message_limit(c), c->server->inflater);
    switch (news.state) {
    case WS_MESSAGE_PENDING: return;
    case WS_MESSAGE_WHOLE:
        session_on_text(c->session, news.text);
        ws_message_reset(&c->message);
        return;
    case WS_MESSAGE_BAD: session_close(c->session, news.code, news.why); return;
    }
}

static void on_drained(void *arg)
{
    struct ws_conn *c = arg;
    if (c->state == OPEN) {
        session_on_writable(c->session);
    }
}

static void on_deadline(void *arg)
{
    struct ws_conn *c = arg;
    c->state = BROKEN;
    stream_cut(c->stream);
}

static void on_closed(void *arg)
{
    struct ws_conn *c = arg;
    c->is_over = true;
    end_later(c);
}

static const struct stream_handler stream_handler = {
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_deadline = on_deadline,
    .on_closed = on_closed,
};

/* ---- what the session sends ---- */

static bool ws_conn_write(void *conn, const uint8_t *p, size_t n)
{
    struct ws_conn *c = conn;
    bool is_open = c->state == OPEN || c->state == ENDING; /* until their close is answered */
    return is_open && stream_write(c->stream, p, n);
}

static bool ws_conn_is_blocked(const void *conn)
{
    const struct ws_conn *c = conn;
    return stream_queued(c->stream) > 0;
}

static void pause_reading(struct ws_conn *c, bool is_paused)
{
    if (c->is_paused == is_paused) {
        return;
    }
    c->is_paused = is_paused;
    (void)lws_rx_flow_control(c->wsi, !is_paused);
    if (is_paused) {
        stream_pause(c->stream);
    } else {
        stream_resume(c->stream);
        lws_events_settle(c->server->events);
        loop_defer(c->server->gw->loop, &c->later); /* for what came early */
    }
}

/* What the client did wrong: it has nothing more to say that counts (RFC 6455, 7.1.7). */
static bool is_failure(unsigned code)
{
    return code == CLOSE_PROTOCOL || code == CLOSE_BINARY || code == CLOSE_BAD_UTF8 ||
           code == CLOSE_TOO_BIG;
}

static void ws_conn_close(void *conn, unsigned code, struct str reason, bool at_once)
{
    struct ws_conn *c = conn;
    if (c->state != OPEN) {
        return; /* it ends already */
    }
    uint8_t frame[WS_CONTROL_FRAME_MAX];
    size_t n = ws_frame_close(frame, code, reason);
    if (at_once && ws_conn_is_blocked(c)) {
        c->state = BROKEN;
        stream_cut(c->stream);
    } else if (stream_write(c->stream, frame, n)) {
        c->state = CLOSING;
        if (at_once || is_failure(code)) {
            end_later(c);
            return;
        }
        pause_reading(c, false); /* to see their close frame */
        stream_set_deadline(c->stream, CLOSE_S);
    }
}

static void ws_conn_pause_reading(void *conn, bool paused)
{
    struct ws_conn *c = conn;
    if (c->state == OPEN) {
        pause_reading(c, paused);
    }
}

static bool ws_conn_ping(void *conn)
{
    uint8_t frame[WS_CONTROL_FRAME_MAX];
    return ws_conn_write(conn, frame, ws_frame_ping(frame));
}

static uint64_t client_of(const void *conn)
{
    const struct ws_conn *c = conn;
    return c->peer.line;
}

static const struct transport_ops ops = {
    .name = "websocket",
    .format = RENDERING_WS,
    .write = ws_conn_write,
    .is_blocked = ws_conn_is_blocked,
    .close = ws_conn_close,
    .pause_reading = ws_conn_pause_reading,
    .ping = ws_conn_ping,
    .client = client_of,
    .answers_pings = true,
};

bool ws_conn_ends(struct ws_conn *c, void *in, size_t n)
{
    if (c->state != OPEN) {
        return false;
    }
    c->state = ENDING;
    stream_set_deadline(c->stream, CLOSE_S);
    uint8_t *body = in;
    if (n >= 2) { /* the library takes 1012 to 1014 for invalid, and has put 1002 there */
        body[0] = (uint8_t)(c->walk.close_code >> 8);
        body[1] = (uint8_t)c->walk.close_code;
    }
    return true;
}

/* ---- life ---- */

void ws_conn_bind(struct ws_conn *c, struct lws *wsi)
{
    c->wsi = wsi;
}

void ws_conn_opened(struct ws_conn *c)
{
    c->state = OPEN;
    stream_set_handler(c->stream, &stream_handler, c);
    (void)stream_write(c->stream, c->answer->p, c->answer->n); /* a broken one reports itself */
    c->answer = NULL;
    stream_resume(c->stream);
    loop_defer(c->server->gw->loop, &c->later); /* for what came early */
    c->server->connections++;
    c->server->gw->metrics->handshakes++;
    c->server->gw->metrics->handshakes_deflate += c->deflate.is_agreed;
    session_open(c->session);
    if (c->is_over_address_limit) {
        ws_server_count_refusal(c->server, REFUSAL_ADDRESS);
        session_close(c->session, CLOSE_OVERLOAD, "too many connections from your address");
    }
}

static void release(struct ws_conn *c)
{
    if (c->is_gone) {
        *c->is_gone = true;
    }
    if (c->session) {
        session_on_closed(c->session);
    }
    deferred_cancel(&c->later);
    lws_link_detach(&c->link);
    ws_walk_release(&c->walk);
    ws_message_reset(&c->message);
    free(c->early);
    free(c);
}

void ws_conn_gone(struct ws_conn *c)
{
    struct ws_server *s = c->server;
    if (c->state == HANDSHAKE) {
        c->wsi = NULL; /* ws_conn_start() sees to the rest */
        return;
    }
    address_limit_leave(&s->addresses, c->peer.count);
    s->connections--;
    lws_link_detach(&c->link); /* else the stream could not close the socket */
    if (c->is_over) {
        stream_free(c->stream);
    } else {
        farewell_to(&s->farewells, c->stream);
    }
    release(c);
}

static enum session_kind session_kind_of(enum admission_kind k)
{
    if (k == ADMIT_ROOM) {
        return SESSION_ROOM;
    }
    return k == ADMIT_LEGACY ? SESSION_LEGACY : SESSION_DOCUMENTED;
}

static bool create_session(struct ws_conn *c, const struct admission *a)
{
    char text[ADDRESS_TEXT_MAX];
    const struct session_request q = {
        .kind = session_kind_of(a->kind),
        .ops = &ops,
        .conn = c,
        .format = a->deflate.is_agreed ? RENDERING_WS_DEFLATE : ops.format,
        .credential_token = a->credential,
        .filters = buf_str(&a->filters),
        .peer = {text, address_write(&c->peer.address, text)},
    };
    c->session = session_create(c->server->gw, &q);
    return c->session != NULL;
}

static bool keep_early(struct ws_conn *c, struct str behind)
{
    if (behind.n == 0) {
        return true;
    }
    c->early = malloc(sizeof(*c->early) + behind.n);
    if (!c->early) {
        return false;
    }
    *c->early = (struct early){.n = behind.n};
    memcpy(c->early->bytes, behind.p, behind.n);
    return true;
}

static struct ws_conn *create(struct ws_server *s, struct stream *stream,
                              const struct ws_peer *peer, const struct admission *a)
{
    struct ws_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->server = s;
    c->stream = stream;
    c->peer = *peer;
    c->is_legacy = a->kind == ADMIT_LEGACY;
    c->is_room = a->kind == ADMIT_ROOM;
    c->is_over_address_limit = a->is_over_address_limit;
    c->deflate = a->deflate;
    deferred_init(&c->later, on_later, c);
    ws_walk_init(&c->walk, a->deflate.is_agreed);
    return c;
}

/* Gives the socket to the library, which calls ws_conn_opened() at once. False: out of memory. */
static bool adopt(struct ws_conn *c, const struct buf *answer)
{
    struct buf request = {0};
    int fd = stream_fd(c->stream);
    c->answer = answer;
    ws_handshake_for_library(&c->deflate, &request);
    if (!request.failed && lws_link_attach(&c->link, fd, &link_handler, c)) {
        ws_server_adopt(c->server, fd, c, buf_str(&request));
    }
    buf_release(&request);
    if (c->state == HANDSHAKE && c->wsi) {
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    }
    return c->state != HANDSHAKE;
}

bool ws_conn_start(struct ws_server *s, struct stream *stream, const struct ws_peer *peer,
                   const struct http_head *r, const struct admission *a, struct str behind)
{
    struct buf answer = {0};
    struct ws_conn *c = create(s, stream, peer, a);
    ws_handshake_answer(r, a, &answer);
    bool is_open =
        c && !answer.failed && keep_early(c, behind) && create_session(c, a) && adopt(c, &answer);
    buf_release(&answer);
    if (!is_open && c) {
        release(c);
    }
    return is_open;
}
