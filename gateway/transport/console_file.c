/* SPDX-License-Identifier: MIT */
#include "gateway/transport/console_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/transport/console_path.h"

/* Goes down one directory after the other, so that none can be a link: openat2() would do it in one
 * call, but not on every kernel and not in every container. */
static int open_below(int dir, const char *name)
{
    char segment[CONSOLE_PATH_MAX];
    for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        size_t n = (size_t)(slash - name);
        if (n >= sizeof(segment)) {
            (void)close(dir);
            return -1;
        }
        memcpy(segment, name, n);
        segment[n] = '\0';
        int next = openat(dir, segment, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(dir);
        if (next < 0) {
            return -1;
        }
        dir = next;
    }
    /* Opening a pipe or a device must not wait. */
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    (void)close(dir);
    return fd;
}

bool console_file_open(const char *dir, const char *name, struct console_file *out)
{
    struct stat st;
    int top = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = top < 0 ? -1 : open_below(top, name);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > CONSOLE_FILE_MAX_BYTES) {
        (void)close(fd);
        return false;
    }
    *out = (struct console_file){.fd = fd, .size = st.st_size};
    (void)snprintf(out->etag, sizeof(out->etag), "\"%" PRIx64 "-%" PRIx64 "-%lx\"",
                   (uint64_t)st.st_ino, (uint64_t)st.st_mtim.tv_sec,
                   (unsigned long)st.st_mtim.tv_nsec ^ (unsigned long)st.st_size << 30);
    return true;
}
