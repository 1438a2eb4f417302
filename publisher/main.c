/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "common/service/cli.h"
#include "publisher/app.h"

static int run(const struct cli *cli)
{
    int status = EXIT_FAILURE;
    struct settings *settings = NULL;
    if (cli_start(cli, "broadcaster-publisher", &status, &settings)) {
        return status;
    }
    AUTO(app) *app = app_create(cli, settings);
    return app ? app_run(app) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct cli cli;
    if (!cli_parse(argc, argv, &cli)) {
        return EXIT_FAILURE;
    }
    int status = run(&cli);
    cli_release(&cli);
    return status;
}
