/* SPDX-License-Identifier: MIT */
#pragma once
/* app: one gateway process: owns its parts, starts them in order, reloads and ends them.
 */
#include "common/compiler.h"
#include "common/config/settings.h"
#include "common/service/cli.h"

struct app;

/* Takes the settings. On failure one line went to stderr and NULL is returned. */
struct app *app_create(const struct cli *cli, struct settings *settings);
/* Runs until SIGTERM or SIGINT has been obeyed. The process's exit status. */
int app_run(struct app *a);
struct app *app_free(struct app *a); /* accepts NULL */
