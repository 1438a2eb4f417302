/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_conn.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* netinet/tcp.h knows less of struct tcp_info */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/loop.h"
#include "common/wheel.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/session.h"
#include "gateway/transport/page.h"
#include "gateway/transport/sse_conn.h"
#include "gateway/transport/ws_masking.h"
#include "gateway/transport/ws_message.h"
#include "proto/limits.h"
#include "proto/ws_frame.h"

enum {
    HANDSHAKE_S = LIMIT_HANDSHAKE_MS / 1000,
    CLOSE_S = 2,
    FRAME_COST_MS = 1000 / LIMIT_FRAMES_PER_SECOND,
    DATA_HEADER_BYTES = 14,    /* at most, with the mask */
    CONTROL_FRAME_BYTES = 131, /* the same, with its payload */
    RSV1 = 0x40,               /* of the frame's first byte */
};

enum state { HANDSHAKE, OPEN, CLOSING, ENDING, BROKEN };

/* What a write looks at comes first: with thousands of receivers, each line of it is fetched anew. */
struct ws_conn {
    struct ws_server *server; /* borrowed, outlives us */
    struct lws *wsi;          /* borrowed; NULL before adoption; outlives us after it */
    int fd;                   /* wsi's */
    enum state state : 8;
    bool is_plain;    /* no TLS */
    bool lws_holds;   /* bytes that are to be sent before any of ours */
    bool was_blocked; /* lws has, or had, bytes of ours in its queue */
    bool in_frame;    /* more of the current frame is to come */
    bool is_legacy;
    bool is_room;
    bool is_over_address_limit;
    bool is_paused;
    struct ws_deflate deflate;
    struct session *session; /* owned until session_on_closed(); NULL before admission */
    struct sse_conn *stream; /* owned; instead of a session */
    struct page *page;       /* the same */
    struct wheel_node deadline;
    struct ws_peer peer;
    uint64_t frames_paid_ms; /* the time up to which frames that came have used up the rate */
    uint64_t received;       /* bytes of the socket when last looked at; 0: never */
    uint64_t seen;           /* bytes since then that lws has shown us */
    struct deferred pausing;
    struct ws_masking masking;
    struct list flood_node;    /* in the server's ws_flood, when open */
    struct ws_message message; /* that comes in pieces */
};

static const struct transport_ops ops;

static void on_deadline(void *arg);

static void on_pausing(void *arg)
{
    struct ws_conn *c = arg;
    if (c->state == OPEN || c->state == CLOSING) {
        (void)lws_rx_flow_control(c->wsi, !c->is_paused);
    }
}

/* Inside TLS not at once: lws would go on with the rest of the record in vain, and give up. */
static void pause_reading(struct ws_conn *c, bool is_paused)
{
    c->is_paused = is_paused;
    if (c->is_plain) {
        on_pausing(c);
    } else {
        loop_defer(c->server->gw->loop, &c->pausing);
    }
}

struct ws_conn *ws_conn_create(struct ws_server *s, const struct ws_peer *peer)
{
    struct ws_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->server = s;
    c->peer = *peer;
    s->connections++;
    list_init(&c->flood_node);
    deferred_init(&c->pausing, on_pausing, c);
    wheel_node_init(&c->deadline, on_deadline, c);
    wheel_set(s->gw->wheel, &c->deadline, HANDSHAKE_S);
    return c;
}

void ws_conn_free(struct ws_conn *c)
{
    if (c->session) {
        session_on_closed(c->session);
    }
    wheel_cancel(&c->deadline);
    deferred_cancel(&c->pausing);
    list_del(&c->flood_node);
    if (c->stream) {
        sse_conn_free(c->stream); /* which has the peer, and counts for us */
    } else {
        address_limit_leave(&c->server->addresses, c->peer.count);
        c->server->connections--;
    }
    page_free(c->page);
    ws_message_reset(&c->message);
    free(c);
}

static enum session_kind session_kind_of(enum admission_kind k)
{
    if (k == ADMIT_ROOM) {
        return SESSION_ROOM;
    }
    return k == ADMIT_LEGACY ? SESSION_LEGACY : SESSION_DOCUMENTED;
}

