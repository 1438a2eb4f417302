/* SPDX-License-Identifier: MIT */
#include "tests/unit/ws_world.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants setjmp.h, stdarg.h, stddef.h and stdint.h before it. */
#include <cmocka.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/loop.h"
#include "common/net/tls_ctx.h"
#include "common/wheel.h"
#include "gateway/session/sse_channels.h"
#include "gateway/transport/address.h"

enum { PATIENCE_MS = 5000 };

/* --- sessions --- */

static struct ws_world *world_of(struct gw *gw)
{
    return CONTAINER_OF(gw, struct ws_world, gw);
}

static char *copy(struct str s)
{
    char *z = calloc(1, s.n + 1);
    assert_non_null(z);
    memcpy(z, s.n ? s.p : "", s.n);
    return z;
}

struct session *session_create(struct gw *gw, const struct session_request *q)
{
    struct ws_world *w = world_of(gw);
    if (w->no_memory_for_sessions) {
        return NULL;
    }
    struct session *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->kind = q->kind;
    s->ops = q->ops;
    s->format = q->format;
    s->conn = q->conn;
    s->token = copy(q->credential_token);
    s->filters = copy(q->filters);
    s->peer = copy(q->peer);
    s->channels = q->channels;
    s->next = w->sessions;
    w->sessions = s;
    return s;
}

void session_open(struct session *s)
{
    s->opened++;
}

void session_on_text(struct session *s, struct str text)
{
    assert_int_equal(0, s->closed);
    buf_add(&s->texts, text);
    buf_addc(&s->texts, '\n');
    if (s->pause_after_text) {
        s->ops->pause_reading(s->conn, true);
    }
}

void session_on_alive(struct session *s)
{
    s->alive++;
}

void session_on_writable(struct session *s)
{
    assert_false(s->ops->is_blocked(s->conn));
    s->writable++;
}

void session_on_closed(struct session *s)
{
    assert_int_equal(0, s->closed);
    s->closed++;
}

void session_close(struct session *s, enum close_code code, const char *reason)
{
    if (s->close_code == 0) {
        s->close_code = code;
        s->ops->close(s->conn, code, str_of(reason), false);
        assert_int_equal(0, s->closed); /* never inside that call */
    }
}

/* --- the world --- */

static bool is_leaving(void *arg)
{
    return ((struct ws_world *)arg)->is_leaving;
}

/* Of this process. (libwebsockets keeps one of its own when a context ends, which is no socket.) */
static unsigned open_sockets(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char what[32] = "";
        n += readlinkat(dirfd(d), e->d_name, what, sizeof(what) - 1) > 0 &&
             strncmp(what, "socket:", 7) == 0;
    }
    assert_int_equal(0, closedir(d));
    return n;
}

struct ws_world *ws_world_create(void (*change)(struct settings *s))
{
    struct ws_world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->open_sockets = open_sockets();
    w->settings = settings_create();
    w->gw.loop = loop_create();
    assert_non_null(w->settings);
    assert_non_null(w->gw.loop);
    if (change) {
        change(w->settings);
    }
    w->still = loop_create();
    assert_non_null(w->still);
    w->wheel = wheel_create(w->still);
    assert_non_null(w->wheel);
    w->gw.settings = w->settings;
    w->gw.metrics = &w->metrics;
    w->gw.wheel = w->wheel;
    const struct ws_server_options o = {.gw = &w->gw, .is_leaving = is_leaving, .arg = w};
    const char *why = "";
    if (ws_server_create(&o, &w->server, &why) != 0) {
        fail_msg("%s", why);
    }
    if (!ws_world_use(w, w->settings, &why)) {
        fail_msg("%s", why);
    }
    assert_int_equal(0, ws_server_listen(w->server, "127.0.0.1", 0));
    return w;
}

bool ws_world_use(struct ws_world *w, const struct settings *next, const char **out_reason)
{
    const struct tls_server_options o = {.cert_file = next->broadcaster.tls.cert_file,
                                         .key_file = next->broadcaster.tls.key_file};
    struct networks trusted;
    const char *bad;
    assert_true(networks_parse(&next->broadcaster.trusted_proxies, &trusted, &bad));
    ws_server_set_trusted(w->server, &trusted);
    if (next->broadcaster.proxied) {
        return true;
    }
    struct ssl_ctx_st *ctx = tls_server_ctx(&o, out_reason);
    bool ok = ctx && ws_server_set_tls(w->server, ctx);
    tls_ctx_free(ctx);
    return ok;
}

