/* SPDX-License-Identifier: MIT */
/* CLOSED -> UPGRADING -> OPEN -> CLOSED.
 */
#include "bench/ws_client.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"

#define RESPONSE_MAX 8192
/* The example of RFC 6455: a fixed key lets the answer be checked without computing it. */
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define FRAME_HEADER_MAX 14

/* A fixed mask costs the server what a random one costs. */
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

void ws_client_request(struct buf *out, const char *host, const char *path, const char *subprotocol,
                       bool deflate)
{
    buf_addf(out,
             "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: " SAMPLE_KEY "\r\nSec-WebSocket-Version: 13\r\n",
             path, host);
    if (subprotocol) {
        buf_addf(out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    }
    if (deflate) {
        buf_add(out, STR("Sec-WebSocket-Extensions: permessage-deflate; "
                         "server_no_context_takeover; client_no_context_takeover\r\n"));
    }
    buf_add(out, STR("\r\n"));
}

static void ws_client_fail(struct ws_client *c, const char *why)
{
    if (c->state != WS_CLOSED) {
        c->state = WS_CLOSED;
        ws_client_close(c);
        c->handler->on_closed(c, why);
    }
}

static bool ws_client_send_frame(struct ws_client *c, enum ws_opcode opcode, const uint8_t *p,
                                 size_t n)
{
    uint8_t frame[FRAME_HEADER_MAX + 4096];
    size_t at = 0;
    if (n > sizeof(frame) - FRAME_HEADER_MAX) {
        return false;
    }
    frame[at++] = (uint8_t)(0x80 | opcode);
    if (n < 126) {
        frame[at++] = (uint8_t)(0x80 | n);
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = (uint8_t)(n >> 8);
        frame[at++] = (uint8_t)n;
    }
    memcpy(frame + at, mask, sizeof(mask));
    at += sizeof(mask);
    for (size_t i = 0; i < n; i++) {
        frame[at + i] = p[i] ^ mask[i % sizeof(mask)];
    }
    return stream_write(&c->stream, frame, at + n);
}

static void ws_client_closed_by_peer(struct ws_client *c, const struct ws_message *m)
{
    char why[160] = "closed without a code";
    if (m->head_len >= 2) {
        unsigned code = (unsigned)m->head[0] << 8 | m->head[1];
        (void)snprintf(why, sizeof(why), "closed with %u %.*s", code,
                       (int)MIN(m->head_len - 2, (size_t)100), (const char *)m->head + 2);
    }
    ws_client_fail(c, why);
}

static bool on_ws_message(void *arg, const struct ws_message *m)
{
    struct ws_client *c = arg;
    switch (m->opcode) {
    case WS_TEXT:
    case WS_BINARY: c->handler->on_message(c, m); break;
    case WS_PING:
        /* When it cannot be written the stream reports its end by itself. */
        (void)ws_client_send_frame(c, WS_PONG, m->head, m->head_len);
        break;
    case WS_CLOSE: ws_client_closed_by_peer(c, m); break;
    case WS_PONG:
    case WS_CONTINUATION: break;
    }
    return c->state == WS_OPEN;
}

static void ws_client_parse(struct ws_client *c, const uint8_t *p, size_t n)
{
    switch (ws_parser_feed(&c->parser, p, n, on_ws_message, c)) {
    case WS_PARSE_OK:
    case WS_PARSE_STOPPED: break;
    case WS_PARSE_BAD: ws_client_fail(c, "not a WebSocket frame of a server"); break;
    case WS_PARSE_NO_MEMORY: ws_client_fail(c, "out of memory"); break;
    }
}

static bool response_accepts(struct str head)
{
    return str_starts(head, STR("HTTP/1.1 101 ")) &&
           memmem(head.p, head.n, SAMPLE_ACCEPT "\r\n", sizeof(SAMPLE_ACCEPT "\r\n") - 1);
}

/* Each message must be compressed for itself: one inflater serves all connections. */
static bool response_compresses(struct str head)
{
    static const char what[] = "permessage-deflate", how[] = "server_no_context_takeover";
    return memmem(head.p, head.n, what, sizeof(what) - 1) &&
           memmem(head.p, head.n, how, sizeof(how) - 1);
}

static void ws_client_upgrade(struct ws_client *c, const uint8_t *p, size_t n)
{
    buf_add(&c->response, (struct str){(const char *)p, n});
    if (c->response.failed || c->response.n > RESPONSE_MAX) {
        ws_client_fail(c, "no usable answer to the upgrade");
        return;
    }
    const char *end = memmem(c->response.p, c->response.n, "\r\n\r\n", 4);
    if (!end) {
        return;
    }
    size_t head = (size_t)(end - c->response.p) + 4;
    if (!response_accepts((struct str){c->response.p, head})) {
        char why[100];
        (void)snprintf(why, sizeof(why), "upgrade refused: %.*s", (int)strcspn(c->response.p, "\r"),
                       c->response.p);
        ws_client_fail(c, why);
        return;
    }
    if (c->deflate && !response_compresses((struct str){c->response.p, head})) {
        ws_client_fail(c, "the server does not compress as it was asked to");
        return;
    }
    c->parser.may_compress = c->deflate;
    struct buf response = c->response; /* what follows the head is parsed from here */
    c->response = (struct buf){0};
    c->state = WS_OPEN;
    c->handler->on_open(c);
    if (c->state == WS_OPEN && response.n > head) {
        ws_client_parse(c, (const uint8_t *)response.p + head, response.n - head);
    }
    buf_release(&response);
}

static void on_ws_stream_open(void *arg)
{
    struct ws_client *c = arg;
    if (!stream_write(&c->stream, c->request, strlen(c->request))) {
        ws_client_fail(c, "the upgrade request cannot be written");
    }
}

static void on_ws_bytes(void *arg, const uint8_t *p, size_t n)
{
    struct ws_client *c = arg;
    switch (c->state) {
    case WS_CLOSED: break;
    case WS_UPGRADING: ws_client_upgrade(c, p, n); break;
    case WS_OPEN: ws_client_parse(c, p, n); break;
    }
}

static void on_ws_stream_closed(void *arg, const char *why)
{
    ws_client_fail(arg, why);
}

static const struct stream_handler stream_handler = {
    .on_open = on_ws_stream_open,
    .on_bytes = on_ws_bytes,
    .on_closed = on_ws_stream_closed,
};

bool ws_client_open(struct ws_client *c, struct net *n, const struct stream_target *to,
                    const char *request, bool deflate, const struct ws_handler *handler)
{
    *c = (struct ws_client){
        .state = WS_UPGRADING, .handler = handler, .request = request, .deflate = deflate};
    if (!stream_open(&c->stream, n, to, &stream_handler, c)) {
        c->state = WS_CLOSED;
        return false;
    }
    return true;
}

bool ws_client_send(struct ws_client *c, struct str text)
{
    return ws_client_send_frame(c, WS_TEXT, (const uint8_t *)text.p, text.n);
}

void ws_client_close(struct ws_client *c)
{
    c->state = WS_CLOSED;
    stream_close(&c->stream);
    buf_release(&c->response);
    ws_parser_release(&c->parser);
}
