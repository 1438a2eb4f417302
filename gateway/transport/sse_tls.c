/* SPDX-License-Identifier: MIT */
#include "gateway/transport/sse_tls.h"

#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gateway/transport/sse_conn.h"

/* lws notices at its next turn; nothing else ends a connection from outside its callbacks. */
static void cut(void *arg)
{
    struct lws *wsi = arg;
    (void)lws_rx_flow_control(wsi, 1);
    (void)shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
}

/* lws_write() does not change what it is given when told to send it raw. */
static bool write_all(void *arg, const void *p, size_t n)
{
    struct lws *wsi = arg;
    if (lws_write(wsi, (unsigned char *)p, n, LWS_WRITE_RAW) < 0) {
        cut(wsi);
        return false;
    }
    return true;
}

static bool is_blocked(const void *arg)
{
    return lws_partial_buffered((struct lws *)arg) != 0;
}

/* Only a callback of lws can end a connection behind what is pending: sse_tls_writable(). */
static void finish(void *arg)
{
    (void)lws_callback_on_writable(arg);
}

static void set_patience(void *arg, unsigned ms)
{
    (void)setsockopt(lws_get_socket_fd(arg), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

const struct sse_link sse_tls_link = {
    .write = write_all,
    .is_blocked = is_blocked,
    .finish = finish,
    .cut = cut,
    .set_patience = set_patience,
};

void sse_tls_begin(struct lws *wsi)
{
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    (void)lws_http_headers_detach(wsi);
}

bool sse_tls_writable(struct sse_conn *c, struct lws *wsi)
{
    if (lws_partial_buffered(wsi)) {
        return true;
    }
    sse_conn_writable(c);
    return !sse_conn_is_ending(c);
}
