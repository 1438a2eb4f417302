/* SPDX-License-Identifier: MIT */
/* bench_epoll: the least that a WebSocket fan-out can cost with one send() per message and
 * receiver: the peer that the gateway is measured against.
 *
 *   bench_epoll WS_PORT CONTROL_PORT     (0: a free one; prints both, then serves)
 *
 * Every line on a connection to the control port is a message: it is framed once, handed to each
 * WebSocket connection with one plain send(), and answered with "ok". There is no queue (a receiver
 * whose socket is full is dropped), no subscription, no authentication; what clients say is thrown
 * away, but for the upgrade request. `{"type":…}` commands are therefore never answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/poller.h"
#include "common/buf.h"
#include "common/compiler.h"

#define REQUEST_MAX 4096
#define READ_BYTES 65536
#define LINE_MAX_BYTES (1u << 24)
#define BACKLOG 4096
#define KEY_BYTES 24
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct peer {
    struct poller *poller; /* owned */
    int *receivers;        /* owned; sockets of the open connections */
    size_t n_receivers, cap_receivers;
    struct buf frame;
};
enum connection_kind { CONNECTION_REQUEST, CONNECTION_OPEN, CONNECTION_CONTROL };
struct connection {
    struct watch watch;
    struct peer *peer; /* borrowed */
    enum connection_kind kind;
    struct buf in; /* of the request, or of a line */
};
struct listener {
    struct watch watch;
    struct peer *peer; /* borrowed */
    enum connection_kind kind;
};

/* --- WebSocket side --- */

/* frame = header + text; a server does not mask. */
static bool frame_make(struct buf *frame, struct str text)
{
    buf_clear(frame);
    buf_addc(frame, (char)0x81);
    if (text.n < 126) {
        buf_addc(frame, (char)text.n);
    } else if (text.n < 65536) {
        buf_addc(frame, 126);
        buf_addc(frame, (char)(text.n >> 8));
        buf_addc(frame, (char)text.n);
    } else {
        buf_addc(frame, 127);
        for (int shift = 56; shift >= 0; shift -= 8) {
            buf_addc(frame, (char)((uint64_t)text.n >> shift));
        }
    }
    buf_add(frame, text);
    return !frame->failed;
}

/* This loop is what everything else is compared with. */
static void fan_out(struct peer *p, struct str text)
{
    if (!frame_make(&p->frame, text)) {
        return;
    }
    for (size_t i = 0; i < p->n_receivers; i++) {
        ssize_t sent = send(p->receivers[i], p->frame.p, p->frame.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent != (ssize_t)p->frame.n) {
            /* Ends it; on_connection() takes it out of the list. */
            (void)shutdown(p->receivers[i], SHUT_RDWR);
        }
    }
}

static bool receivers_reserve(struct peer *p)
{
    if (p->n_receivers < p->cap_receivers) {
        return true;
    }
    size_t cap = p->cap_receivers > 0 ? p->cap_receivers * 2 : 1024;
    int *grown = realloc(p->receivers, cap * sizeof(*grown));
    if (!grown) {
        return false;
    }
    p->receivers = grown;
    p->cap_receivers = cap;
    return true;
}

/* Sec-WebSocket-Accept of the request's key; false without a key. */
static bool accept_of(struct str request, char out[static 32])
{
    static const char name[] = "Sec-WebSocket-Key: ";
    const char *key = memmem(request.p, request.n, name, sizeof(name) - 1);
    if (!key || (size_t)(request.p + request.n - key) < sizeof(name) - 1 + KEY_BYTES) {
        return false;
    }
    char text[KEY_BYTES + sizeof(GUID) - 1];
    unsigned char digest[SHA_DIGEST_LENGTH];
    memcpy(text, key + sizeof(name) - 1, KEY_BYTES);
    memcpy(text + KEY_BYTES, GUID, sizeof(GUID) - 1);
    if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1) {
        return false;
    }
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
    return true;
}

