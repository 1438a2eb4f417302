/* SPDX-License-Identifier: MIT */
/* cli: options and what can be answered before anything starts. */
#include "common/service/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/service/revision.h"

#define DEFAULT_CONFIG "/etc/omegaup/broadcaster/config.json"

static const char usage[] =
    "usage: %s [options]\n"
    "\n"
    "  --config FILE            settings (default: " DEFAULT_CONFIG ",\n"
    "                           which may be absent)\n"
    "  --set Section.Key=VALUE  overrides one setting; may be repeated\n"
    "  --bind ADDRESS           listens on this address only\n"
    "  --insecure               publisher: plain HTTP without certificates, for development;\n"
    "                           on loopback only, unless --bind says otherwise\n"
    "  --strict                 an unknown key in the settings is an error, not a warning\n"
    "  --check-config           checks the settings and the files that they name, and\n"
    "                           exits; makes and connects nothing\n"
    "  --check-config=online    the same, then connects to Redis and the frontend and says what\n"
    "                           is good and what is not\n"
    "  --dump-config            prints the effective settings, secrets masked, and exits\n"
    "  --version                prints the version and exits\n"
    "  --help                   prints this and exits\n"
    "\n"
    "REDIS_URL (or REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD),\n"
    "BROADCASTER_PORT, BROADCASTER_EVENTS_PORT and BROADCASTER_FRONTEND_URL override the file.\n";

struct option {
    struct str name;
    bool *flag;         /* a flag's variable, or NULL */
    const char **value; /* a text's variable; both NULL: --set */
    bool *online;       /* set by "=online", or NULL */
};

static bool complain(const char *what, const char *argument)
{
    (void)fprintf(stderr, "%s: %s (--help lists the options)\n", argument, what);
    return false;
}

/* "=true" and "=false" as Go's flags take them. */
static bool set_flag(const struct option *o, const char *argument, const char *value)
{
    bool is_online = o->online && value && strcmp(value, "online") == 0;
    if (is_online) {
        *o->online = *o->flag = true;
        return true;
    }
    if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
        return complain("takes no value but true or false", argument);
    }
    *o->flag = !value || strcmp(value, "true") == 0;
    return true;
}

/* One argument, after its dashes were taken off; `i` moves on when it takes the next one too. */
static bool parse_option(const struct option *options, size_t n_options, struct cli *c, char **argv,
                         int *i)
{
    char *argument = argv[*i];
    char *name = argument + (argument[1] == '-' ? 2 : 1);
    size_t n = strcspn(name, "=");
    char *value = name[n] ? name + n + 1 : NULL;
    for (size_t k = 0; k < n_options; k++) {
        const struct option *o = &options[k];
        if (!str_eq(o->name, (struct str){name, n})) {
            continue;
        }
        if (o->flag) {
            return set_flag(o, argument, value);
        }
        value = value ? value : argv[++*i];
        if (!value) {
            return complain("needs a value", argument);
        }
        if (o->value) {
            *o->value = value;
        } else {
            c->source.sets[c->source.n_sets++] = value;
        }
        return true;
    }
    return complain("unknown option", argument);
}

static bool parse_all(int argc, char **argv, struct cli *c)
{
    const char *config = NULL;
    bool strict = false;
    const struct option options[] = {
        {STR("config"), NULL, &config, NULL},
        {STR("set"), NULL, NULL, NULL},
        {STR("bind"), NULL, &c->bind, NULL},
        {STR("insecure"), &c->insecure, NULL, NULL},
        {STR("strict"), &strict, NULL, NULL},
        {STR("check-config"), &c->check_config, NULL, &c->check_online},
        {STR("dump-config"), &c->dump_config, NULL, NULL},
        {STR("version"), &c->version, NULL, NULL},
        {STR("help"), &c->help, NULL, NULL},
    };
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || strcmp(argv[i], "-") == 0 || strcmp(argv[i], "--") == 0) {
            return complain("is not an option", argv[i]);
        }
        if (!parse_option(options, ARRAY_LEN(options), c, argv, &i)) {
            return false;
        }
    }
    c->source.path = config ? config : DEFAULT_CONFIG;
    c->source.path_given = config != NULL;
    c->source.strict = strict || c->check_config;
    return true;
}

bool cli_parse(int argc, char **argv, struct cli *out)
{
    struct cli c = {.source.environ = environ};
    c.source.sets = calloc((size_t)MAX(argc, 1), sizeof(*c.source.sets));
    if (!c.source.sets) {
        return complain("out of memory", argv[0]);
    }
    if (!parse_all(argc, argv, &c)) {
        cli_release(&c);
        return false;
    }
    *out = c;
    return true;
}

void cli_release(struct cli *c)
{
    free(c->source.sets);
    *c = (struct cli){0};
}

/* Prints to stdout, releases the text, and says how to exit. */
static int print(struct buf *text)
{
    bool ok =
        !text->failed && fwrite(text->p, 1, text->n, stdout) == text->n && fflush(stdout) == 0;
    buf_release(text);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cli_print_about(const struct cli *c, const char *program)
{
    struct buf out = {0};
    if (c->help) {
        buf_addf(&out, usage, program);
    } else {
        buf_addf(&out, "%s %s%s%s\n", program, BROADCASTER_VERSION,
                 broadcaster_revision[0] ? "+" : "", broadcaster_revision);
    }
    return print(&out);
}

int cli_print_outcome(const struct cli *c, const struct settings *s, const struct buf *problems)
{
    (void)fprintf(stderr, "%.*s", STR_ARG(buf_str(problems)));
    if (!s) {
        return EXIT_FAILURE;
    }
    struct buf out = {0};
    if (c->dump_config) {
        config_dump(s, &out);
    } else {
        buf_add(&out, STR("configuration is good\n"));
    }
    return print(&out);
}

bool cli_answer(const struct cli *c, const char *program, int *out_status)
{
    if (c->help || c->version) {
        *out_status = cli_print_about(c, program);
        return true;
    }
    if (!c->check_config && !c->dump_config) {
        return false;
    }
    struct buf problems = {0};
    AUTO(settings) *s = config_load(&c->source, &problems);
    *out_status = cli_print_outcome(c, s, &problems);
    buf_release(&problems);
    return true;
}
