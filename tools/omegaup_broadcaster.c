/* SPDX-License-Identifier: MIT */
/* omegaup-broadcaster: publisher and gateway under one parent, started as omegaUp's own broadcaster
 * is (`-config`, `-version`, `-insecure`, with one dash or two); both get all the options.
 *
 * SIGTERM, SIGINT: the gateway drains first, and the publisher takes events until it has ended. A
 *   second one ends the waiting. Its exit status is that of the first that failed.
 * SIGHUP: both reload.
 * A child that ends by itself is started again; one that ends three times within ten seconds ends
 *   the parent, with its status. The children end with it, even when it is killed.
 * systemd hears the parent only: READY when both are.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/service/cli.h"
#include "common/service/sd_notify.h"

#define PROGRAM "omegaup-broadcaster"

enum { PUBLISHER, GATEWAY, N_CHILDREN, MAX_ENDS = 3, ENDS_WITHIN_MS = 10000 };

struct child {
    const char *kind;
    pid_t pid;                /* 0: not running */
    bool is_ready;            /* it has said READY since it was started, or since the last reload */
    uint64_t ended[MAX_ENDS]; /* when it ended the last times (ms), as a ring */
    size_t n_ends;
};
struct parent {
    struct child children[N_CHILDREN];
    char **argv;     /* owned array of borrowed strings: the children's command line */
    sigset_t before; /* what was blocked before the parent blocked its signals */
    int signal_fd;
    int notify_fd;        /* where the children say READY; -1: nobody wants to know */
    char notify_name[32]; /* their NOTIFY_SOCKET */
    bool is_announced;    /* systemd knows that both are ready */
    bool is_ending;
    int status; /* of the first child that failed; 0: none has */
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
static void become(const struct parent *p, const char *path, pid_t parent)
{
    bool ok = setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
              sigprocmask(SIG_SETMASK, &p->before, NULL) == 0 &&
              (p->notify_fd < 0 || setenv("NOTIFY_SOCKET", p->notify_name, 1) == 0);
    if (ok && getppid() == parent) { /* it might have died before prctl() */
        (void)execv(path, p->argv);
    }
    complain("cannot run", path);
    _exit(127);
}

static bool start(const struct parent *p, struct child *c)
{
    char *path = find_program(c->kind);
    if (!path) {
        (void)fprintf(stderr, PROGRAM ": broadcaster-%s is not beside it\n", c->kind);
        return false;
    }
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(p, path, self);
    }
    if (pid < 0) {
        complain("cannot start", path);
    } else {
        c->pid = pid;
        c->is_ready = false;
    }
    free(path);
    return pid > 0;
}

static void send_signal(const struct child *c, int signo)
{
    if (c->pid > 0 && kill(c->pid, signo) != 0) {
        complain("cannot signal", c->kind);
    }
}

static struct child *find_child(struct parent *p, pid_t pid)
{
    for (size_t i = 0; i < N_CHILDREN; i++) {
        if (pid > 0 && p->children[i].pid == pid) {
            return &p->children[i];
        }
    }
    return NULL;
}

static bool any_runs(const struct parent *p)
{
    return p->children[PUBLISHER].pid > 0 || p->children[GATEWAY].pid > 0;
}

/* --- the end ------------------------------------------------------------------------------------- */

/* The gateway while it runs, then the publisher. Told a second time, each ends at once. */
static void end_next(struct parent *p)
{
    bool has_gateway = p->children[GATEWAY].pid > 0;
    send_signal(&p->children[has_gateway ? GATEWAY : PUBLISHER], SIGTERM);
}

static void end_both(struct parent *p)
{
    if (!p->is_ending) {
        p->is_ending = true;
        sd_notify_stopping();
    }
    end_next(p);
}

static int exit_status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Notes that it has ended. True: three times within ten seconds. */
static bool ends_too_often(struct child *c)
{
    uint64_t now = clock_mono_ms();
    c->ended[c->n_ends++ % MAX_ENDS] = now;
    return c->n_ends >= MAX_ENDS && now - c->ended[c->n_ends % MAX_ENDS] <= ENDS_WITHIN_MS;
}

static void on_ended(struct parent *p, struct child *c, int status)
{
    (void)fprintf(stderr, PROGRAM ": broadcaster-%s ended with status %d\n", c->kind, status);
    c->pid = 0;
    if (p->is_ending) {
        p->status = p->status ? p->status : status;
        if (c == &p->children[GATEWAY]) {
            end_next(p);
        }
    } else if (ends_too_often(c)) {
        (void)fprintf(stderr, PROGRAM ": broadcaster-%s does not stay: giving up\n", c->kind);
        p->status = status;
        end_both(p);
    } else if (!start(p, c)) {
        p->status = EXIT_FAILURE;
        end_both(p);
    }
}

static void reap(struct parent *p)
{
    int wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        struct child *c = find_child(p, pid);
        if (c) { /* as the first process of a container it inherits others */
            on_ended(p, c, exit_status_of(wait_status));
        }
    }
}

