/* SPDX-License-Identifier: MIT */
/* For LD_PRELOAD: the wall clock of a process is SHIFT_CLOCK_S seconds ahead (or behind). */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *out)
{
    const char *shift = getenv("SHIFT_CLOCK_S");
    int rc = (int)syscall(SYS_clock_gettime, id, out);
    if (rc == 0 && id == CLOCK_REALTIME && shift) {
        out->tv_sec += strtol(shift, NULL, 10);
    }
    return rc;
}
