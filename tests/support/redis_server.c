/* SPDX-License-Identifier: MIT */
#include "tests/support/redis_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A cluster node wants a second port, 10,000 above. */
enum { MAX_PORT = 55535, MAX_ARGS = 40, START_POLLS = 2000, POLL_NS = 5000000 };

static void die(const char *what)
{
    perror(what);
    abort();
}

uint16_t free_port(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
        getsockname(fd, (struct sockaddr *)&sin, &len) < 0) {
        die("free_port");
    }
    (void)close(fd);
    return ntohs(sin.sin_port);
}

void redis_server_prepare(struct redis_server *s)
{
    *s = (struct redis_server){.dir = "/tmp/test_redis.XXXXXX"};
    do {
        s->port = free_port();
    } while (s->port > MAX_PORT);
    if (!mkdtemp(s->dir)) {
        die("mkdtemp");
    }
    (void)snprintf(s->socket, sizeof(s->socket), "%s/redis.sock", s->dir);
}

static bool is_sentinel(const char *const *args)
{
    return args && strcmp(args[0], "--sentinel") == 0;
}

static void run_server(const struct redis_server *s, const char *const *args)
{
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", s->port);
    const char *argv[MAX_ARGS] = {
        "redis-server", "--port", port,     "--bind", "127.0.0.1", "--unixsocket", s->socket,
        "--dir",        s->dir,   "--save", "",       "--logfile", "log.txt"};
    size_t n = 13;
    if (is_sentinel(args)) { /* has no socket; its file comes first */
        n = 0;
        argv[n++] = "redis-server";
        argv[n++] = args[1];
        argv[n++] = "--sentinel";
        argv[n++] = "--port";
        argv[n++] = port;
        argv[n++] = "--logfile";
        argv[n++] = "log.txt";
        args += 2;
    }
    for (; args && *args && n < MAX_ARGS - 1; args++) {
        argv[n++] = *args;
    }
    argv[n] = NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || chdir(s->dir) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(null, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        _exit(126);
    }
    const char *other = getenv("BROADCASTER_REDIS_SERVER");
    (void)execvp(other ? other : argv[0], (char *const *)argv);
    _exit(127);
}

static bool connects(int family, const void *address, size_t len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, address, (socklen_t)len) == 0;
    (void)close(fd);
    return ok;
}

static bool listens(const struct redis_server *s, bool has_socket)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons(s->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    memcpy(sun.sun_path, s->socket, sizeof(s->socket));
    return connects(AF_INET, &sin, sizeof(sin)) &&
           (!has_socket || connects(AF_UNIX, &sun, sizeof(sun)));
}

void redis_server_start(struct redis_server *s, const char *const *args)
{
    s->pid = fork();
    if (s->pid < 0) {
        die("fork");
    }
    if (s->pid == 0) {
        run_server(s, args);
    }
    for (int i = 0; i < START_POLLS; i++) {
        if (listens(s, !is_sentinel(args))) {
            return;
        }
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            break;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    (void)fprintf(stderr, "redis-server did not start: see %s/log.txt\n", s->dir);
    abort();
}

void redis_server_stop(struct redis_server *s)
{
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL); /* a stopped one as well */
        (void)waitpid(s->pid, NULL, 0);
        s->pid = 0;
    }
}

void redis_server_remove(struct redis_server *s)
{
    redis_server_stop(s);
    DIR *dir = opendir(s->dir);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    }
    if (dir) {
        (void)closedir(dir);
    }
    (void)rmdir(s->dir);
}