void ws_world_free(struct ws_world *w)
{
    ws_server_free(w->server);
    for (struct session *s = w->sessions; s;) {
        struct session *next = s->next;
        assert_int_equal(1, s->closed);
        buf_release(&s->texts);
        free(s->token);
        free(s->filters);
        free(s->peer);
        sse_channels_free(s->channels);
        free(s);
        s = next;
    }
    wheel_free(w->wheel);
    loop_free(w->still);
    loop_free(w->gw.loop);
    settings_free(w->settings);
    assert_int_equal(w->open_sockets, open_sockets()); /* none is left behind */
    free(w);
}

void ws_world_set_list(struct string_list *list, const char *entry)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->v[i]);
    }
    free(list->v);
    list->v = calloc(1, sizeof(*list->v));
    assert_non_null(list->v);
    list->v[0] = strdup(entry);
    list->n = 1;
}

void ws_world_turn(struct ws_world *w)
{
    assert_true(event_base_loop(loop_base(w->gw.loop), EVLOOP_NONBLOCK) >= 0);
}

static void turn_or_give_up(struct ws_world *w, uint64_t *give_up_ms)
{
    if (*give_up_ms == 0) {
        *give_up_ms = clock_mono_ms() + PATIENCE_MS;
    }
    ws_world_turn(w);
    if (clock_mono_ms() > *give_up_ms) {
        fail_msg("what was awaited does not come");
    }
}

void ws_world_await(struct ws_world *w, const unsigned *counter, unsigned value)
{
    uint64_t give_up_ms = 0;
    while (*counter < value) {
        turn_or_give_up(w, &give_up_ms);
    }
}

void ws_world_await_texts(struct ws_world *w, const struct session *s, const char *expected)
{
    uint64_t give_up_ms = 0;
    struct str want = str_of(expected);
    while (s->texts.n < want.n) {
        turn_or_give_up(w, &give_up_ms);
    }
    assert_int_equal(want.n, s->texts.n);
    assert_memory_equal(want.p, s->texts.p, want.n);
}

void ws_world_await_connections(struct ws_world *w, uint64_t n)
{
    uint64_t give_up_ms = 0;
    while (ws_server_connections(w->server) != n) {
        turn_or_give_up(w, &give_up_ms);
    }
}

struct session *ws_world_newest(struct ws_world *w)
{
    uint64_t give_up_ms = 0;
    while (!w->sessions || !w->sessions->opened) {
        turn_or_give_up(w, &give_up_ms);
    }
    return w->sessions;
}

/* --- clients --- */

