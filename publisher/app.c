/* SPDX-License-Identifier: MIT */
/* app: owns the publisher's parts, makes them in order, gives them new settings and ends them. */
#include "publisher/app.h"

#include <stdlib.h>
#include <string.h>

#include "common/http/http_server.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis/redis_access.h"
#include "common/redis/server_list.h"
#include "common/service/cli.h"
#include "common/service/redis_part.h"
#include "common/service/tls_part.h"
#include "publisher/broadcast.h"
#include "publisher/bus_writers.h"
#include "publisher/control.h"
#include "publisher/peer_auth.h"
#include "publisher/pub_config.h"
#include "publisher/pub_metrics.h"
#include "publisher/publish_port.h"
#include "publisher/routes.h"
#include "publisher/scoreboard_refresh.h"

enum { DRAIN_MAX_MS = 10000, DRAIN_LOOK_MS = 20 };

struct app {
    struct service *service;  /* borrowed */
    struct pub_config config; /* borrows from the settings */
    struct control *control;  /* owned, as all that follow */
    struct scoreboard_refresh *refresh;
    struct bus_writers *writers;
    struct broadcast *broadcast;
    struct peer_auth *auth;
    struct tls_part *tls;       /* NULL: plain */
    struct http_server *server; /* NULL before the start */
    struct pub_metrics metrics;
    struct routes routes;
    struct timer drain; /* looks whether all is done */
    uint64_t drain_by_ms;
};

/* --- the parts that take new settings ----------------------------------------------------------- */

static struct pub_config config_of(const struct service_plan *plan)
{
    struct pub_config config;
    pub_config_make(plan->settings, plan->cli, &config);
    return config;
}

static void commit_settings(void *app, const struct settings *next, void *prepared UNUSED)
{
    struct app *a = app;
    pub_config_make(next, service_cli(a->service), &a->config);
    broadcast_configure(a->broadcast, &a->config.broadcast);
}

static bool prepare_publishers(const struct service_plan *plan, void **out_prepared,
                               struct buf *out_problems)
{
    const struct pub_config config = config_of(plan);
    *out_prepared = peer_auth_create(&config.auth, out_problems);
    return *out_prepared != NULL;
}

static void commit_publishers(void *app, const struct settings *next UNUSED, void *prepared)
{
    struct app *a = app;
    a->auth = peer_auth_free(a->auth);
    a->auth = prepared;
    a->routes.auth = prepared;
}

static void discard_publishers(void *prepared)
{
    (void)peer_auth_free(prepared);
}

static bool prepare_tls(const struct service_plan *plan, void **out_prepared,
                        struct buf *out_problems)
{
    const struct pub_config config = config_of(plan);
    if (!config.plain) {
        *out_prepared = tls_part_create(&config.tls, out_problems);
    }
    return config.plain || *out_prepared;
}

static void commit_tls(void *app, const struct settings *next UNUSED, void *prepared)
{
    struct app *a = app;
    tls_part_free(a->tls);
    a->tls = prepared;
    if (a->tls) {
        a->metrics.certificates = a->tls->expiry;
    }
    if (a->tls && a->server) {
        http_server_set_tls(a->server, a->tls->ctx);
        client_trust_set(&a->routes.trust, a->tls->ctx);
    }
}

static void commit_refresh(void *app, const struct settings *next UNUSED, void *prepared UNUSED)
{
    struct app *a = app;
    scoreboard_refresh_configure(a->refresh, &a->config.refresh);
}

static void commit_history(void *app, const struct settings *next UNUSED, void *prepared UNUSED)
{
    struct app *a = app;
    bus_writers_configure(a->writers, &a->config.writer);
}

static void commit_redis(void *app, const struct settings *next UNUSED, void *prepared)
{
    bus_writers_use_access(((struct app *)app)->writers, prepared);
}

/* "settings" first: the others read what it has made. */
static const struct service_part parts[] = {
    {"settings", NULL, commit_settings, NULL},
    {"publishers", prepare_publishers, commit_publishers, discard_publishers},
    {"tls", prepare_tls, commit_tls, tls_part_free},
    {"refresh", NULL, commit_refresh, NULL},
    {"redis", redis_part_prepare, commit_redis, redis_part_discard},
    {"history", NULL, commit_history, NULL},
};

/* --- the end -------------------------------------------------------------------------------------- */

static void on_drain_look(void *arg)
{
    struct app *a = arg;
    bool done = http_server_connections(a->server) == 0 && bus_writers_are_idle(a->writers) &&
                scoreboard_refresh_is_idle(a->refresh);
    if (!done && loop_now_ms(service_loop(a->service)) < a->drain_by_ms) {
        return;
    }
    if (a->metrics.kept > 0) {
        log_error("ending without having written all events", LF_I64("kept", a->metrics.kept));
    }
    timer_stop(&a->drain);
    service_drained(a->service);
}

static void drain(void *app)
{
    struct app *a = app;
    a->drain_by_ms = loop_now_ms(service_loop(a->service)) + DRAIN_MAX_MS;
    http_server_stop(a->server);
    scoreboard_refresh_stop(a->refresh);
    timer_start_every_ms(&a->drain, DRAIN_LOOK_MS);
}

/* --- start ------------------------------------------------------------------------------------- */

static bool create_refresh(struct app *a, const char **out_reason)
{
    const struct settings *s = service_settings(a->service);
    char prefix[SERVER_LIST_PREFIX_MAX];
    server_list_prefix(s, 0, prefix);
    a->refresh = scoreboard_refresh_create(service_loop(a->service),
                                           &(struct scoreboard_refresh_options){
                                               .prefix = prefix,
                                               .frontend_url = s->broadcaster.frontend_url,
                                               .metrics = &a->metrics,
                                               .settings = a->config.refresh,
                                           },
                                           out_reason);
    return a->refresh != NULL;
}

