/* SPDX-License-Identifier: MIT */
/* app: owns the gateway's parts, makes them in order, gives them new settings and ends them. */
#include "gateway/app.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis/redis_access.h"
#include "common/service/cli.h"
#include "common/service/redis_part.h"
#include "common/service/tls_part.h"
#include "common/wheel.h"
#include "gateway/access/auth.h"
#include "gateway/access/auth_file.h"
#include "gateway/bus/bus.h"
#include "gateway/bus/feed.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/deflate.h"
#include "gateway/hub/hub.h"
#include "gateway/hub/users.h"
#include "gateway/session/control.h"
#include "gateway/session/drain.h"
#include "gateway/session/flusher.h"
#include "gateway/session/room.h"
#include "gateway/session/session_hub.h"
#include "gateway/transport/address.h"
#include "gateway/transport/ws_server.h"

#define NOT_READY_AFTER_MS 10000 /* a short absence of Redis does not empty a load balancer */
#define POSITIONS_EVERY_MS 25000
#define OLD_EVENTS_PORT 22291 /* where omegaUp's nginx looks when nothing else is configured */

/* Owns everything; the parts see each other through gw. */
struct app {
    struct service *service; /* borrowed */
    struct gw_metrics metrics;
    struct auth_metrics auth_metrics;
    struct gw gw;
    struct control *control;
    struct drain *drain;
    struct ws_server *server;
    struct timer positions;
    bool is_started;
};

/* ---- admin port ---- */

static const char *unready(const void *app)
{
    const struct app *a = app;
    bool is_up = bus_was_up(a->gw.bus) && bus_down_ms(a->gw.bus) < NOT_READY_AFTER_MS;
    return is_up ? NULL : "no_redis";
}

#define AUTH_ROW(field, result, help)                                                              \
    {                                                                                              \
        METRIC_COUNTER, "broadcaster_auth_calls_total", "result=\"" result "\"", help,             \
            offsetof(struct auth_metrics, field)                                                   \
    }
static const struct metric_desc auth_rows[] = {
    AUTH_ROW(calls_ok, "ok", "Questions about credentials, by what became of them"),
    AUTH_ROW(calls_refused, "refused", ""),
    AUTH_ROW(calls_unavailable, "unavailable", ""),
    AUTH_ROW(cache_hits, "cached", ""),
    AUTH_ROW(joined, "joined", ""),
    AUTH_ROW(refused_busy, "busy", ""),
};

static void render_metrics(void *app, struct buf *out)
{
    const struct app *a = app;
    gw_metrics_render(&a->metrics, out);
    metrics_render(out, auth_rows, ARRAY_LEN(auth_rows), &a->auth_metrics);
}

static void answer_topics(struct admin_answer *answer, void *arg)
{
    const struct app *a = service_app(arg);
    answer->content_type = "application/json";
    buf_addc(&answer->body, '[');
    feeds_debug(a->gw.feeds, &answer->body);
    buf_addc(&answer->body, ']');
}

static const struct admin_route admin_routes[] = {
    {.path = "/debug/topics", .fn = answer_topics, .loopback_only = true},
};

/* ---- the parts that take new settings ---- */

static void commit_settings(void *app, const struct settings *next, void *prepared UNUSED)
{
    ((struct app *)app)->gw.settings = next;
}

static bool prepare_proxies(const struct service_plan *plan, void **out_prepared,
                            struct buf *out_problems)
{
    const char *bad = NULL;
    struct networks *trusted = calloc(1, sizeof(*trusted));
    if (trusted && networks_parse(&plan->settings->broadcaster.trusted_proxies, trusted, &bad)) {
        *out_prepared = trusted;
        return true;
    }
    free(trusted);
    buf_addf(out_problems, "Broadcaster.TrustedProxies: %s%s\n", bad ? bad : "out of memory",
             bad ? " is no address or network" : "");
    return false;
}

static void commit_proxies(void *app, const struct settings *next UNUSED, void *prepared)
{
    ws_server_set_trusted(((struct app *)app)->server, prepared);
    free(prepared);
}

static void discard_proxies(void *prepared)
{
    networks_release(prepared);
    free(prepared);
}

static bool prepare_tls(const struct service_plan *plan, void **out_prepared,
                        struct buf *out_problems)
{
    const struct settings *s = plan->settings;
    if (s->broadcaster.proxied) {
        return true;
    }
    const struct tls_server_options o = {.cert_file = s->broadcaster.tls.cert_file,
                                         .key_file = s->broadcaster.tls.key_file,
                                         .client_auth = TLS_CLIENT_NONE,
                                         .alpn = "http/1.1"};
    *out_prepared = tls_part_create(&o, out_problems);
    return *out_prepared != NULL;
}