/* --- systemd ------------------------------------------------------------------------------------- */

/* An abstract socket whose name the kernel chooses. Credentials tell the children from strangers. */
static bool open_notify_socket(struct parent *p)
{
    if (!getenv("NOTIFY_SOCKET")) {
        return true;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(address);
    int yes = 1;
    p->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->notify_fd < 0 ||
        setsockopt(p->notify_fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) != 0 ||
        bind(p->notify_fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
        getsockname(p->notify_fd, (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    int n = (int)(size - offsetof(struct sockaddr_un, sun_path)) - 1;
    (void)snprintf(p->notify_name, sizeof(p->notify_name), "@%.*s", n, address.sun_path + 1);
    return true;
}

/* One datagram of a child; the pid of its sender, 0 when it said anything but READY, -1: no more. */
static pid_t read_ready(int fd)
{
    char text[512];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {text, sizeof(text) - 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        return -1;
    }
    text[n] = '\0';
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (strcmp(text, "READY=1") != 0 || !c || c->cmsg_type != SCM_CREDENTIALS) {
        return 0;
    }
    struct ucred sender;
    memcpy(&sender, CMSG_DATA(c), sizeof(sender));
    return sender.pid;
}

static void on_notified(struct parent *p)
{
    pid_t pid;
    while ((pid = read_ready(p->notify_fd)) >= 0) {
        struct child *c = find_child(p, pid);
        if (c) {
            c->is_ready = true;
        }
    }
    bool both = p->children[PUBLISHER].is_ready && p->children[GATEWAY].is_ready;
    if (both && !p->is_announced && !p->is_ending) {
        p->is_announced = true;
        sd_notify_ready();
    }
}

static void reload_both(struct parent *p)
{
    sd_notify_reloading();
    p->is_announced = false;
    for (size_t i = 0; i < N_CHILDREN; i++) {
        p->children[i].is_ready = false;
        send_signal(&p->children[i], SIGHUP);
    }
}

/* --- life ---------------------------------------------------------------------------------------- */

static void on_signals(struct parent *p)
{
    struct signalfd_siginfo info;
    while (read(p->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap(p);
        } else if (info.ssi_signo != SIGHUP) {
            end_both(p);
        } else if (!p->is_ending) {
            reload_both(p);
        }
    }
}

static void supervise(struct parent *p)
{
    struct pollfd fds[] = {{p->signal_fd, POLLIN, 0},
                           {p->notify_fd, POLLIN, 0}}; /* -1: passed over */
    while (any_runs(p)) {
        (void)poll(fds, ARRAY_LEN(fds), -1); /* EINTR is as good as nothing to read */
        if (p->notify_fd >= 0) {
            on_notified(p);
        }
        on_signals(p);
    }
}

static bool take_signals(struct parent *p)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t set;
    (void)sigemptyset(&set); /* cannot fail, nor sigaddset() with these */
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void)sigaddset(&set, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, &p->before) != 0) {
        return false;
    }
    p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return p->signal_fd >= 0;
}

static int run(char **argv)
{
    struct parent p = {
        .children = {[PUBLISHER] = {.kind = "publisher"}, [GATEWAY] = {.kind = "gateway"}},
        .argv = argv,
        .signal_fd = -1,
        .notify_fd = -1};
    if (!take_signals(&p) || !open_notify_socket(&p)) {
        complain("cannot", "start");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < N_CHILDREN; i++) {
        if (!start(&p, &p.children[i])) {
            p.status = EXIT_FAILURE;
            end_both(&p);
            break;
        }
    }
    supervise(&p);
    return p.status;
}

/* Runs both with these options, after a look at the settings: a mistake is told once, and a drain
 * that nobody has set is short. */
static int run_with(const struct cli *cli, int argc, char **argv)
{
    struct buf problems = {0};
    AUTO(settings) *s = config_load(&cli->source, &problems);
    if (!s) {
        (void)fprintf(stderr, "%.*s", STR_ARG(buf_str(&problems)));
    }
    buf_release(&problems);
    char **more = s ? calloc((size_t)argc + 3, sizeof(*more)) : NULL;
    if (!more) {
        return EXIT_FAILURE;
    }
    memcpy(more, argv, (size_t)argc * sizeof(*more));
    char set[] = "--set", short_drain[] = "Broadcaster.DrainSeconds=2";
    if (!s->broadcaster.drain_set) { /* there is no other gateway to send the clients to */
        more[argc] = set;
        more[argc + 1] = short_drain;
    }
    int status = run(more);
    free(more);
    return status;
}

int main(int argc, char **argv)
{
    struct cli cli;
    if (!cli_parse(argc, argv, &cli)) {
        return EXIT_FAILURE;
    }
    int status;
    if (!cli_answer(&cli, PROGRAM, &status)) {
        status = run_with(&cli, argc, argv);
    }
    cli_release(&cli);
    return status;
}