static bool create_redis_side(struct app *a, const char **out_reason)
{
    const struct settings *s = service_settings(a->service);
    char prefix[SERVER_LIST_PREFIX_MAX];
    server_list_prefix(s, 0, prefix);
    a->control = control_create(prefix, &a->metrics);
    if (!a->control || !create_refresh(a, out_reason)) {
        return false;
    }
    struct redis_script *scripts[] = {
        control_script(a->control),
        scoreboard_refresh_script(a->refresh),
    };
    const struct bus_writers_options options = {
        .list = s,
        .each =
            {
                .scripts = scripts,
                .n_scripts = ARRAY_LEN(scripts),
                .settings = a->config.writer,
                .max_event_bytes = (size_t)s->broadcaster.max_body_bytes,
                .metrics = &a->metrics,
            },
    };
    if (bus_writers_create(service_loop(a->service), &options, &a->writers, out_reason) < 0) {
        return false;
    }
    control_set_link(a->control, bus_writers_first_link(a->writers));
    a->broadcast = broadcast_create(service_loop(a->service), &(struct broadcast_options){
                                                                  .writers = a->writers,
                                                                  .metrics = &a->metrics,
                                                                  .refresh = a->refresh,
                                                                  .settings = a->config.broadcast,
                                                              });
    return a->broadcast != NULL;
}

static bool app_create(void *app, struct service *service, struct buf *out_reason)
{
    const char *reason = "out of memory";
    struct app *a = app;
    a->service = service;
    pub_config_make(service_settings(service), service_cli(service), &a->config);
    bool ok = create_redis_side(a, &reason) &&
              timer_init(&a->drain, service_loop(service), on_drain_look, a);
    buf_add(out_reason, ok ? STR_NONE : str_of(reason));
    return ok;
}

static int listen_for_requests(struct app *a)
{
    const struct settings *s = service_settings(a->service);
    a->routes = (struct routes){
        .auth = a->auth,
        .broadcast = a->broadcast,
        .control = a->control,
        .service = a->service,
        .metrics = &a->metrics,
        .max_body_bytes = (uint64_t)s->broadcaster.max_body_bytes,
    };
    client_trust_set(&a->routes.trust, a->tls ? a->tls->ctx : NULL);
    return publish_port_open(service_loop(a->service),
                             &(struct publish_port_options){
                                 .bind = a->config.bind,
                                 .port = a->config.port,
                                 .owns_port = !s->broadcaster.reuse_port,
                                 .tls = a->tls ? a->tls->ctx : NULL,
                                 .routes = &a->routes,
                                 .metrics = &a->metrics,
                             },
                             &a->server);
}

static void log_start(const struct app *a)
{
    log_info("listening", LF_STR("role", "publisher"), LF_STR("bind", a->config.bind),
             LF_U64("port", http_server_port(a->server)), LF_BOOL("tls", !a->config.plain),
             LF_STR("version", BROADCASTER_VERSION));
    if (a->config.plain) {
        log_warn("plain HTTP: for development only",
                 LF_STR("who_may_publish", a->config.auth.trust_all ? "anybody who can connect"
                                                                    : "holders of tokens"));
        if (!a->config.auth.trust_all && !peer_auth_has_tokens(a->auth)) {
            log_warn("nobody can publish: Broadcaster.PublishTokensFile is not set");
        }
    }
}

static bool app_start(void *app, struct buf *out_reason)
{
    struct app *a = app;
    int rc = listen_for_requests(a);
    if (rc < 0) {
        buf_addf(out_reason, "cannot listen on %s port %u: %s",
                 *a->config.bind ? a->config.bind : "any address,", a->config.port, strerror(-rc));
        return false;
    }
    log_start(a);
    bus_writers_start(a->writers);
    scoreboard_refresh_start(a->refresh, bus_writers_first_link(a->writers));
    loop_measure_lag(service_loop(a->service), &a->metrics.loop_lag);
    return true;
}

static void app_end(void *app)
{
    struct app *a = app;
    loop_measure_lag(service_loop(a->service), NULL);
    a->writers = bus_writers_free(a->writers); /* ends every exchange that waits for Redis */
    a->broadcast = broadcast_free(a->broadcast);
    a->refresh = scoreboard_refresh_free(a->refresh);
    a->control = control_free(a->control);
    a->server = http_server_free(a->server);
    a->auth = peer_auth_free(a->auth);
    tls_part_free(a->tls);
    timer_release(&a->drain);
}

/* --- what the program is -------------------------------------------------------------------------- */

static const char *unready(const void *app)
{
    return bus_writers_are_ready(((const struct app *)app)->writers) ? NULL : "no_redis";
}

static void render_metrics(void *app, struct buf *out)
{
    struct app *a = app;
    bus_writers_measure(a->writers);
    pub_metrics_render(&a->metrics, out);
}

static bool has_tls(const struct cli *cli, const struct settings *s UNUSED)
{
    return !cli->insecure;
}

const struct service_program publisher_program = {
    .name = "broadcaster-publisher",
    .role = "publisher",
    .parts = parts,
    .n_parts = ARRAY_LEN(parts),
    .admin_port = offsetof(struct settings, metrics.publisher_port),
    .has_tls = has_tls,
    .app_size = sizeof(struct app),
    .create = app_create,
    .start = app_start,
    .drain = drain,
    .end = app_end,
    .unready = unready,
    .render_metrics = render_metrics,
};
