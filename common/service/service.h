/* SPDX-License-Identifier: MIT */
#pragma once
/* service: what both programs are around their work: command line, settings, log, signals, reload,
 * readiness, the admin port, and an orderly end. A program describes itself as a service_program;
 * its main() is one call.
 *
 *   signal         first time                                      again
 *   SIGHUP         reload: prepare, check, commit (parts.h)        the same
 *   SIGTERM/SIGINT drain, then end with status 0                   end at once with status 0
 *
 * They are blocked from the first line of main() and taken by the loop as soon as it runs.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/http/admin_http.h"
#include "common/service/parts.h"

struct buf;
struct loop;
struct service;
struct settings;

struct service_program {
    const char *name;                 /* "broadcaster-gateway" */
    const char *role;                 /* "gateway": the label of its metrics */
    const struct service_part *parts; /* what SIGHUP changes, in the order of their commits */
    size_t n_parts;
    const struct admin_route *routes; /* beside /health, /ready, /metrics, /debug/config; their
                                         argument is the struct service */
    size_t n_routes;
    size_t admin_port; /* offset of the setting, an int64_t, in struct settings */
    /* Does it serve TLS itself with these? */
    bool (*has_tls)(const struct cli *cli, const struct settings *s);
    size_t app_size; /* of the app; the service allocates it, zeroed, and frees it */
    /* Makes the app's parts; it neither listens nor connects yet. False with a reason. */
    bool (*create)(void *app, struct service *s, struct buf *out_reason);
    /* Every part is committed: listens, then connects. False with a reason. */
    bool (*start)(void *app, struct buf *out_reason);
    /* Takes nobody new, and calls service_drained() when nothing is left to do. */
    void (*drain)(void *app);
    /* Ends and frees the parts, also after create() or start() has failed. */
    void (*end)(void *app);
    /* NULL: ready; else one word for /ready and the log. Not asked while draining. */
    const char *(*unready)(const void *app);
    void (*render_metrics)(void *app, struct buf *out);
};

/* The whole of main(): the process' exit status. */
MUST_CHECK int service_main(const struct service_program *program, int argc, char **argv);

/* For the app. */
struct loop *service_loop(const struct service *s);
void *service_app(const struct service *s);
const struct cli *service_cli(const struct service *s);
/* In effect; SIGHUP replaces them, telling every part: never keep a pointer into them. */
const struct settings *service_settings(const struct service *s);
bool service_is_draining(const struct service *s);
void service_drained(struct service *s);

/* The answers of the admin port, for other ports; arg is a struct service. */
void service_answer_health(struct admin_answer *a, void *arg);
void service_answer_ready(struct admin_answer *a, void *arg);
void service_answer_metrics(struct admin_answer *a, void *arg);
