/* SPDX-License-Identifier: MIT */
/* ws_server: libwebsockets' context and vhost on our loop, and the one callback, which translates. */
#include "gateway/transport/ws_server.h"

#include <errno.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config/settings.h"
#include "common/http/http_reader.h"
#include "common/http/http_server.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/net/tls_ctx.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/transport/events_port.h"
#include "gateway/transport/farewell.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/inflate.h"
#include "gateway/transport/lws_events.h"
#include "gateway/transport/page_sender.h"
#include "gateway/transport/sse_conn.h"
#include "gateway/transport/ws_conn.h"
#include "gateway/transport/ws_deflate.h"
#include "gateway/transport/ws_server_internal.h"
#include "proto/limits.h"

enum {
    USER_SPACE_BYTES = 1,
    RX_BUFFER_BYTES = 128,   /* held per connection; a ping must fit, messages come in pieces */
    TX_PACKET_BYTES = 65536, /* given to the kernel at once; the rest is copied */
    HEADER_BYTES = 2048,     /* of the request that we make; one at a time */
};

/* Has lws send no pings of its own: its timers cost O(connections) each. */
static const lws_retry_bo_t no_keepalive = {.secs_since_valid_ping = 0,
                                            .secs_since_valid_hangup = 0};

/* --- decisions --- */

void ws_server_look_behind_proxy(struct ws_server *s, const struct http_head *r,
                                 struct ws_peer *peer)
{
    if (!networks_hold(&s->trusted, &peer->address)) {
        return;
    }
    struct address behind;
    if (!address_forwarded(&s->trusted, r, &behind)) {
        return;
    }
    peer->address = behind;
    peer->line = address_line(&behind);
    if (s->gw->settings->broadcaster.max_connections_per_address > 0) {
        peer->count = address_limit_enter(&s->addresses, &behind);
    }
}

void ws_server_count_refusal(struct ws_server *s, enum refusal refusal)
{
    struct gw_metrics *m = s->gw->metrics;
    switch (refusal) {
    case REFUSAL_BAD_REQUEST: m->refused_bad_request++; return;
    case REFUSAL_ORIGIN: m->refused_origin++; return;
    case REFUSAL_VERSION: m->refused_version++; return;
    case REFUSAL_ADDRESS: m->refused_address++; return;
    case REFUSAL_LEAVING: m->refused_leaving++; return;
    case REFUSAL_TOO_LARGE: m->refused_too_large++; return;
    case REFUSAL_TIMEOUT: m->refused_timeout++; return;
    case REFUSALS: return;
    }
}

void ws_server_decide(struct ws_server *s, const struct http_head *r, const struct ws_peer *peer,
                      struct admission *out)
{
    const struct settings *settings = s->gw->settings;
    const struct admission_facts facts = {
        .allowed_origins = &settings->broadcaster.allowed_origins,
        .is_leaving = s->is_leaving(s->arg),
        .compresses = s->inflater != NULL,
        .has_room = s->gw->room != NULL,
        .ends_tls = s->tls != NULL,
        .is_over_address_limit =
            address_limit_is_over(peer->count, settings->broadcaster.max_connections_per_address),
    };
    admission_decide(r, &facts, out);
    if (out->kind == ADMIT_REFUSE) {
        ws_server_count_refusal(s, out->refusal);
    }
    if (out->is_foreign) {
        char text[ADDRESS_TEXT_MAX];
        struct str address = {text, address_write(&peer->address, text)};
        origin_log_refused(&s->origins, r->origin, r->host, address);
    }
}

/* --- libwebsockets --- */

/* Nonzero ends the connection. */
static int on_lws(struct lws *wsi, enum lws_callback_reasons why, void *user UNUSED, void *in,
                  size_t n)
{
    struct ws_server *s = lws_context_user(lws_get_context(wsi));
    if (why == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED && s->adopting) {
        lws_set_opaque_user_data(wsi, s->adopting);
        lws_set_wsi_user(wsi, s->adopting); /* else it allocates a user space */
        ws_conn_bind(TAKE(s->adopting), wsi);
        return 0;
    }
    struct ws_conn *c = s ? lws_get_opaque_user_data(wsi) : NULL;
    if (!c) {
        return 0; /* of the context, the vhost, or a socket of lws's own */
    }
    switch (why) {
    case LWS_CALLBACK_ESTABLISHED: ws_conn_opened(c); return 0;
    case LWS_CALLBACK_RECEIVE: ws_conn_received(c, in, n); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return ws_conn_ends(c, in, n) ? 0 : -1;
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: (void)ws_conn_ends(c, NULL, 0); return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        ws_conn_gone(c);
        return 0;
    default: return 0; /* not ours */
    }
}

/* The user space is unused, but without any lws does not say that it ends a connection by itself
 * (WS_SERVER_DROP_PROTOCOL). */
static const struct lws_protocols protocols[] = {
    {ADMISSION_SUBPROTOCOL, on_lws, USER_SPACE_BYTES, RX_BUFFER_BYTES, 0, NULL, TX_PACKET_BYTES},
    LWS_PROTOCOL_LIST_TERM};

void ws_server_adopt(struct ws_server *s, int fd, struct ws_conn *c, struct str request)
{
    s->adopting = c;
    (void)lws_adopt_socket_vhost_readbuf(s->vhost, fd, request.p, request.n);
    s->adopting = NULL;
}

