/* SPDX-License-Identifier: MIT */
/* app: owns every other object, and knows in which order they are made and freed. */
#include "publisher/app.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/admin_http.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/net/tls_ctx.h"
#include "common/service/sd_notify.h"
#include "publisher/broadcast.h"
#include "publisher/bus_writers.h"
#include "publisher/control.h"
#include "publisher/https_server.h"
#include "publisher/peer_auth.h"
#include "publisher/pub_config.h"
#include "publisher/pub_metrics.h"
#include "publisher/pub_status.h"
#include "publisher/routes.h"
#include "publisher/scoreboard_refresh.h"

enum { LEAVE_MAX_MS = 10000, LEAVE_LOOK_MS = 20 };

struct app {
    const struct cli *cli;     /* borrowed */
    struct settings *settings; /* owned */
    struct pub_config config;  /* made from both */
    struct loop *loop;         /* owned, as all that follow */
    struct control *control;
    struct scoreboard_refresh *refresh;
    struct bus_writers *writers;
    struct broadcast *broadcast;
    struct peer_auth *auth;
    struct https_server *server;
    struct admin_http *admin; /* NULL unless Metrics.PublisherPort */
    struct pub_metrics metrics;
    struct pub_status status;
    struct routes routes;
    struct timer leave; /* looks whether all is done */
    uint64_t leave_by_ms;
};

static bool complain(struct buf *problem)
{
    log_error("cannot use the configuration", LF_S("problem", buf_str(problem)));
    buf_release(problem);
    return false;
}

/* --- what a reload makes anew ------------------------------------------------------------------ */

/* Everything that files decide; made whole before any of it is put to use. */
struct parts {
    struct settings *settings; /* owned */
    struct pub_config config;  /* owned */
    struct peer_auth *auth;    /* owned */
    struct ssl_ctx_st *tls;    /* owned; NULL: plain */
    struct tls_expiry certificates;
};

static void parts_release(struct parts *p)
{
    tls_ctx_free(p->tls);
    p->auth = peer_auth_free(p->auth);
    p->settings = settings_free(p->settings);
}

/* Makes the rest from p->settings and the files that they name. */
static bool parts_make(struct parts *p, const struct cli *cli)
{
    struct buf problem = {0};
    pub_config_make(p->settings, cli, &p->config);
    p->auth = peer_auth_create(&p->config.auth, &problem);
    if (!p->auth) {
        return complain(&problem);
    }
    if (p->config.plain) {
        return true;
    }
    const char *why;
    p->tls = tls_server_ctx(&p->config.tls, &why);
    if (!p->tls) {
        buf_add(&problem, str_of(why));
        return complain(&problem);
    }
    tls_expiry_read(&p->certificates, &p->config.tls);
    return true;
}

/* Puts the new parts in the place of the old ones. What needs a restart stays in the objects that
 * were made from it. */
static void adopt(struct app *a, struct parts *p)
{
    a->auth = peer_auth_free(a->auth);
    a->settings = settings_free(a->settings);
    a->settings = TAKE(p->settings);
    a->config = p->config;
    a->auth = TAKE(p->auth);
    a->routes.auth = a->auth;
    a->metrics.certificates = p->certificates;
}

/* --- reload ------------------------------------------------------------------------------------ */

static bool load_settings(struct app *a, struct parts *p)
{
    struct buf problems = {0};
    p->settings = config_load(&a->cli->source, &problems);
    if (problems.n > 0) {
        log_warn("configuration", LF_S("problems", buf_str(&problems)));
    }
    buf_release(&problems);
    return p->settings != NULL;
}

static bool reload_log(const struct settings *s)
{
    const struct log_options o = config_log_options(s, "broadcaster-publisher");
    int rc = log_setup(&o);
    if (rc < 0) {
        log_error("cannot open the log", LF_STR("file", s->logging.file),
                  LF_STR("reason", strerror(-rc)));
        return false;
    }
    log_reopen();
    return true;
}

/* The last step that may fail. */
static bool reload_refresh(struct app *a, const struct scoreboard_refresh_settings *s)
{
    bool ok = scoreboard_refresh_configure(a->refresh, s);
    if (!ok) {
        log_error("out of memory");
    }
    return ok;
}

