/* SPDX-License-Identifier: MIT */
#include "common/service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/config/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/metrics_process.h"
#include "common/service/checks.h"
#include "common/service/cli.h"
#include "common/service/limits.h"
#include "common/service/online.h"
#include "common/service/sd_notify.h"

/* How soon a change of readiness is logged: waking up costs an idle process something. */
enum { LOOK_UNREADY_MS = 50, LOOK_READY_MS = 1000 };

struct service {
    const struct service_program *program; /* static */
    struct cli cli;                        /* owned, as all that follow */
    struct settings *settings;
    struct loop *loop;
    void *app;                /* the program's; it is there when is_created */
    struct admin_http *admin; /* NULL: no port is set */
    struct admin_route *routes;
    struct timer look; /* whether readiness has changed */
    uint64_t reloads, reloads_refused;
    const char *unready; /* when last looked at */
    bool is_created, is_draining;
};

struct loop *service_loop(const struct service *s)
{
    return s->loop;
}

void *service_app(const struct service *s)
{
    return s->app;
}

const struct cli *service_cli(const struct service *s)
{
    return &s->cli;
}

const struct settings *service_settings(const struct service *s)
{
    return s->settings;
}

bool service_is_draining(const struct service *s)
{
    return s->is_draining;
}

void service_drained(struct service *s)
{
    loop_stop(s->loop);
}

/* --- parts, all or none ------------------------------------------------------------------------- */

/* One attempt to put settings to use. */
struct attempt {
    struct settings *settings; /* owned until committed */
    struct log_change *log;
    struct parts_attempt parts;
};

static bool prepare(struct service *s, struct attempt *a, struct buf *out_problems)
{
    const struct service_program *p = s->program;
    const struct service_plan plan = {.settings = a->settings, .cli = &s->cli};
    const struct log_options log = config_log_options(a->settings, p->name);
    bool ok = parts_prepare(p->parts, p->n_parts, &plan, &a->parts, out_problems);
    ok = checks_settings(a->settings, p->role, out_problems) && ok;
    int rc = log_prepare(&log, &a->log);
    if (rc < 0) {
        buf_addf(out_problems, "Logging.File: %s: %s\n", a->settings->logging.file, strerror(-rc));
    }
    return ok && rc == 0;
}

/* The log first: it shows the level that was asked for while the others commit. */
static void commit(struct service *s, struct attempt *a)
{
    if (a->log) {
        log_commit(a->log);
    }
    parts_commit(s->program->parts, &a->parts, s->app, a->settings);
    if (s->settings != a->settings) {
        settings_free(s->settings);
    }
    s->settings = a->settings;
}

static void discard(struct service *s, struct attempt *a)
{
    log_discard(a->log);
    parts_discard(s->program->parts, &a->parts);
}

static void log_lines(enum log_level level, const char *phrase, struct str lines)
{
    static const struct str warning = {"warning: ", 9};
    while (lines.n > 0) {
        const char *end = memchr(lines.p, '\n', lines.n);
        struct str line = {lines.p, end ? (size_t)(end - lines.p) : lines.n};
        bool is_warning = str_starts(line, warning);
        log_write(
            is_warning ? LOG_LEVEL_WARN : level, is_warning ? "configuration" : phrase,
            (const struct log_field[]){
                LF_S("problem", is_warning ? str_after(line, warning.n) : line), {.key = NULL}});
        lines = str_after(lines, end ? line.n + 1 : line.n);
    }
}

static bool reload(struct service *s)
{
    struct buf problems = {0};
    struct attempt a = {.settings = config_load(&s->cli.source, &problems)};
    bool ok =
        a.settings && config_keep_for_restart(s->settings, a.settings) && prepare(s, &a, &problems);
    if (ok) {
        commit(s, &a);
    } else {
        discard(s, &a);
        settings_free(a.settings);
    }
    log_lines(LOG_LEVEL_ERROR, "cannot use the configuration", buf_str(&problems));
    buf_release(&problems);
    return ok;
}

/* --- signals -------------------------------------------------------------------------------------- */

static void on_hangup(int signo UNUSED, void *arg)
{
    struct service *s = arg;
    sd_notify_reloading();
    log_reopen(); /* whatever becomes of the rest: log rotation relies on it */
    if (reload(s)) {
        s->reloads++;
        log_info("configuration reloaded", LF_STR("role", s->program->role));
    } else {
        s->reloads_refused++;
        log_error("configuration not changed: the reload was refused");
    }
    sd_notify_ready();
}

static void on_terminate(int signo, void *arg)
{
    struct service *s = arg;
    if (s->is_draining) {
        log_warn("ending at once", LF_I64("signal", signo));
        loop_stop(s->loop);
        return;
    }
    s->is_draining = true;
    log_info("draining", LF_I64("signal", signo));
    sd_notify_stopping();
    s->program->drain(s->app);
}

