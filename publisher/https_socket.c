/* SPDX-License-Identifier: MIT */
/* https_socket: the seam between libevent and OpenSSL. */
#include "publisher/https_socket.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/net/tls_ctx.h"

enum { LOG_INTERVAL_MS = 1000 };

static struct bufferevent *create_tls(struct event_base *base, int fd, struct ssl_ctx_st *ctx)
{
    SSL *ssl = SSL_new(ctx);
    if (!ssl) {
        return NULL;
    }
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                       BEV_OPT_CLOSE_ON_FREE); /* frees ssl if it fails */
    if (bev) {
        /* Go closes without a word; the length of a request tells whether it was whole. */
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    }
    return bev;
}

struct bufferevent *https_socket_create(struct event_base *base, int fd, struct ssl_ctx_st *ctx)
{
    struct bufferevent *bev =
        ctx ? create_tls(base, fd, ctx) : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        (void)evutil_closesocket(fd); /* nothing more can be done about it */
    }
    return bev;
}

struct ssl_st *https_socket_ssl(struct bufferevent *bev)
{
    return bufferevent_openssl_get_ssl(bev);
}

bool https_socket_is_verified(const struct ssl_st *ssl)
{
    return SSL_get0_peer_certificate(ssl) && !tls_verify_problem(ssl);
}

void https_socket_say_end(struct bufferevent *bev)
{
    struct ssl_st *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl) {
        (void)SSL_shutdown(ssl); /* libevent leaves this out; the peer's own word is not awaited */
        ERR_clear_error();
    }
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR); /* fails when the peer has gone */
}

static void write_address(int fd, char out[static NI_MAXHOST])
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    if (getpeername(fd, (struct sockaddr *)&address, &n) != 0 ||
        getnameinfo((struct sockaddr *)&address, n, out, NI_MAXHOST, NULL, 0, NI_NUMERICHOST)) {
        (void)snprintf(out, NI_MAXHOST, "unknown");
    }
}

void https_socket_log_failure(struct bufferevent *bev, struct log_limit *limit, uint64_t now_ms)
{
    unsigned long code = bufferevent_get_openssl_error(bev);
    const char *problem = tls_verify_problem(bufferevent_openssl_get_ssl(bev));
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    char address[NI_MAXHOST];
    write_address(bufferevent_getfd(bev), address);
    /* Port scanners and load balancers do this all day; a refused certificate is worth a line. */
    uint64_t silenced;
    if (!problem) {
        log_debug("tls handshake failed", LF_STR("address", address),
                  LF_STR("reason", reason ? reason : "connection closed"));
    } else if (log_limit_pass(limit, now_ms, LOG_INTERVAL_MS, &silenced)) {
        log_warn("client certificate refused", LF_STR("address", address),
                 LF_STR("problem", problem), LF_U64("silenced", silenced));
    }
}
