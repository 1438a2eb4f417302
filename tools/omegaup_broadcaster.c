/* SPDX-License-Identifier: MIT */
/* omegaup-broadcaster: publisher and gateway under one parent, started as omegaUp's own broadcaster
 * is (`-config`, `-version`, `-insecure`, with one dash or two); both get all the options.
 *
 * The parent hands SIGTERM, SIGINT and SIGHUP on, and ends the other one when one ends. Its exit
 * status is that of the first that failed. The children end with it, even when it is killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/service/cli.h"

#define PROGRAM "omegaup-broadcaster"

struct child {
    const char *kind;
    pid_t pid; /* 0: not running */
};
struct parent {
    struct child children[2];
    sigset_t signals; /* those that the parent waits for */
    sigset_t before;  /* what was blocked before it blocked them */
    int status;       /* of the first child that failed; 0: none has */
};

static void complain(const char *what, const char *name)
{
    (void)fprintf(stderr, PROGRAM ": %s %s: %s\n", what, name, strerror(errno));
}

/* broadcaster-<kind> beside this program (installed) or in the next folder (build tree). NULL: not
 * found. The caller frees it. */
static char *find_program(const char *kind)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    while (n > 0 && n < (ssize_t)sizeof(self) && self[n - 1] != '/') {
        n--;
    }
    const char *const folders[] = {"", "../publisher/", "../gateway/"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char *path;
        if (asprintf(&path, "%.*s%sbroadcaster-%s", (int)n, self, folders[i], kind) < 0) {
            return NULL;
        }
        if (access(path, X_OK) == 0) {
            return path;
        }
        free(path);
    }
    return NULL;
}

/* --- children ------------------------------------------------------------------------------------ */

/* In the child. A terminal's Ctrl-C must reach it once, by the parent: hence a group of its own. */
static void become(const struct parent *p, const char *path, pid_t parent, char **argv)
{
    bool ok = setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
              sigprocmask(SIG_SETMASK, &p->before, NULL) == 0;
    if (ok && getppid() == parent) { /* it might have died before prctl() */
        (void)execv(path, argv);
    }
    complain("cannot run", path);
    _exit(127);
}

static bool start(struct parent *p, struct child *c, char **argv)
{
    char *path = find_program(c->kind);
    if (!path) {
        (void)fprintf(stderr, PROGRAM ": broadcaster-%s is not beside it\n", c->kind);
        return false;
    }
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(p, path, self, argv);
    }
    if (pid < 0) {
        complain("cannot start", path);
    } else {
        c->pid = pid;
    }
    free(path);
    return pid > 0;
}

static void send_all(const struct parent *p, int signo)
{
    for (size_t i = 0; i < ARRAY_LEN(p->children); i++) {
        if (p->children[i].pid > 0 && kill(p->children[i].pid, signo) != 0) {
            complain("cannot signal", p->children[i].kind);
        }
    }
}

static bool any_runs(const struct parent *p)
{
    return p->children[0].pid > 0 || p->children[1].pid > 0;
}

static int exit_status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* One of them has ended: so does the other. */
static void note_end(struct parent *p, pid_t pid, int status)
{
    for (size_t i = 0; i < ARRAY_LEN(p->children); i++) {
        if (p->children[i].pid == pid) {
            p->children[i].pid = 0;
            (void)fprintf(stderr, PROGRAM ": broadcaster-%s ended with status %d\n",
                          p->children[i].kind, status);
        }
    }
    p->status = p->status ? p->status : status;
}

static void reap(struct parent *p, bool *is_ending)
{
    int wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        note_end(p, pid, exit_status_of(wait_status));
        if (!*is_ending) { /* once: a second SIGTERM would mean "at once" */
            *is_ending = true;
            send_all(p, SIGTERM);
        }
    }
}

/* --- life ---------------------------------------------------------------------------------------- */

static void supervise(struct parent *p)
{
    bool is_ending = false;
    while (any_runs(p)) {
        int signo = sigwaitinfo(&p->signals, NULL);
        if (signo == SIGCHLD) {
            reap(p, &is_ending);
        } else if (signo > 0) {
            is_ending = is_ending || signo != SIGHUP;
            send_all(p, signo);
        }
    }
}

static int run(char **argv)
{
    struct parent p = {.children = {{"publisher", 0}, {"gateway", 0}}};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    (void)sigemptyset(&p.signals); /* cannot fail, nor sigaddset() with these */
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void)sigaddset(&p.signals, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &p.signals, &p.before) != 0) {
        complain("cannot block", "signals");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < ARRAY_LEN(p.children); i++) {
        if (!start(&p, &p.children[i], argv)) {
            p.status = EXIT_FAILURE;
            send_all(&p, SIGTERM);
            break;
        }
    }
    supervise(&p);
    return p.status;
}

int main(int argc, char **argv)
{
    struct cli cli;
    if (!cli_parse(argc, argv, &cli)) {
        return EXIT_FAILURE;
    }
    int status = EXIT_FAILURE;
    bool is_question = cli.help || cli.version || cli.check_config || cli.dump_config;
    struct settings *settings = NULL;
    if (is_question) {
        (void)!cli_start(&cli, PROGRAM, &status, &settings); /* true for all of these */
        settings_free(settings);
    }
    cli_release(&cli);
    return is_question ? status : run(argv);
}
