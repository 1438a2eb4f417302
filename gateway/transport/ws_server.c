/* SPDX-License-Identifier: MIT */
/* ws_server: libwebsockets' context and vhost on our loop, and the one callback, which translates. */
#include "gateway/transport/ws_server.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config/settings.h"
#include "common/log.h"
#include "common/loop.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/transport/http_conn.h"
#include "gateway/transport/http_pages.h"
#include "gateway/transport/inflate.h"
#include "gateway/transport/lws_events.h"
#include "gateway/transport/lws_request.h"
#include "gateway/transport/page.h"
#include "gateway/transport/page_tls.h"
#include "gateway/transport/request.h"
#include "gateway/transport/sse_conn.h"
#include "gateway/transport/sse_tls.h"
#include "gateway/transport/ws_conn.h"
#include "gateway/transport/ws_deflate.h"
#include "gateway/transport/ws_server_internal.h"
#include "gateway/transport/ws_tls.h"
#include "proto/limits.h"

enum {
    USER_SPACE_BYTES = 1,
    RX_BUFFER_BYTES = 128,     /* held per connection; a ping must fit, messages come in pieces */
    TLS_RX_BUFFER_BYTES = 512, /* lws ends what does not read a whole record in a hundred pieces */
    TX_PACKET_BYTES = 65536,   /* given to the kernel at once; the rest is copied */
    PLAIN_HEADER_BYTES = 2048, /* of the request that we make; one at a time */
    TLS_HEADER_BYTES = 65535,  /* lws keeps this number in 16 bits */
};

/* Has lws send no pings of its own: its timers cost O(connections) each. */
static const lws_retry_bo_t no_keepalive = {.secs_since_valid_ping = 0,
                                            .secs_since_valid_hangup = 0};

/* --- decisions --- */