static bool reload(struct app *a)
{
    struct parts p = {0};
    bool ok = load_settings(a, &p) && parts_make(&p, a->cli) && reload_log(p.settings) &&
              reload_refresh(a, &p.config.refresh);
    if (ok) {
        (void)config_log_unchangeable(a->settings, p.settings); /* the log has told */
        adopt(a, &p);
        if (!a->config.plain) {
            https_server_set_tls(a->server, p.tls);
        }
        bus_writers_configure(a->writers, &a->config.writer);
        broadcast_configure(a->broadcast, &a->config.broadcast);
    }
    parts_release(&p);
    return ok;
}

static void on_hangup(int signo UNUSED, void *arg)
{
    struct app *a = arg;
    sd_notify_reloading();
    if (reload(a)) {
        a->metrics.reloads++;
        log_info("reloaded");
    } else {
        a->metrics.reloads_failed++;
        log_error("reload refused: going on as before");
    }
    sd_notify_ready();
}

/* --- leaving ----------------------------------------------------------------------------------- */

static void on_leave_look(void *arg)
{
    struct app *a = arg;
    bool done = https_server_connections(a->server) == 0 && bus_writers_are_idle(a->writers) &&
                scoreboard_refresh_is_idle(a->refresh);
    if (done || loop_now_ms(a->loop) >= a->leave_by_ms) {
        loop_stop(a->loop);
    }
}

static void on_terminate(int signo, void *arg)
{
    struct app *a = arg;
    if (a->status.leaving) {
        loop_stop(a->loop); /* asked twice: at once */
        return;
    }
    log_info("leaving", LF_I64("signal", signo),
             LF_U64("connections", https_server_connections(a->server)));
    sd_notify_stopping();
    a->status.leaving = true;
    a->leave_by_ms = loop_now_ms(a->loop) + LEAVE_MAX_MS;
    https_server_stop(a->server);
    scoreboard_refresh_stop(a->refresh);
    timer_start_every_ms(&a->leave, LEAVE_LOOK_MS);
}

/* --- start ------------------------------------------------------------------------------------- */

static bool create_refresh(struct app *a)
{
    const char *why;
    a->refresh =
        scoreboard_refresh_create(a->loop,
                                  &(struct scoreboard_refresh_options){
                                      .prefix = a->settings->redis.channel,
                                      .frontend_url = a->settings->broadcaster.frontend_url,
                                      .metrics = &a->metrics,
                                      .settings = a->config.refresh,
                                  },
                                  &why);
    if (!a->refresh) {
        log_error("cannot use Broadcaster.FrontendURL", LF_STR("reason", why));
    }
    return a->refresh != NULL;
}

static bool create_redis_side(struct app *a)
{
    a->control = control_create(a->settings->redis.channel, &a->metrics);
    if (!a->control || !create_refresh(a)) {
        return false;
    }
    struct redis_script *scripts[] = {
        control_script(a->control),
        scoreboard_refresh_script(a->refresh),
    };
    const char *why;
    const struct bus_writers_options options = {
        .list = a->settings,
        .each =
            {
                .prefix = a->settings->redis.channel,
                .scripts = scripts,
                .n_scripts = ARRAY_LEN(scripts),
                .settings = a->config.writer,
                .max_event_bytes = (size_t)a->settings->broadcaster.max_body_bytes,
                .metrics = &a->metrics,
            },
    };
    if (bus_writers_create(a->loop, &options, &a->writers, &why) < 0) {
        log_error("cannot set up the link to redis", LF_STR("reason", why));
        return false;
    }
    control_set_link(a->control, bus_writers_first_link(a->writers));
    a->broadcast = broadcast_create(a->loop, &(struct broadcast_options){
                                                 .writers = a->writers,
                                                 .metrics = &a->metrics,
                                                 .refresh = a->refresh,
                                                 .settings = a->config.broadcast,
                                             });
    return a->broadcast != NULL;
}

static bool create_server(struct app *a, struct ssl_ctx_st *tls)
{
    a->status = (struct pub_status){.metrics = &a->metrics, .writers = a->writers};
    a->routes = (struct routes){
        .auth = a->auth,
        .broadcast = a->broadcast,
        .control = a->control,
        .status = &a->status,
        .max_body_bytes = (uint64_t)a->settings->broadcaster.max_body_bytes,
    };
    int rc = https_server_create(a->loop,
                                 &(struct https_server_options){
                                     .bind = a->config.bind,
                                     .port = a->config.port,
                                     .tls = tls,
                                     .handler = &routes_handler,
                                     .handler_arg = &a->routes,
                                     .metrics = &a->metrics,
                                 },
                                 &a->server);
    if (rc < 0) {
        log_error("cannot listen", LF_STR("bind", a->config.bind), LF_U64("port", a->config.port),
                  LF_STR("reason", strerror(-rc)));
    }
    return rc >= 0;
}