bool ws_conn_admit(struct ws_conn *c, const struct admission *a)
{
    char text[ADDRESS_TEXT_MAX];
    c->is_legacy = a->kind == ADMIT_LEGACY;
    c->is_room = a->kind == ADMIT_ROOM;
    c->is_over_address_limit = a->is_over_address_limit;
    c->deflate = a->deflate;
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

void ws_conn_become_stream(struct ws_conn *c, struct sse_conn *stream)
{
    wheel_cancel(&c->deadline);
    c->server->connections--;
    c->stream = stream;
}

void ws_conn_become_page(struct ws_conn *c, struct page *page)
{
    wheel_set(c->server->gw->wheel, &c->deadline, PAGE_LIMIT_S);
    c->page = page;
}

struct page *ws_conn_page(const struct ws_conn *c)
{
    return c->page;
}

struct sse_conn *ws_conn_stream(const struct ws_conn *c)
{
    return c->stream;
}

bool ws_conn_is_admitted(const struct ws_conn *c)
{
    return c->session != NULL;
}

struct ws_peer *ws_conn_peer(struct ws_conn *c)
{
    return &c->peer;
}

struct ws_deflate *ws_conn_deflate(struct ws_conn *c)
{
    return &c->deflate;
}

void ws_conn_bind(struct ws_conn *c, struct lws *wsi)
{
    c->wsi = wsi;
    c->fd = lws_get_socket_fd(wsi);
    c->is_plain = !c->server->tls;
}

void ws_conn_watch_masking(struct ws_conn *c, int fd, size_t head_bytes)
{
    ws_masking_begin(&c->masking, fd, head_bytes);
}

void ws_conn_opened(struct ws_conn *c)
{
    wheel_cancel(&c->deadline);
    c->state = OPEN;
    list_push_back(&c->server->flood.conns, &c->flood_node);
    ws_conn_note_written(c);
    c->server->gw->metrics->handshakes++;
    c->server->gw->metrics->handshakes_deflate += c->deflate.is_agreed;
    session_open(c->session);
    if (c->is_over_address_limit) {
        ws_server_count_refusal(c->server, REFUSAL_ADDRESS);
        session_close(c->session, CLOSE_OVERLOAD, "too many connections from your address");
    }
}

/* --- what the client sends --- */

/* A token bucket as one number: each frame moves it on by its cost, time catches up with it. */
static bool is_within_rate(struct ws_conn *c)
{
    uint64_t now_ms = loop_now_ms(c->server->gw->loop);
    c->frames_paid_ms = MAX(c->frames_paid_ms, now_ms);
    return c->frames_paid_ms - now_ms < (uint64_t)LIMIT_FRAMES_BURST * FRAME_COST_MS;
}

static bool frame_is_within_rate(struct ws_conn *c)
{
    bool is_within = is_within_rate(c);
    c->frames_paid_ms += is_within ? FRAME_COST_MS : 0;
    return is_within;
}

/* lws answers pings without a word to us as long as more come, so a flood of them shows only in
 * what was read from the socket, less what we were shown: as if all of it were the largest pings. */
static void charge_unseen(struct ws_conn *c)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int unread = 0;
    /* In this order: what comes between the two calls is not taken for read. */
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        ioctl(c->fd, SIOCINQ, &unread) < 0 || info.tcpi_bytes_received < (uint64_t)unread) {
        return; /* the socket has gone, or nobody counts here */
    }
    uint64_t read = (uint64_t)info.tcpi_bytes_received - (uint64_t)unread;
    uint64_t unseen = read - MIN(read, c->received + c->seen);
    if (c->received > 0) { /* else the handshake is in it */
        uint64_t now_ms = loop_now_ms(c->server->gw->loop);
        c->frames_paid_ms =
            MAX(c->frames_paid_ms, now_ms) + unseen / CONTROL_FRAME_BYTES * FRAME_COST_MS;
    }
    c->received = MAX(read, c->received);
    c->seen = 0;
}

/* False: the session is closing (now). */
static bool is_masked(struct ws_conn *c)
{
    if (c->state == OPEN && !ws_masking_holds(&c->masking, c->fd)) {
        session_close(c->session, CLOSE_PROTOCOL, "a frame without a mask");
    }
    return c->state == OPEN;
}

static void close_flood(struct ws_conn *c)
{
    session_close(c->session, CLOSE_OVERLOAD, "too many frames");
    if (c->state == CLOSING) { /* a flood is not worth parsing until the deadline */
        pause_reading(c, true);
    }
}

/* Counts a frame of any kind; false: the session is closing (now). */
static bool on_frame(struct ws_conn *c)
{
    session_on_alive(c->session);
    if (c->state == OPEN && !frame_is_within_rate(c)) {
        close_flood(c);
    }
    return c->state == OPEN;
}

