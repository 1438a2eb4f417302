/* SPDX-License-Identifier: MIT */
#include "gateway/transport/ws_masking.h"

#include <linux/tcp.h> /* netinet/tcp.h knows less of struct tcp_info */
#include <netinet/in.h>
#include <sys/socket.h>

/* False: not known. */
static bool bytes_received(int fd, uint64_t *out)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) {
        return false;
    }
    *out = info.tcpi_bytes_received;
    return true;
}

void ws_masking_begin(struct ws_masking *m, int fd, size_t head_bytes)
{
    uint64_t received;
    bool is_counted = bytes_received(fd, &received) && received >= head_bytes;
    m->least = is_counted ? head_bytes : 0;
}

/* Of a masked frame: two bytes, the length if it does not fit there, the mask. */
static size_t header_bytes(size_t payload)
{
    if (payload < 126) {
        return 2 + 4;
    }
    return payload <= UINT16_MAX ? 2 + 2 + 4 : 2 + 8 + 4;
}

void ws_masking_add(struct ws_masking *m, size_t n, size_t header_of)
{
    if (m->least > 0) {
        m->least += n + (header_of == SIZE_MAX ? 0 : header_bytes(header_of));
    }
}

bool ws_masking_holds(const struct ws_masking *m, int fd)
{
    uint64_t received;
    return m->least == 0 || !bytes_received(fd, &received) || received >= m->least;
}