static const int signals[] = {SIGHUP, SIGTERM, SIGINT};

static void mask_signals(int how)
{
    sigset_t set;
    (void)sigemptyset(&set); /* these fail for wrong arguments only */
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void)sigaddset(&set, signals[i]);
    }
    (void)sigprocmask(how, &set, NULL);
}

/* From here on libevent keeps what comes until the loop runs. */
static bool watch_signals(struct service *s)
{
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        signal_fn fn = signals[i] == SIGHUP ? on_hangup : on_terminate;
        if (!loop_on_signal(s->loop, signals[i], fn, s)) {
            return false;
        }
    }
    mask_signals(SIG_UNBLOCK);
    return true;
}

/* --- admin port ----------------------------------------------------------------------------------- */

void service_answer_health(struct admin_answer *a, void *arg UNUSED)
{
    a->content_type = "application/json";
    buf_add(&a->body, STR("{\"status\":\"ok\"}\n"));
}

/* Why /ready says 503; NULL: it says 200. Changes are logged, so that "ready" follows whatever made
 * it take so long. */
static const char *look(struct service *s)
{
    if (s->is_draining) {
        return "draining";
    }
    const char *now = s->program->unready(s->app);
    if (!now && s->unready) {
        log_info("ready", LF_STR("role", s->program->role));
    } else if (now && !s->unready) {
        log_warn("not ready", LF_STR("reason", now));
    }
    s->unready = now;
    return now;
}

static void on_look(void *arg)
{
    struct service *s = arg;
    timer_start_ms(&s->look, look(s) ? LOOK_UNREADY_MS : LOOK_READY_MS);
}

void service_answer_ready(struct admin_answer *a, void *arg)
{
    const char *reason = look(arg);
    a->content_type = "application/json";
    a->status = reason ? 503 : 200;
    buf_addf(&a->body, "{\"status\":\"%s\"}\n", reason ? reason : "ok");
}

struct counts {
    uint64_t reloads, reloads_refused;
    struct log_counts log;
};

static void render_counts(const struct service *s, struct buf *out)
{
#define ROW(field, row_name, row_labels, row_help)                                                 \
    {                                                                                              \
        .kind = METRIC_COUNTER, .name = (row_name), .labels = (row_labels), .help = (row_help),    \
        .offset = offsetof(struct counts, field)                                                   \
    }
    static const struct metric_desc rows[] = {
        ROW(reloads, "broadcaster_reloads_total", "result=\"ok\"", "Reloads (SIGHUP)"),
        ROW(reloads_refused, "broadcaster_reloads_total", "result=\"refused\"", ""),
        ROW(log.dropped, "broadcaster_log_lines_lost_total", "reason=\"no_room\"",
            "Log lines that were not written"),
        ROW(log.left_out, "broadcaster_log_lines_lost_total", "reason=\"rate\"", ""),
    };
#undef ROW
    const struct counts counts = {
        .reloads = s->reloads, .reloads_refused = s->reloads_refused, .log = log_counts()};
    metrics_render(out, rows, ARRAY_LEN(rows), &counts);
}

void service_answer_metrics(struct admin_answer *a, void *arg)
{
    const struct service *s = arg;
    a->content_type = "text/plain; version=0.0.4; charset=utf-8";
    s->program->render_metrics(s->app, &a->body);
    render_counts(s, &a->body);
    metrics_render_process(&a->body, s->program->role);
}

static void answer_config(struct admin_answer *a, void *arg)
{
    const struct service *s = arg;
    a->content_type = "application/json";
    config_dump(s->settings, &a->body);
}

static bool make_routes(struct service *s, size_t *out_n)
{
    static const struct admin_route own[] = {
        {.path = "/health", .fn = service_answer_health},
        {.path = "/ready", .fn = service_answer_ready},
        {.path = "/metrics", .fn = service_answer_metrics},
        {.path = "/debug/config", .fn = answer_config, .loopback_only = true},
    };
    size_t n = s->program->n_routes;
    s->routes = calloc(ARRAY_LEN(own) + n, sizeof(*s->routes));
    if (!s->routes) {
        return false;
    }
    memcpy(s->routes, own, sizeof(own));
    if (n > 0) {
        memcpy(s->routes + ARRAY_LEN(own), s->program->routes, n * sizeof(*s->routes));
    }
    *out_n = ARRAY_LEN(own) + n;
    return true;
}

static bool start_admin(struct service *s, struct buf *out_reason)
{
    int64_t port;
    size_t n;
    memcpy(&port, (const char *)s->settings + s->program->admin_port, sizeof(port));
    if (port == 0) {
        return true;
    }
    if (!make_routes(s, &n)) {
        return false;
    }
    int rc = admin_http_create(s->loop, s->settings->metrics.bind, (uint16_t)port, s->routes, n, s,
                               &s->admin);
    if (rc < 0) {
        buf_addf(out_reason, "cannot listen on %s port %lld of the metrics: %s",
                 s->settings->metrics.bind, (long long)port, strerror(-rc));
    }
    return rc == 0;
}

