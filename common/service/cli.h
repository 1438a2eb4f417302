/* SPDX-License-Identifier: MIT */
#pragma once
/* cli: the command line that both processes share, one or two dashes before each name.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/config/config.h"

struct cli {
    struct config_source source; /* its `sets` points into argv */
    bool check_config, dump_config, version, help;
    bool insecure;    /* publisher: plain HTTP */
    const char *bind; /* --bind ADDRESS, or NULL */
};
/* Prints what is wrong to stderr and returns false, or fills *out. cli_release() frees it. */
MUST_CHECK bool cli_parse(int argc, char **argv, struct cli *out);
void cli_release(struct cli *c);
/* Deals with --help, --version, --check-config, --dump-config. True: exit now with *out_status.
 * Else *out_settings holds the loaded settings (caller frees), warnings went to the log. */
MUST_CHECK bool cli_start(const struct cli *c, const char *program, int *out_status,
                          struct settings **out_settings);
