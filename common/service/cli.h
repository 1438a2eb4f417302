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
    bool check_online; /* --check-config=online: check_config is set, too */
    bool insecure;     /* publisher: plain HTTP */
    const char *bind;  /* --bind ADDRESS, or NULL */
};
/* Prints what is wrong to stderr and returns false, or fills *out. cli_release() frees it. */
MUST_CHECK bool cli_parse(int argc, char **argv, struct cli *out);
void cli_release(struct cli *c);
/* Prints what --help or --version asks for. The exit status. */
MUST_CHECK int cli_print_about(const struct cli *c, const char *program);
/* Prints problems to stderr and, unless s is NULL, what --dump-config or --check-config asks for.
 * The exit status. */
MUST_CHECK int cli_print_outcome(const struct cli *c, const struct settings *s,
                                 const struct buf *problems);
/* For a program without parts of its own: deals with --help, --version, --dump-config, and with
 * --check-config as far as the settings alone go. True: exit now with *out_status. */
MUST_CHECK bool cli_answer(const struct cli *c, const char *program, int *out_status);