/* False: close it. */
static bool connection_upgrade(struct connection *c, const char *p, size_t n)
{
    buf_add(&c->in, (struct str){p, n});
    if (c->in.failed || c->in.n > REQUEST_MAX) {
        return false;
    }
    if (!memmem(c->in.p, c->in.n, "\r\n\r\n", 4)) {
        return true;
    }
    char accept[32];
    char answer[256];
    if (!accept_of(buf_str(&c->in), accept) || !receivers_reserve(c->peer)) {
        return false;
    }
    int len = snprintf(answer, sizeof(answer),
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                       accept);
    if (send(c->watch.fd, answer, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len) {
        return false;
    }
    buf_release(&c->in);
    c->kind = CONNECTION_OPEN;
    c->peer->receivers[c->peer->n_receivers++] = c->watch.fd;
    return true;
}

/* --- control side --- */

static bool connection_command(struct connection *c, const char *p, size_t n)
{
    buf_add(&c->in, (struct str){p, n});
    if (c->in.failed || c->in.n > LINE_MAX_BYTES) {
        return false;
    }
    size_t used = 0;
    for (char *end; (end = memchr(c->in.p + used, '\n', c->in.n - used));) {
        size_t len = (size_t)(end - c->in.p) - used;
        fan_out(c->peer, (struct str){c->in.p + used, len});
        if (send(c->watch.fd, "ok\n", 3, MSG_NOSIGNAL) != 3) {
            return false;
        }
        used += len + 1;
    }
    memmove(c->in.p, c->in.p + used, c->in.n - used);
    c->in.n -= used;
    return true;
}

/* --- connections --- */

/* Slow, and rare: an array of bare descriptors is what makes fan_out() fast. */
static void receivers_remove(struct peer *p, int fd)
{
    for (size_t i = 0; i < p->n_receivers; i++) {
        if (p->receivers[i] == fd) {
            p->receivers[i] = p->receivers[--p->n_receivers];
            return;
        }
    }
}

static void connection_free(struct connection *c)
{
    if (c->kind == CONNECTION_OPEN) {
        receivers_remove(c->peer, c->watch.fd);
    }
    poller_remove(c->peer->poller, &c->watch);
    close(c->watch.fd);
    buf_release(&c->in);
    free(c);
}

static void on_connection(struct watch *w, uint32_t events UNUSED)
{
    static char bytes[READ_BYTES];
    struct connection *c = CONTAINER_OF(w, struct connection, watch);
    ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    bool goes_on = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));

    if (n > 0) {
        switch (c->kind) {
        case CONNECTION_REQUEST: goes_on = connection_upgrade(c, bytes, (size_t)n); break;
        case CONNECTION_CONTROL: goes_on = connection_command(c, bytes, (size_t)n); break;
        case CONNECTION_OPEN: break; /* thrown away */
        }
    }
    if (!goes_on) {
        connection_free(c);
    }
}

static void on_accept(struct watch *w, uint32_t events UNUSED)
{
    struct listener *l = CONTAINER_OF(w, struct listener, watch);
    int one = 1;
    for (int fd; (fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        struct connection *c = calloc(1, sizeof(*c));
        if (!c) {
            close(fd);
            return;
        }
        *c = (struct connection){.watch = {.fd = fd, .events = EPOLLIN, .fn = on_connection},
                                 .peer = l->peer,
                                 .kind = l->kind};
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
            !poller_add(l->peer->poller, &c->watch)) {
            connection_free(c);
        }
    }
}

/* --- start --- */

static bool listener_open(struct listener *l, struct peer *p, enum connection_kind kind,
                          const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *l = (struct listener){
        .watch = {.fd = fd, .events = EPOLLIN, .fn = on_accept}, .peer = p, .kind = kind};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&a, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0 || !poller_add(p->poller, &l->watch)) {
        (void)fprintf(stderr, "bench_epoll: port %s: %s\n", port, strerror(errno));
        return false;
    }
    printf("%s %u\n", kind == CONNECTION_CONTROL ? "control" : "websocket", ntohs(a.sin_port));
    return true;
}

int main(int argc, char **argv)
{
    struct peer p = {.poller = poller_create()};
    struct listener websocket, control;
    struct rlimit limit;
    if (argc != 3 || !p.poller) {
        (void)fprintf(stderr, "usage: bench_epoll WS_PORT CONTROL_PORT (0: a free one)\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* too few show when connections fail */
    }
    signal(SIGPIPE, SIG_IGN);
    if (!listener_open(&websocket, &p, CONNECTION_REQUEST, argv[1]) ||
        !listener_open(&control, &p, CONNECTION_CONTROL, argv[2]) || fflush(stdout) != 0) {
        return 1;
    }
    while (poller_wait(p.poller, UINT64_MAX)) {
    }
    return 1; /* epoll failed; SIGTERM ends it otherwise */
}