void ws_server_look_behind_proxy(struct ws_server *s, const struct request *r, struct ws_peer *peer)
{
    if (!networks_hold(&s->trusted, &peer->address)) {
        return;
    }
    struct address behind;
    if (!address_forwarded(&s->trusted, r, &behind)) {
        return;
    }
    peer->address = behind;
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

void ws_server_decide(struct ws_server *s, const struct request *r, const struct ws_peer *peer,
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

static bool become_stream(struct ws_conn *c, struct lws *wsi, const struct request *r,
                          struct admission *a)
{
    struct ws_server *s = lws_context_user(lws_get_context(wsi));
    struct sse_conn *stream = sse_conn_create(s, ws_conn_peer(c), r, a);
    if (stream) {
        ws_conn_become_stream(c, stream);
        sse_tls_begin(wsi);
        sse_conn_start_tls(stream, wsi);
    }
    return stream != NULL;
}

static bool become_page(struct ws_conn *c, struct lws *wsi, const struct request *r)
{
    struct ws_server *s = lws_context_user(lws_get_context(wsi));
    bool is_local = address_is_local(&s->trusted, r, &ws_conn_peer(c)->address);
    struct page *page = page_tls_create(s->gw, r, is_local, wsi);
    if (page) {
        ws_conn_become_page(c, page);
    }
    return page != NULL;
}

/* A request that came inside TLS: admits c and returns true, or writes an answer. In an upgrade no
 * stream can begin (lws asks about upgrades to other protocols, too). */
static bool decide_tls_request(struct ws_server *s, struct ws_conn *c, struct lws *wsi,
                               bool is_upgrade)
{
    struct buf head = {0};
    struct buf answer = {0};
    struct request r = {0};
    struct admission a;
    lws_request_write(wsi, &head);
    const char *why = head.failed ? "out of memory" : lws_request_check(wsi);
    if (!why) {
        why = request_parse(buf_str(&head), &r);
    }
    if (why) {
        admission_refuse(&a, REFUSAL_BAD_REQUEST, head.failed ? 503 : 400, why);
        ws_server_count_refusal(s, REFUSAL_BAD_REQUEST);
    } else {
        ws_server_look_behind_proxy(s, &r, ws_conn_peer(c));
        ws_server_decide(s, &r, ws_conn_peer(c), &a);
    }
    bool is_admitted = admission_is_upgrade(&a);
    if (is_admitted && !ws_conn_admit(c, &a)) {
        is_admitted = false;
        admission_release(&a);
        admission_refuse(&a, REFUSAL_BAD_REQUEST, 503, "out of memory");
    }
    if (a.kind == ADMIT_SSE && !is_upgrade) {
        is_admitted = become_stream(c, wsi, &r, &a);
    } else if (a.kind == ADMIT_PAGE && !is_upgrade && page_is_for(&r)) {
        is_admitted = become_page(c, wsi, &r);
    }
    if (!is_admitted) {
        http_pages_answer(&a, why ? NULL : &r, s->gw->metrics->connections_active, &answer);
    }
    if (answer.n > 0 && !answer.failed) {
        (void)lws_write(wsi, (unsigned char *)answer.p, answer.n, LWS_WRITE_HTTP_FINAL);
    }
    admission_release(&a);
    buf_release(&answer);
    buf_release(&head);
    return is_admitted;
}

static bool is_answering(const struct ws_conn *c)
{
    return ws_conn_stream(c) || ws_conn_page(c);
}

/* No upgrade. False: it is answered, or the second of a client that still gets the first answer. */
static bool on_tls_request(struct ws_server *s, struct ws_conn *c, struct lws *wsi)
{
    return !is_answering(c) && decide_tls_request(s, c, wsi, false) && is_answering(c);
}

/* False: the answer has been written. */
static bool on_tls_writable(struct ws_conn *c, struct lws *wsi)
{
    if (ws_conn_page(c)) {
        return page_tls_writable(ws_conn_page(c), wsi);
    }
    return !ws_conn_stream(c) || sse_tls_writable(ws_conn_stream(c), wsi);
}

/* Nonzero ends the connection, after what was written has gone. */
static int on_lws(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t n)
{
    struct ws_server *s = lws_context_user(lws_get_context(wsi));
    if (why == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        s->tls = user; /* the vhost's SSL_CTX, while the vhost is made */
        return 0;
    }
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
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return ws_conn_is_admitted(c) || decide_tls_request(s, c, wsi, true) ? 0 : 1;
    case LWS_CALLBACK_HTTP: return on_tls_request(s, c, wsi) ? 0 : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE: return on_tls_writable(c, wsi) ? 0 : -1;
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY: return ws_deflate_confirm(ws_conn_deflate(c)) ? 0 : 1;
    case LWS_CALLBACK_ADD_HEADERS: return ws_deflate_add_headers(ws_conn_deflate(c), in) ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED: ws_conn_opened(c); return 0;
    case LWS_CALLBACK_RECEIVE: ws_conn_received(c, in, n); return 0;
    case LWS_CALLBACK_RECEIVE_PONG: ws_conn_ponged(c, n); return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE: ws_conn_writable(c); return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return ws_conn_ends(c) ? 0 : -1;
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: (void)ws_conn_ends(c); return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        ws_conn_free(c);
        return 0;
    default: return 0; /* not ours */
    }
}

/* Also for clients that offer no subprotocol: its name is echoed only to those who do. The user
 * space is unused, but without any lws does not say that it ends a connection by itself
 * (WS_SERVER_DROP_PROTOCOL). */
#define PROTOCOLS(rx_bytes)                                                                        \
    {                                                                                              \
        {ADMISSION_SUBPROTOCOL, on_lws, USER_SPACE_BYTES, rx_bytes, 0, NULL, TX_PACKET_BYTES},     \
            LWS_PROTOCOL_LIST_TERM                                                                 \
    }
static const struct lws_protocols protocols[] = PROTOCOLS(RX_BUFFER_BYTES);
static const struct lws_protocols tls_protocols[] = PROTOCOLS(TLS_RX_BUFFER_BYTES);

void ws_server_adopt(struct ws_server *s, int fd, struct ws_conn *c, struct str bytes)
{
    s->adopting = c;
    (void)lws_adopt_socket_vhost_readbuf(s->vhost, fd, bytes.p, bytes.n);
    /* lws has closed the descriptor if it failed before it told us of the connection. */
    struct ws_conn *left = TAKE(s->adopting);
    if (left) {
        ws_conn_free(left);
    }
}

/* It calls adopting a socket with bytes an error: nobody wants to read that but a debugger. */
static void on_lws_log(int level UNUSED, const char *line)
{
    struct str s = str_of(line);
    while (s.n > 0 && s.p[s.n - 1] == '\n') {
        s.n--;
    }
    log_debug("libwebsockets", LF_S("line", s));
}

static void on_written(struct lws *wsi)
{
    struct ws_conn *c = lws_get_opaque_user_data(wsi);
    if (c) {
        ws_conn_note_written(c);
    }
}

static bool create_context(struct ws_server *s, bool use_tls)
{
    const struct lws_events_options events = {.loop = s->gw->loop, .on_written = on_written};
    s->events = lws_events_create(&events);
    if (!s->events) {
        return false;
    }
    void *loops[] = {s->events};
    uint64_t options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    if (use_tls) {
        options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    }
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = use_tls ? tls_protocols : protocols,
        .extensions = ws_deflate_extensions,
        .options = options,
        .event_lib_custom = &lws_events_plugin,
        .foreign_loops = loops,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .user = s,
        .vhost_name = "events",
        .alpn = "http/1.1",
        .retry_and_idle_policy = &no_keepalive,
        .max_http_header_data2 = use_tls ? TLS_HEADER_BYTES : PLAIN_HEADER_BYTES,
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
    list_init(&s->http_conns);
    list_init(&s->sse_conns);
    origin_log_init(&s->origins, s->gw->wheel);
    if (!ws_flood_init(&s->flood, s->gw->loop)) {
        return -ENOMEM;
    }
    s->scratch = malloc(WS_SERVER_SCRATCH_BYTES);
    bool compresses = s->gw->settings->broadcaster.compression;
    s->inflater = compresses ? inflater_create(LIMIT_ROOM_MESSAGE_BYTES) : NULL;
    if (!s->scratch || (compresses && !s->inflater)) {
        return -ENOMEM;
    }
    const struct settings *settings = s->gw->settings;
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    if (!create_context(s, !settings->broadcaster.proxied)) {
        *out_why = "libwebsockets does not start";
        return -EIO;
    }
    if (s->tls && !ws_tls_secure(s->tls)) {
        *out_why = "TLS cannot be set up";
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
    http_conn_end_all(s);
    sse_conn_end_all(s);
    if (s->lws) {
        lws_context_destroy(s->lws);
    }
    lws_events_free(s->events);
    ws_flood_release(&s->flood);
    origin_log_release(&s->origins);
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
    return s->tls && ws_tls_use(s->tls, ctx);
}

/* Only a peer that is no trusted proxy can be counted before its request is read. */
static bool count_peer(struct ws_server *s, struct ws_peer *peer)
{
    int64_t limit = s->gw->settings->broadcaster.max_connections_per_address;
    if (limit == 0 || networks_hold(&s->trusted, &peer->address)) {
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
    if (!s->tls) {
        http_conn_start(s, fd, &peer);
        return;
    }
    struct ws_conn *c = ws_conn_create(s, &peer);
    if (!c) {
        address_limit_leave(&s->addresses, peer.count);
        (void)close(fd);
        return;
    }
    ws_server_adopt(s, fd, c, STR_NONE);
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
    return s->connections;
}

uint16_t ws_server_port(const struct ws_server *s)
{
    return s->n_listeners > 0 ? listener_port(s->listeners[0]) : 0;
}
