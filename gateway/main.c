/* SPDX-License-Identifier: MIT */
/* broadcaster-gateway: WebSocket and SSE connections to browsers, events from Redis. */
#include "common/service/cli.h"
#include "gateway/app.h"

int main(int argc, char **argv)
{
    struct cli cli;
    struct settings *settings = NULL;
    int status = 1;

    if (!cli_parse(argc, argv, &cli)) {
        return 2;
    }
    if (!cli_start(&cli, "broadcaster-gateway", &status, &settings)) {
        struct app *app = app_create(&cli, settings);
        status = app ? app_run(app) : 1;
        app_free(app);
    }
    cli_release(&cli);
    return status;
}