static void commit_tls(void *app, const struct settings *next UNUSED, void *prepared)
{
    struct app *a = app;
    const struct tls_part *p = prepared;
    if (p && ws_server_set_tls(a->server, p->ctx)) {
        a->metrics.certificates = p->expiry;
    }
    tls_part_free(prepared);
}

static bool has_source(const struct service_plan *plan, struct buf *out_problems)
{
    const struct settings *s = plan->settings;
    if (s->broadcaster.frontend_url[0]) {
        return true;
    }
    buf_addf(out_problems,
             "Broadcaster.FrontendURL: nobody says who may see what: add "
             "\"Broadcaster\": {\"FrontendURL\": \"https://judge.example.org\"} with your judge's "
             "address to %s\n"
             "Auth.File: or, for users from a file, add "
             "\"Auth\": {\"File\": \"/etc/omegaup/broadcaster/users.json\"}\n",
             plan->cli->source.path);
    return false;
}

/* The users file is read anew each time; the frontend stays the one of the start. */
static bool prepare_access(const struct service_plan *plan, void **out_prepared,
                           struct buf *out_problems)
{
    const struct settings *s = plan->settings;
    const char *reason;
    if (s->auth.file[0] == '\0') {
        return has_source(plan, out_problems);
    }
    *out_prepared = auth_file_create(s->auth.file, &reason);
    if (!*out_prepared) {
        buf_addf(out_problems, "Auth.File: %s\n", reason);
    }
    return *out_prepared != NULL;
}

static void commit_access(void *app, const struct settings *next, void *prepared)
{
    struct app *a = app;
    auth_use(a->gw.auth, next, prepared);
    if (prepared && a->is_started) {
        control_recheck_everybody(a->control, "the users file was read again");
    }
}

static void discard_access(void *prepared)
{
    auth_source_free(prepared);
}

static void commit_history(void *app, const struct settings *next, void *prepared UNUSED)
{
    feeds_configure(((struct app *)app)->gw.feeds, next);
}

static void commit_delivery(void *app, const struct settings *next, void *prepared UNUSED)
{
    flusher_set_delay(((struct app *)app)->gw.flusher, (uint32_t)next->broadcaster.write_delay_ms);
}

static void commit_redis(void *app, const struct settings *next UNUSED, void *prepared)
{
    bus_use_access(((struct app *)app)->gw.bus, prepared);
}

static const struct service_part parts[] = {
    {"settings", NULL, commit_settings, NULL},
    {"proxies", prepare_proxies, commit_proxies, discard_proxies},
    {"tls", prepare_tls, commit_tls, tls_part_free},
    {"access", prepare_access, commit_access, discard_access},
    {"redis", redis_part_prepare, commit_redis, redis_part_discard},
    {"history", NULL, commit_history, NULL},
    {"delivery", NULL, commit_delivery, NULL},
};

/* ---- the end ---- */

static void on_drained(void *arg)
{
    service_drained(((struct app *)arg)->service);
}

static void drain(void *app)
{
    struct app *a = app;
    ws_server_stop_listening(a->server);
    drain_start(a->drain);
}

static void on_positions_due(void *arg)
{
    hub_send_positions(((struct app *)arg)->gw.hub);
}

/* ---- start ---- */

static void note_event(void *arg, int64_t accepted_ms)
{
    flusher_note_event(((struct app *)arg)->gw.flusher, accepted_ms);
}

static bool create_core(struct app *a)
{
    struct gw *gw = &a->gw;
    const struct settings *s = service_settings(a->service);
    gw->loop = service_loop(a->service);
    gw->settings = s;
    gw->metrics = &a->metrics;
    gw->instance = random_u64();
    list_init(&gw->sessions);
    gw->wheel = wheel_create(gw->loop);
    gw->users = users_create();
    gw->flusher = flusher_create(gw->loop, session_flush_node, &a->metrics.publish_to_write);
    if (!gw->wheel || !gw->users || !gw->flusher) {
        return false;
    }
    if (s->broadcaster.compression) {
        gw->deflater = deflater_create(&a->metrics);
        if (!gw->deflater) {
            return false;
        }
    }
    loop_measure_lag(gw->loop, &a->metrics.loop_lag);
    return true;
}

