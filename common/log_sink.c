/* SPDX-License-Identifier: MIT */
/* log_sink: O_NONBLOCK belongs to the open file, which stderr shares with other processes, so it is
 * never set there; a pipe or terminal is opened once more through /proc for a mode of our own.
 */
#include "common/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

static void open_stderr(struct log_sink *out)
{
    struct stat st;
    *out = (struct log_sink){.fd = STDERR_FILENO};
    if (fstat(STDERR_FILENO, &st) < 0 || S_ISREG(st.st_mode)) {
        return;
    }
    if (S_ISSOCK(st.st_mode)) {
        out->kind = LOG_SINK_SOCKET;
        return;
    }
    int own = open("/proc/self/fd/2", FLAGS);
    out->fd = own < 0 ? STDERR_FILENO : own;
    out->kind = own < 0 ? LOG_SINK_SHARED : LOG_SINK_PLAIN;
}

int log_sink_open(const char *file, struct log_sink *out, bool *out_created)
{
    *out_created = false;
    if (!file) {
        open_stderr(out);
        return 0;
    }
    int fd = open(file, FLAGS);
    if (fd < 0 && errno == ENOENT) {
        fd = open(file, FLAGS | O_CREAT | O_EXCL, 0640);
        *out_created = fd >= 0;
    }
    if (fd < 0) {
        return -errno;
    }
    *out = (struct log_sink){.fd = fd};
    return 0;
}

int log_sink_check(const char *file)
{
    int fd = open(file, FLAGS);
    if (fd < 0) {
        return -errno;
    }
    (void)close(fd); /* nothing was written */
    return 0;
}

void log_sink_close(struct log_sink *s)
{
    if (s->fd > STDERR_FILENO) {
        (void)close(s->fd); /* nothing is buffered here, so nothing can be lost */
    }
    *s = (struct log_sink){.fd = STDERR_FILENO};
}

static ssize_t write_shared(int fd, const char *p, size_t n)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, p, n > PIPE_BUF ? PIPE_BUF : n); /* a ready pipe has room for so much */
}

static ssize_t write_some(const struct log_sink *s, const char *p, size_t n)
{
    switch (s->kind) {
    case LOG_SINK_PLAIN: return write(s->fd, p, n);
    case LOG_SINK_SOCKET: return send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    case LOG_SINK_SHARED: return write_shared(s->fd, p, n);
    }
    return -1;
}

/* What could be written of it. */
static size_t write_all(const struct log_sink *s, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t some = write_some(s, p + done, n - done);
        if (some > 0) {
            done += (size_t)some;
        } else if (some == 0 || errno != EINTR) {
            break; /* full pipe, full disk, closed terminal */
        }
    }
    return done;
}

bool log_sink_write(struct log_sink *s, const char *p, size_t n)
{
    if (s->torn && write_all(s, "\n", 1) != 1) {
        return false;
    }
    size_t done = write_all(s, p, n);
    s->torn = done > 0 && done < n;
    return done == n;
}
