/* SPDX-License-Identifier: MIT */
#pragma once
/* app: the publisher as a whole: start, reload (SIGHUP), leave (SIGTERM, SIGINT).
 */
#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/service/cli.h"

struct app;

/* Starts everything; takes the settings over in every case. cli is borrowed, outlives the app.
 * NULL: cannot start, the log says why. */
struct app *app_create(const struct cli *cli, struct settings *settings);
/* Runs until a signal ends it. Returns the process' exit status. */
MUST_CHECK int app_run(struct app *a);
struct app *app_free(struct app *a); /* accepts NULL */
DEFINE_AUTO(app)
