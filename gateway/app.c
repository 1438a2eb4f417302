/* SPDX-License-Identifier: MIT */
#include "gateway/app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/config.h"
#include "common/http/admin_http.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/service/sd_notify.h"
#include "common/wheel.h"
#include "gateway/access/auth.h"
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
#include "gateway/transport/ws_server.h"

#define NOT_READY_AFTER_MS 10000 /* a short absence of Redis does not empty a load balancer */
#define POSITIONS_EVERY_MS 25000
#define OLD_EVENTS_PORT 22291 /* where omegaUp's nginx looks when nothing else is configured */

/* Owns everything; the parts see each other through gw. */
struct app {
    const struct cli *cli; /* borrowed */
    struct settings *settings;
    struct gw_metrics metrics;
    struct auth_metrics auth_metrics;
    struct gw gw;
    struct control *control;
    struct drain *drain;
    struct ws_server *server;
    struct admin_http *admin;
    struct timer positions;
};

/* ---- admin port ---- */

static bool is_ready(const struct app *a)
{
    return !a->gw.is_leaving && bus_was_up(a->gw.bus) &&
           bus_down_ms(a->gw.bus) < NOT_READY_AFTER_MS;
}

static void answer_health(struct admin_answer *answer, void *arg)
{
    (void)arg;
    answer->content_type = "application/json";
    buf_add(&answer->body, STR("{\"status\":\"ok\"}"));
}