/* --- life ----------------------------------------------------------------------------------------- */

static bool create(struct service *s, struct buf *out_reason)
{
    s->loop = loop_create();
    s->app = calloc(1, s->program->app_size);
    if (!s->loop || !s->app || !timer_init(&s->look, s->loop, on_look, s) || !watch_signals(s)) {
        return false;
    }
    s->is_created = true;
    return s->program->create(s->app, s, out_reason);
}

static bool start(struct service *s, struct buf *out_reason)
{
    struct attempt a = {.settings = s->settings};
    if (!prepare(s, &a, out_reason)) {
        discard(s, &a);
        return false;
    }
    log_commit(TAKE(a.log));
    if (!create(s, out_reason)) {
        discard(s, &a);
        return false;
    }
    commit(s, &a);
    s->unready = "";
    timer_start_ms(&s->look, LOOK_UNREADY_MS);
    return start_admin(s, out_reason) && s->program->start(s->app, out_reason);
}

static int run(struct service *s)
{
    struct buf reason = {0};
    bool ok = start(s, &reason);
    buf_add(&reason, ok || reason.n > 0 ? STR_NONE : STR("out of memory"));
    log_lines(LOG_LEVEL_ERROR, "cannot start", buf_str(&reason)); /* or warnings */
    if (!ok && s->loop && !log_is_stderr(s->settings->logging.file)) {
        (void)fprintf(stderr, "%.*s", STR_ARG(buf_str(&reason))); /* for who starts it by hand */
    }
    buf_release(&reason);
    if (ok) {
        sd_notify_ready();
        ok = loop_run(s->loop) == 0;
        log_info("stopped");
    }
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What --check-config says beyond the file itself. */
static bool check(struct service *s, struct buf *out_problems)
{
    const struct service_program *p = s->program;
    const struct service_plan plan = {.settings = s->settings, .cli = &s->cli, .only_check = true};
    struct parts_attempt parts = {0};
    bool ok = parts_prepare(p->parts, p->n_parts, &plan, &parts, out_problems);
    ok = checks_settings(s->settings, p->role, out_problems) && ok;
    parts_discard(p->parts, &parts);
    int rc = log_check(s->settings->logging.file);
    if (rc < 0) {
        buf_addf(out_problems, "Logging.File: %s: %s\n", s->settings->logging.file, strerror(-rc));
    }
    return ok && rc == 0;
}

/* Whatever the files say: the rest is of interest, too. */
static bool check_online(const struct service *s, struct buf *out_problems)
{
    const struct log_options log = {.level = LOG_LEVEL_WARN, .ident = s->program->name};
    return log_setup(&log) == 0 &&
           online_check(s->settings, s->program->role, s->program->has_tls(&s->cli, s->settings),
                        out_problems);
}

static int load_and_run(struct service *s)
{
    struct buf problems = {0};
    s->settings = config_load(&s->cli.source, &problems);
    bool ok = s->settings != NULL;
    if (ok && s->cli.check_config) {
        ok = check(s, &problems);
        ok = (!s->cli.check_online || check_online(s, &problems)) && ok;
    }
    int status;
    if (!ok || s->cli.check_config || s->cli.dump_config) {
        status = cli_print_outcome(&s->cli, ok ? s->settings : NULL, &problems);
        buf_release(&problems);
        return status;
    }
    const struct log_options log = config_log_options(s->settings, s->program->name);
    if (log_setup(
            &(struct log_options){.level = log.level, .json = log.json, .ident = log.ident}) == 0) {
        log_lines(LOG_LEVEL_WARN, "configuration", buf_str(&problems));
    }
    buf_release(&problems);
    limits_raise_descriptors();
    return run(s);
}

static void release(struct service *s)
{
    timer_release(&s->look);
    s->admin = admin_http_free(s->admin);
    if (s->is_created) {
        s->program->end(s->app);
    }
    s->loop = loop_free(s->loop); /* with late frees, which may look into the app */
    free(s->app);
    s->settings = settings_free(s->settings);
    free(s->routes);
    cli_release(&s->cli);
}

int service_main(const struct service_program *program, int argc, char **argv)
{
    struct service s = {.program = program};
    mask_signals(SIG_BLOCK);
    limits_open_standard();
    if (!cli_parse(argc, argv, &s.cli)) {
        return EXIT_FAILURE;
    }
    bool asks = s.cli.help || s.cli.version;
    int status = asks ? cli_print_about(&s.cli, program->name) : load_and_run(&s);
    release(&s);
    return status;
}