struct ws_client ws_client_connect(struct ws_world *w)
{
    struct ws_client c = {.w = w, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c.fd >= 0);
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons(ws_server_port(w->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    assert_int_equal(0, setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
    assert_int_equal(0, connect(c.fd, (const struct sockaddr *)&a, sizeof(a)));
    return c;
}

void ws_client_set_nonblocking(struct ws_client *c)
{
    assert_int_equal(0, evutil_make_socket_nonblocking(c->fd));
}

void ws_client_release(struct ws_client *c)
{
    SSL_free(c->ssl);
    buf_release(&c->in);
    (void)close(c->fd);
}

static ssize_t send_some(struct ws_client *c, const char *p, size_t n)
{
    if (!c->ssl) {
        return send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    int sent = SSL_write(c->ssl, p, (int)n);
    errno = EAGAIN;
    return sent > 0 ? sent : -1;
}

/* Stops early when the server has closed: then the answer tells more. */
void ws_client_send(struct ws_client *c, const void *bytes, size_t n)
{
    uint64_t give_up_ms = 0;
    for (size_t at = 0; at < n;) {
        ssize_t sent = send_some(c, (const char *)bytes + at, n - at);
        if (sent < 0 && errno != EAGAIN) {
            return;
        }
        at += sent > 0 ? (size_t)sent : 0;
        turn_or_give_up(c->w, &give_up_ms);
    }
}

void ws_client_send_text(struct ws_client *c, const char *text)
{
    ws_client_send(c, text, strlen(text));
}

static ssize_t read_some(struct ws_client *c, char *p, size_t n)
{
    if (!c->ssl) {
        return recv(c->fd, p, n, MSG_DONTWAIT);
    }
    int got = SSL_read(c->ssl, p, (int)n);
    int why = SSL_get_error(c->ssl, got);
    errno = EAGAIN;
    bool more = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    return got > 0 ? got : (more ? -1 : 0);
}

void ws_client_read(struct ws_client *c)
{
    ssize_t n;
    do {
        assert_true(buf_reserve(&c->in, 65536));
        n = read_some(c, c->in.p + c->in.n, 65536);
        c->in.n += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    c->was_reset |= n < 0 && errno != EAGAIN;
    c->ended |= n == 0 || c->was_reset;
}

void ws_client_await_bytes(struct ws_client *c, size_t n)
{
    uint64_t give_up_ms = 0;
    ws_client_read(c);
    while (c->in.n < n && !c->ended) {
        turn_or_give_up(c->w, &give_up_ms);
        ws_client_read(c);
    }
}

void ws_client_await_end(struct ws_client *c)
{
    ws_client_await_bytes(c, SIZE_MAX);
}

void ws_client_request(struct buf *out, const char *target, const char *lines)
{
    buf_addf(out,
             "GET %s HTTP/1.1\r\nHost: judge.example:39613\r\nConnection: keep-alive, Upgrade\r\n"
             "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             target, lines);
}

static void cut_off(struct buf *b, size_t n)
{
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

void ws_client_upgrade(struct ws_client *c, const char *target, const char *lines)
{
    struct buf request = {0};
    ws_client_request(&request, target, lines);
    ws_client_send(c, request.p, request.n);
    buf_release(&request);
    const char *end = NULL;
    while (!end) {
        ws_client_await_bytes(c, c->in.n + 1);
        if (c->ended) {
            fail_msg("no upgrade: %.*s", STR_ARG(buf_str(&c->in)));
        }
        end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
    }
    if (!str_starts(buf_str(&c->in), STR("HTTP/1.1 101 "))) {
        fail_msg("no upgrade: %.*s", STR_ARG(buf_str(&c->in)));
    }
    cut_off(&c->in, (size_t)(end - c->in.p) + 4);
}

void ws_client_frame(struct buf *out, unsigned first_byte, struct str payload)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    buf_addc(out, (char)first_byte);
    if (payload.n < 126) {
        buf_addc(out, (char)(0x80 | payload.n));
    } else {
        assert_true(payload.n < 65536);
        buf_addc(out, (char)(0x80 | 126));
        buf_addc(out, (char)(payload.n >> 8));
        buf_addc(out, (char)payload.n);
    }
    buf_add(out, (struct str){(const char *)mask, sizeof(mask)});
    for (size_t i = 0; i < payload.n; i++) {
        buf_addc(out, (char)(payload.p[i] ^ mask[i % 4]));
    }
}

void ws_client_send_frame(struct ws_client *c, unsigned first_byte, struct str payload)
{
    struct buf frame = {0};
    ws_client_frame(&frame, first_byte, payload);
    ws_client_send(c, frame.p, frame.n);
    buf_release(&frame);
}

/* The length of an unmasked frame's header, and of its payload; 0 while the header is not whole. */
static size_t header_bytes(struct str in, size_t *out_payload)
{
    const unsigned char *p = (const unsigned char *)in.p;
    if (in.n < 2) {
        return 0;
    }
    assert_true((p[1] & 0x80) == 0); /* a server does not mask */
    size_t n = p[1] < 126 ? 2 : (p[1] == 126 ? 4 : 10);
    if (in.n < n) {
        return 0;
    }
    *out_payload = n == 2 ? p[1] : 0;
    for (size_t i = 2; i < n; i++) {
        *out_payload = *out_payload << 8 | p[i];
    }
    return n;
}

bool ws_client_take_frame(struct ws_client *c, unsigned *out_first_byte, struct buf *out_payload)
{
    for (;;) {
        size_t payload;
        size_t header = header_bytes(buf_str(&c->in), &payload);
        if (header > 0 && c->in.n >= header + payload) {
            *out_first_byte = (unsigned char)c->in.p[0];
            buf_clear(out_payload);
            buf_add(out_payload, (struct str){c->in.p + header, payload});
            cut_off(&c->in, header + payload);
            return true;
        }
        if (c->ended) {
            return false;
        }
        ws_client_await_bytes(c, c->in.n + 1);
    }
}

void ws_client_expect_frame(struct ws_client *c, unsigned first_byte, struct str payload)
{
    unsigned first = 0;
    struct buf got = {0};
    assert_true(ws_client_take_frame(c, &first, &got));
    assert_int_equal(first_byte, first);
    assert_int_equal(payload.n, got.n);
    assert_memory_equal(payload.p, got.p, payload.n);
    buf_release(&got);
}

void ws_client_expect_close(struct ws_client *c, unsigned code)
{
    unsigned first = 0;
    struct buf got = {0};
    assert_true(ws_client_take_frame(c, &first, &got));
    assert_int_equal(0x88, first);
    const unsigned char *p = (const unsigned char *)got.p;
    assert_int_equal(code, p && got.n >= 2 ? p[0] << 8 | p[1] : 0);
    buf_release(&got);
}