static void answer_ready(struct admin_answer *answer, void *arg)
{
    const struct app *a = arg;
    answer->content_type = "application/json";
    if (is_ready(a)) {
        buf_add(&answer->body, STR("{\"status\":\"ok\"}"));
        return;
    }
    answer->status = 503;
    buf_addf(&answer->body, "{\"status\":\"%s\"}", a->gw.is_leaving ? "leaving" : "no_redis");
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

static void answer_metrics(struct admin_answer *answer, void *arg)
{
    struct app *a = arg;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    gw_metrics_render(&a->metrics, &answer->body);
    metrics_render(&answer->body, auth_rows, ARRAY_LEN(auth_rows), &a->auth_metrics);
    metrics_render_process(&answer->body, "gateway");
}

static void answer_topics(struct admin_answer *answer, void *arg)
{
    const struct app *a = arg;
    answer->content_type = "application/json";
    buf_addc(&answer->body, '[');
    feeds_debug(a->gw.feeds, &answer->body);
    buf_addc(&answer->body, ']');
}

static const struct admin_route admin_routes[] = {
    {.path = "/health", .fn = answer_health},
    {.path = "/ready", .fn = answer_ready},
    {.path = "/metrics", .fn = answer_metrics},
    {.path = "/debug/topics", .fn = answer_topics, .loopback_only = true},
};

/* ---- signals ---- */

static void on_drained(void *arg)
{
    loop_stop(((struct app *)arg)->gw.loop);
}

static void on_terminate(int signo, void *arg)
{
    struct app *a = arg;
    log_info("terminating", LF_I64("signal", signo));
    sd_notify_stopping();
    ws_server_stop_listening(a->server);
    drain_start(a->drain);
}

/* Builds the whole new configuration, checks it, and only then swaps it. */
static void on_hangup(int signo, void *arg)
{
    struct app *a = arg;
    struct buf problems = {0};
    const char *why = "";
    (void)signo;

    sd_notify_reloading();
    log_reopen();
    struct settings *next = config_load(&a->cli->source, &problems);
    if (problems.n > 0) {
        log_warn("configuration", LF_S("problems", buf_str(&problems)));
    }
    buf_release(&problems);
    if (!next || !ws_server_reload(a->server, next, &why) || !auth_reload(a->gw.auth, next, &why)) {
        log_error("configuration not changed", LF_STR("why", next ? why : "see above"));
        settings_free(next);
    } else {
        (void)config_log_unchangeable(a->settings, next);
        struct settings *old = a->settings;
        a->settings = next;
        a->gw.settings = next;
        flusher_set_delay(a->gw.flusher, (uint32_t)next->broadcaster.write_delay_ms);
        settings_free(old);
        if (*next->auth.file) {
            control_recheck_everybody(a->control, "the users file was read again");
        }
        log_info("configuration reloaded");
    }
    sd_notify_ready();
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
    gw->loop = loop_create();
    if (!gw->loop) {
        return false;
    }
    gw->settings = a->settings;
    gw->metrics = &a->metrics;
    gw->instance = random_u64();
    list_init(&gw->sessions);
    gw->wheel = wheel_create(gw->loop);
    gw->users = users_create();
    gw->flusher = flusher_create(gw->loop, session_flush_node, &a->metrics.publish_to_write);
    if (!gw->wheel || !gw->users || !gw->flusher) {
        return false;
    }
    if (a->settings->broadcaster.compression) {
        gw->deflater = deflater_create(&a->metrics);
        if (!gw->deflater) {
            return false;
        }
    }
    flusher_set_delay(gw->flusher, (uint32_t)a->settings->broadcaster.write_delay_ms);
    loop_measure_lag(gw->loop, &a->metrics.loop_lag);
    return true;
}

static bool create_bus(struct app *a, const char **why)
{
    struct gw *gw = &a->gw;
    struct bus_options bus = {.settings = a->settings, .metrics = &a->metrics};
    if (bus_create(gw->loop, &bus, &gw->bus, why) < 0) {
        return false;
    }
    struct feeds_options feeds = {.settings = a->settings,
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
    gw->room = a->settings->room.enabled ? room_create(gw) : NULL;
    return a->drain && (gw->room || !a->settings->room.enabled);
}

static bool create_auth(struct app *a, const char **why)
{
    a->auth_metrics.seconds = &a->metrics.auth_seconds;
    return auth_create(a->gw.loop, a->settings, &a->auth_metrics, &a->gw.auth, why) == 0;
}

static bool is_leaving(void *arg)
{
    return ((struct app *)arg)->gw.is_leaving;
}

/* One line to stderr for what cannot be listened on. */
static bool listen_on(struct app *a, int64_t port, bool must)
{
    const char *bind = a->settings->broadcaster.bind;
    int rc = ws_server_listen(a->server, bind, (uint16_t)port);
    if (rc < 0 && must) {
        fprintf(stderr, "broadcaster-gateway: cannot listen on %s port %lld: %s\n",
                *bind ? bind : "any address,", (long long)port, strerror(-rc));
    } else if (rc < 0) {
        log_warn("second events port not bound", LF_I64("port", port),
                 LF_STR("why", strerror(-rc)));
    }
    return rc == 0 || !must;
}

static bool start_ports(struct app *a)
{
    const struct settings *s = a->settings;
    if (!listen_on(a, s->broadcaster.events_port, true) ||
        (!s->broadcaster.events_port_set && !listen_on(a, OLD_EVENTS_PORT, false))) {
        return false;
    }
    if (s->metrics.port == 0) {
        return true;
    }
    int rc = admin_http_create(a->gw.loop, s->metrics.bind, (uint16_t)s->metrics.port, admin_routes,
                               ARRAY_LEN(admin_routes), a, &a->admin);
    if (rc < 0) {
        fprintf(stderr, "broadcaster-gateway: cannot listen on Metrics.Port %lld: %s\n",
                (long long)s->metrics.port, strerror(-rc));
    }
    return rc == 0;
}

static bool create_all(struct app *a)
{
    const char *why = "out of memory";
    struct ws_server_options server = {.gw = &a->gw, .is_leaving = is_leaving, .arg = a};
    if (!create_core(a) || !create_bus(a, &why) || !create_auth(a, &why) ||
        ws_server_create(&server, &a->server, &why) < 0) {
        fprintf(stderr, "broadcaster-gateway: cannot start: %s\n", why);
        return false;
    }
    if (!timer_init(&a->positions, a->gw.loop, on_positions_due, a) ||
        !loop_on_signal(a->gw.loop, SIGTERM, on_terminate, a) ||
        !loop_on_signal(a->gw.loop, SIGINT, on_terminate, a) ||
        !loop_on_signal(a->gw.loop, SIGHUP, on_hangup, a)) {
        return false;
    }
    timer_start_every_ms(&a->positions, POSITIONS_EVERY_MS);
    return start_ports(a);
}

struct app *app_create(const struct cli *cli, struct settings *settings)
{
    struct app *a = calloc(1, sizeof(*a));
    if (!a) {
        settings_free(settings);
        return NULL;
    }
    a->cli = cli;
    a->settings = settings;
    return create_all(a) ? a : app_free(a);
}

int app_run(struct app *a)
{
    bus_start(a->gw.bus);
    sd_notify_ready();
    log_info("gateway ready", LF_I64("events_port", ws_server_port(a->server)),
             LF_I64("metrics_port", a->admin ? admin_http_port(a->admin) : 0));
    int rc = loop_run(a->gw.loop);
    log_info("gateway ends");
    return rc == 0 ? 0 : 1;
}

/* The reverse of creation. The server goes first: it ends every session. */
struct app *app_free(struct app *a)
{
    if (!a) {
        return NULL;
    }
    timer_release(&a->positions);
    admin_http_free(a->admin);
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
    loop_free(a->gw.loop);
    settings_free(a->settings);
    free(a);
    return NULL;
}