static void on_lws_log(int level UNUSED, const char *line)
{
    struct str s = str_of(line);
    while (s.n > 0 && s.p[s.n - 1] == '\n') {
        s.n--;
    }
    log_debug("libwebsockets", LF_S("line", s));
}

static bool create_context(struct ws_server *s)
{
    s->events = lws_events_create(s->gw->loop);
    if (!s->events) {
        return false;
    }
    void *loops[] = {s->events};
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .extensions = ws_deflate_extensions,
        .options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .event_lib_custom = &lws_events_plugin,
        .foreign_loops = loops,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .user = s,
        .vhost_name = "events",
        .retry_and_idle_policy = &no_keepalive,
        .max_http_header_data2 = HEADER_BYTES,
    };
    s->lws = lws_create_context(&info);
    s->vhost = s->lws ? lws_get_vhost_by_name(s->lws, "events") : NULL;
    return s->vhost != NULL;
}

/* --- life --- */

int ws_server_create(const struct ws_server_options *o, struct ws_server **out_server,
                     const char **out_why)
{
    AUTO(ws_server) *s = calloc(1, sizeof(*s));
    *out_why = "out of memory";
    if (!s) {
        return -ENOMEM;
    }
    s->gw = o->gw;
    s->is_leaving = o->is_leaving;
    s->arg = o->arg;
    list_init(&s->page_senders);
    list_init(&s->sse_conns);
    origin_log_init(&s->origins, s->gw->wheel);
    list_init(&s->farewells);
    s->scratch = malloc(WS_SERVER_SCRATCH_BYTES);
    s->http = events_port_create(s);
    bool compresses = s->gw->settings->broadcaster.compression;
    s->inflater = compresses ? inflater_create(LIMIT_ROOM_MESSAGE_BYTES) : NULL;
    if (!s->scratch || !s->http || (compresses && !s->inflater)) {
        return -ENOMEM;
    }
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    if (!create_context(s)) {
        *out_why = "libwebsockets does not start";
        return -EIO;
    }
    *out_server = TAKE(s);
    return 0;
}

struct ws_server *ws_server_free(struct ws_server *s)
{
    if (!s) {
        return NULL;
    }
    for (size_t i = 0; i < s->n_listeners; i++) {
        s->listeners[i] = listener_free(s->listeners[i]);
    }
    http_server_free(s->http);
    page_sender_end_all(s);
    sse_conn_end_all(s);
    if (s->lws) {
        lws_context_destroy(s->lws);
    }
    lws_events_free(s->events);
    origin_log_release(&s->origins);
    farewell_end_all(&s->farewells); /* of what the context has just ended, too */
    tls_ctx_free(s->tls);
    networks_release(&s->trusted);
    address_limit_release(&s->addresses);
    inflater_free(s->inflater);
    free(s->scratch);
    free(s);
    return NULL;
}

void ws_server_set_trusted(struct ws_server *s, struct networks *trusted)
{
    networks_release(&s->trusted);
    s->trusted = *trusted;
    *trusted = (struct networks){0};
}

bool ws_server_set_tls(struct ws_server *s, struct ssl_ctx_st *ctx)
{
    if (s->gw->settings->broadcaster.proxied || SSL_CTX_up_ref(ctx) != 1) {
        return false;
    }
    tls_ctx_free(s->tls);
    s->tls = ctx;
    return true;
}

/* Only a peer that is no trusted proxy can be counted before its request is read. */
static bool count_peer(struct ws_server *s, struct ws_peer *peer)
{
    int64_t limit = s->gw->settings->broadcaster.max_connections_per_address;
    bool is_proxy = networks_hold(&s->trusted, &peer->address);
    peer->line = is_proxy ? 0 : address_line(&peer->address);
    if (limit == 0 || is_proxy) {
        return true;
    }
    peer->count = address_limit_enter(&s->addresses, &peer->address);
    if (!address_limit_is_flood(peer->count, limit)) {
        return true;
    }
    address_limit_leave(&s->addresses, peer->count);
    ws_server_count_refusal(s, REFUSAL_ADDRESS);
    return false;
}

static void on_accept(int fd, const struct sockaddr *sa, void *arg)
{
    struct ws_server *s = arg;
    struct ws_peer peer = {.count = NULL};
    if (!address_of_sockaddr(sa, &peer.address) || !count_peer(s, &peer)) {
        (void)close(fd);
        return;
    }
    events_port_take(s, fd, &peer);
}

int ws_server_listen(struct ws_server *s, const char *bind, uint16_t port)
{
    if (s->n_listeners == WS_SERVER_LISTENERS) {
        return -EMFILE;
    }
    const struct listener_options o = {.loop = s->gw->loop,
                                       .bind = bind,
                                       .port = port,
                                       .fn = on_accept,
                                       .arg = s,
                                       .accepted = &s->gw->metrics->accepted,
                                       .refused = &s->gw->metrics->refused_descriptors};
    int rc = listener_create(&o, &s->listeners[s->n_listeners]);
    if (rc == 0) {
        s->n_listeners++;
    }
    return rc;
}

void ws_server_stop_listening(struct ws_server *s)
{
    for (size_t i = 0; i < s->n_listeners; i++) {
        listener_stop(s->listeners[i]);
    }
}

uint64_t ws_server_connections(const struct ws_server *s)
{
    return s->connections + http_server_connections(s->http);
}

uint16_t ws_server_port(const struct ws_server *s)
{
    return s->n_listeners > 0 ? listener_port(s->listeners[0]) : 0;
}