static bool create_admin(struct app *a)
{
    static const struct admin_route routes[] = {
        {"/health", pub_status_health, false},
        {"/ready", pub_status_ready, false},
        {"/metrics", pub_status_metrics, false},
    };
    uint16_t port = (uint16_t)a->settings->metrics.publisher_port;
    if (port == 0) {
        return true;
    }
    int rc = admin_http_create(a->loop, a->settings->metrics.bind, port, routes, ARRAY_LEN(routes),
                               &a->status, &a->admin);
    if (rc < 0) {
        log_error("cannot listen", LF_STR("bind", a->settings->metrics.bind), LF_U64("port", port),
                  LF_STR("reason", strerror(-rc)));
    }
    return rc >= 0;
}

static bool watch_signals(struct app *a)
{
    return timer_init(&a->leave, a->loop, on_leave_look, a) &&
           loop_on_signal(a->loop, SIGHUP, on_hangup, a) &&
           loop_on_signal(a->loop, SIGTERM, on_terminate, a) &&
           loop_on_signal(a->loop, SIGINT, on_terminate, a);
}

static bool create_all(struct app *a, struct parts *p)
{
    if (!parts_make(p, a->cli)) {
        return false;
    }
    adopt(a, p);
    a->loop = loop_create();
    if (!a->loop) {
        log_error("cannot start the event loop");
        return false;
    }
    return create_redis_side(a) && create_server(a, p->tls) && create_admin(a) && watch_signals(a);
}

static void announce(const struct app *a)
{
    if (a->config.plain) {
        log_warn("plain HTTP: for development only",
                 LF_STR("who_may_publish", a->config.auth.trust_all ? "anybody who can connect"
                                                                    : "holders of tokens"));
        if (!a->config.auth.trust_all && !peer_auth_has_tokens(a->auth)) {
            log_warn("nobody can publish: Broadcaster.PublishTokensFile is not set");
        }
    }
    log_info("publisher started", LF_STR("version", BROADCASTER_VERSION),
             LF_STR("bind", a->config.bind), LF_U64("port", https_server_port(a->server)),
             LF_BOOL("tls", !a->config.plain));
}

struct app *app_create(const struct cli *cli, struct settings *settings)
{
    struct parts p = {.settings = settings};
    struct app *a = calloc(1, sizeof(*a));
    if (!a) {
        parts_release(&p);
        log_error("out of memory");
        return NULL;
    }
    a->cli = cli;
    bool ok = create_all(a, &p);
    parts_release(&p);
    if (!ok) {
        return app_free(a);
    }
    bus_writers_start(a->writers);
    scoreboard_refresh_start(a->refresh, bus_writers_first_link(a->writers));
    loop_measure_lag(a->loop, &a->metrics.loop_lag);
    announce(a);
    sd_notify_ready();
    return a;
}

int app_run(struct app *a)
{
    if (loop_run(a->loop) != 0) {
        log_error("the event loop failed");
        return EXIT_FAILURE;
    }
    if (a->metrics.kept > 0) {
        log_error("leaving without having written all events", LF_I64("kept", a->metrics.kept));
    }
    log_info("publisher stopped");
    return EXIT_SUCCESS;
}

struct app *app_free(struct app *a)
{
    if (!a) {
        return NULL;
    }
    if (a->loop) {
        loop_measure_lag(a->loop, NULL);
    }
    a->admin = admin_http_free(a->admin);
    a->writers = bus_writers_free(a->writers); /* ends every exchange that waits for Redis */
    a->broadcast = broadcast_free(a->broadcast);
    a->refresh = scoreboard_refresh_free(a->refresh);
    a->control = control_free(a->control);
    a->server = https_server_free(a->server);
    a->auth = peer_auth_free(a->auth);
    timer_release(&a->leave);
    a->loop = loop_free(a->loop);
    a->settings = settings_free(a->settings);
    free(a);
    return NULL;
}