static bool create_bus(struct app *a, const char **why)
{
    struct gw *gw = &a->gw;
    struct bus_options bus = {.settings = gw->settings, .metrics = &a->metrics};
    if (bus_create(gw->loop, &bus, &gw->bus, why) < 0) {
        return false;
    }
    struct feeds_options feeds = {.settings = gw->settings,
                                  .handler = &hub_feed_handler,
                                  .bus = gw->bus,
                                  .metrics = &a->metrics};
    gw->feeds = feeds_create(gw->loop, &feeds);
    struct hub_options hub = {.feeds = gw->feeds,
                              .handler = &session_hub_handler,
                              .metrics = &a->metrics,
                              .note_event = note_event,
                              .note_arg = a};
    gw->hub = gw->feeds ? hub_create(&hub) : NULL;
    *why = "out of memory";
    a->control = gw->hub ? control_create(gw) : NULL;
    a->drain = a->control ? drain_create(gw, on_drained, a) : NULL;
    gw->room = gw->settings->room.enabled ? room_create(gw) : NULL;
    return a->drain && (gw->room || !gw->settings->room.enabled);
}

static bool create_auth(struct app *a, const char **why)
{
    a->auth_metrics.seconds = &a->metrics.auth_seconds;
    return auth_create(a->gw.loop, a->gw.settings, &a->auth_metrics, &a->gw.auth, why) == 0;
}

static bool is_draining(void *arg)
{
    return ((struct app *)arg)->gw.is_draining;
}

static bool create_all(struct app *a, const char **out_reason)
{
    struct ws_server_options server = {.gw = &a->gw, .is_leaving = is_draining, .arg = a};
    return create_core(a) && create_bus(a, out_reason) && create_auth(a, out_reason) &&
           ws_server_create(&server, &a->server, out_reason) >= 0 &&
           timer_init(&a->positions, a->gw.loop, on_positions_due, a);
}

static bool app_create(void *app, struct service *service, struct buf *out_reason)
{
    const char *reason = "out of memory";
    struct app *a = app;
    a->service = service;
    bool ok = create_all(a, &reason);
    buf_add(out_reason, ok ? STR_NONE : str_of(reason));
    return ok;
}

static int listen_on(struct app *a, int64_t port)
{
    return ws_server_listen(a->server, a->gw.settings->broadcaster.bind, (uint16_t)port);
}

static bool app_start(void *app, struct buf *out_reason)
{
    struct app *a = app;
    const struct settings *s = a->gw.settings;
    int rc = listen_on(a, s->broadcaster.events_port);
    if (rc < 0) {
        buf_addf(out_reason, "cannot listen on %s port %lld: %s",
                 *s->broadcaster.bind ? s->broadcaster.bind : "any address,",
                 (long long)s->broadcaster.events_port, strerror(-rc));
        return false;
    }
    rc = s->broadcaster.events_port_set ? 0 : listen_on(a, OLD_EVENTS_PORT);
    if (rc < 0) {
        log_warn("second events port not bound", LF_I64("port", OLD_EVENTS_PORT),
                 LF_STR("reason", strerror(-rc)));
    }
    log_info("listening", LF_STR("role", "gateway"), LF_U64("port", ws_server_port(a->server)),
             LF_BOOL("tls", !s->broadcaster.proxied), LF_STR("version", BROADCASTER_VERSION));
    timer_start_every_ms(&a->positions, POSITIONS_EVERY_MS);
    bus_start(a->gw.bus);
    a->is_started = true;
    return true;
}

/* The reverse of creation. The server goes first: it ends every session. */
static void app_end(void *app)
{
    struct app *a = app;
    timer_release(&a->positions);
    ws_server_free(a->server);
    auth_free(a->gw.auth);
    drain_free(a->drain);
    control_free(a->control);
    bus_free(a->gw.bus);
    room_free(a->gw.room);
    feeds_free(a->gw.feeds);
    hub_free(a->gw.hub);
    flusher_free(a->gw.flusher);
    deflater_free(a->gw.deflater);
    users_free(a->gw.users);
    wheel_free(a->gw.wheel);
    loop_measure_lag(a->gw.loop, NULL);
}

static bool has_tls(const struct cli *cli UNUSED, const struct settings *s)
{
    return !s->broadcaster.proxied;
}

const struct service_program gateway_program = {
    .name = "broadcaster-gateway",
    .role = "gateway",
    .parts = parts,
    .n_parts = ARRAY_LEN(parts),
    .routes = admin_routes,
    .n_routes = ARRAY_LEN(admin_routes),
    .admin_port = offsetof(struct settings, metrics.port),
    .has_tls = has_tls,
    .app_size = sizeof(struct app),
    .create = app_create,
    .start = app_start,
    .drain = drain,
    .end = app_end,
    .unready = unready,
    .render_metrics = render_metrics,
};