void ws_conn_look(struct list *flood_node)
{
    struct ws_conn *c = LIST_ENTRY(flood_node, struct ws_conn, flood_node);
    if (c->state != OPEN) {
        return;
    }
    charge_unseen(c);
    if (!is_within_rate(c)) {
        close_flood(c);
    }
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
    ws_conn_note_written(c);
    c->seen += n + DATA_HEADER_BYTES;
    c->in_frame = rest > 0;
    ws_masking_add(&c->masking, n, is_new_frame ? n + rest : SIZE_MAX);
    /* Nothing bounds what a legacy client may send but the rate: each piece counts as a frame. */
    if ((is_new_frame || c->is_legacy) && !on_frame(c)) {
        return;
    }
    if (is_new_frame && !is_masked(c)) {
        return;
    }
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

void ws_conn_ponged(struct ws_conn *c, size_t n)
{
    ws_conn_note_written(c);
    ws_masking_add(&c->masking, n, n);
    (void)(on_frame(c) && is_masked(c));
}

/* lws says so in three cases: what it had queued has gone; it has answered a client's ping, which
 * it shows us in no other way; reading was resumed. */
void ws_conn_writable(struct ws_conn *c)
{
    if (!c->session || lws_partial_buffered(c->wsi)) {
        return;
    }
    c->lws_holds = false;
    if (c->was_blocked) {
        c->was_blocked = false;
    } else {
        charge_unseen(c);
        if (!on_frame(c)) {
            return;
        }
    }
    if (c->state == OPEN) {
        session_on_writable(c->session);
    }
}

/* --- what the session sends --- */

void ws_conn_note_written(struct ws_conn *c)
{
    c->lws_holds = lws_partial_buffered(c->wsi) != 0;
}

/* Makes lws notice, at its next turn, that this connection is over: nothing else ends one from
 * outside its callbacks in less than seconds. Paused reading would not see it. */
static void cut(struct ws_conn *c)
{
    c->state = BROKEN;
    (void)lws_rx_flow_control(c->wsi, 1);
    (void)shutdown(c->fd, SHUT_RDWR);
}

static void on_deadline(void *arg)
{
    struct ws_conn *c = arg;
    if (c->state == HANDSHAKE && !c->page) {
        ws_server_count_refusal(c->server, REFUSAL_TIMEOUT);
    }
    cut(c);
}

/* What the kernel takes at once of a plain connection never passes through libwebsockets, whose
 * write costs a microsecond more. Only while it holds nothing itself: order is everything. */
static size_t send_directly(struct ws_conn *c, const uint8_t *p, size_t n)
{
    if (!c->is_plain || c->lws_holds) {
        return 0;
    }
    ssize_t sent = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0; /* lws finds out by itself what is wrong */
}

/* lws_write() does not change what it is given when told to send it raw. */
static bool send_raw(struct ws_conn *c, const uint8_t *p, size_t n)
{
    size_t sent = send_directly(c, p, n);
    if (sent == n) {
        return true;
    }
    if (lws_write(c->wsi, (unsigned char *)p + sent, n - sent, LWS_WRITE_RAW) < 0) {
        cut(c);
        return false;
    }
    ws_conn_note_written(c);
    c->was_blocked |= c->lws_holds;
    return true;
}

static bool ws_conn_write(void *conn, const uint8_t *p, size_t n)
{
    struct ws_conn *c = conn;
    return c->state == OPEN && send_raw(c, p, n);
}

static bool ws_conn_is_blocked(const void *conn)
{
    const struct ws_conn *c = conn;
    return c->lws_holds;
}

static void ws_conn_close(void *conn, unsigned code, struct str reason, bool at_once)
{
    struct ws_conn *c = conn;
    if (c->state != OPEN) {
        return; /* it ends already */
    }
    uint8_t frame[WS_CONTROL_FRAME_MAX];
    size_t n = ws_frame_close(frame, code, reason);
    bool is_blocked = ws_conn_is_blocked(c);
    if (at_once && is_blocked) {
        cut(c);
    } else if (send_raw(c, frame, n)) {
        if (at_once) {
            cut(c);
            return;
        }
        c->state = CLOSING;
        c->is_paused = false; /* to see their close frame */
        (void)lws_rx_flow_control(c->wsi, 1);
        wheel_set(c->server->gw->wheel, &c->deadline, CLOSE_S);
    }
}

static void ws_conn_pause_reading(void *conn, bool paused)
{
    struct ws_conn *c = conn;
    if (c->state == OPEN) {
        pause_reading(c, paused);
    }
}

/* With one byte in it: lws reports no pong that is empty. */
static bool ws_conn_ping(void *conn)
{
    static const uint8_t frame[] = {0x89, 0x01, '.'};
    struct ws_conn *c = conn;
    charge_unseen(c);
    if (c->state == OPEN && !frame_is_within_rate(c)) {
        ws_conn_close(c, CLOSE_OVERLOAD, STR("too many frames"), true);
    }
    return ws_conn_write(c, frame, sizeof(frame));
}

static const struct transport_ops ops = {
    .name = "websocket",
    .format = RENDERING_WS,
    .write = ws_conn_write,
    .is_blocked = ws_conn_is_blocked,
    .close = ws_conn_close,
    .pause_reading = ws_conn_pause_reading,
    .ping = ws_conn_ping,
    .answers_pings = true,
};

bool ws_conn_ends(struct ws_conn *c)
{
    if (c->state != OPEN) {
        return false;
    }
    c->state = ENDING;
    wheel_set(c->server->gw->wheel, &c->deadline, CLOSE_S);
    return true;
}
