/* SPDX-License-Identifier: MIT */
/* listen_socket: options set on the listening socket are its connections' too (Linux copies them),
 * which saves a system call each per connection.
 */
#include "publisher/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, KEEPALIVE_S = 30, KEEPALIVE_PROBES = 3 };

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static bool set_options(int fd, int family)
{
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
           set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES) &&
           set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
           (family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
}

static int open_at(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (!set_options(fd, a->ai_family) || bind(fd, a->ai_addr, a->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int lookup(const char *host, int family, uint16_t port, struct addrinfo **out)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    int rc = getaddrinfo(host, service, &hints, out);
    if (rc == 0) {
        return 0;
    }
    return rc == EAI_SYSTEM ? -errno : -EADDRNOTAVAIL;
}

static int open_first(const char *host, int family, uint16_t port)
{
    struct addrinfo *found;
    int rc = lookup(host, family, port, &found);
    if (rc < 0) {
        return rc;
    }
    rc = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = found; a && rc < 0; a = a->ai_next) {
        rc = open_at(a);
    }
    freeaddrinfo(found);
    return rc;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0}; /* the port stands at one place in both families */
    socklen_t n = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &n) == 0 ? ntohs(address.sin6_port) : 0;
}

int listen_socket_open(const char *bind_to, uint16_t *port)
{
    int fd;
    if (bind_to[0] != '\0') {
        fd = open_first(bind_to, AF_UNSPEC, *port);
    } else {
        fd = open_first("::", AF_INET6, *port); /* takes IPv4 as well */
        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
            fd = open_first("0.0.0.0", AF_INET, *port);
        }
    }
    if (fd >= 0) {
        *port = port_of(fd);
    }
    return fd;
}
