/* SPDX-License-Identifier: MIT */
#include "gateway/transport/lws_link.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "common/compiler.h"

enum { LINKS_AT_FIRST = 1024 };

/* File state: the system's calls name nothing but a descriptor, and a process has one table of
 * those. */
static struct {
    struct lws_link **v; /* by descriptor; borrowed */
    size_t n;
} links;

static bool reserve(size_t fd)
{
    size_t n = MAX(links.n, (size_t)LINKS_AT_FIRST);
    while (n <= fd) {
        n *= 2;
    }
    if (n == links.n) {
        return true;
    }
    struct lws_link **v = realloc(links.v, n * sizeof(struct lws_link *));
    if (!v) {
        return false;
    }
    for (size_t i = links.n; i < n; i++) {
        v[i] = NULL;
    }
    links.v = v;
    links.n = n;
    return true;
}

struct lws_link *lws_link_of(int fd)
{
    return fd >= 0 && (size_t)fd < links.n ? links.v[fd] : NULL;
}

bool lws_link_attach(struct lws_link *l, int fd, const struct lws_link_handler *handler, void *arg)
{
    if (!reserve((size_t)fd)) {
        return false;
    }
    *l = (struct lws_link){.handler = handler, .arg = arg, .fd = fd};
    links.v[fd] = l;
    return true;
}

void lws_link_detach(struct lws_link *l)
{
    if (l->handler) {
        l->handler = NULL;
        links.v[l->fd] = NULL;
    }
}

/* ---- what the linker puts in the place of the system's calls ---- */

ssize_t __real_recv(int fd, void *out, size_t max, int flags);
ssize_t __real_send(int fd, const void *p, size_t n, int flags);
int __real_shutdown(int fd, int how);
int __real_close(int fd);
ssize_t __wrap_recv(int fd, void *out, size_t max, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);

ssize_t __wrap_recv(int fd, void *out, size_t max, int flags)
{
    const struct lws_link *l = lws_link_of(fd);
    return l ? l->handler->recv(l->arg, out, max) : __real_recv(fd, out, max, flags);
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags)
{
    const struct lws_link *l = lws_link_of(fd);
    return l ? l->handler->send(l->arg, p, n) : __real_send(fd, p, n, flags);
}

int __wrap_shutdown(int fd, int how)
{
    return lws_link_of(fd) ? 0 : __real_shutdown(fd, how);
}

int __wrap_close(int fd)
{
    struct lws_link *l = lws_link_of(fd);
    if (!l) {
        return __real_close(fd);
    }
    lws_link_detach(l);
    return 0;
}
