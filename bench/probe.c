/* SPDX-License-Identifier: MIT */
/* CPU from the threads' schedstat (nanoseconds), where the kernel has it, else from stat (ticks of
 * 10 ms). Work done in interrupts on behalf of a send, loopback's receiving half for example,
 * counts for the process that sent, with either.
 */
#include "bench/probe.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN 64

static bool read_small_file(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        return false;
    }
    size_t n = fread(out, 1, size - 1, f);
    (void)fclose(f); /* only read from */
    out[n] = '\0';
    return n > 0;
}

/* Sum over the threads; 0 when the kernel keeps no such statistics. */
static uint64_t schedstat_us(pid_t pid)
{
    char path[PATH_LEN * 2];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    if (!d) {
        return 0;
    }
    uint64_t ns = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char text[128];
        if (e->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid, e->d_name);
        if (read_small_file(path, text, sizeof(text))) {
            ns += strtoull(text, NULL, 10);
        }
    }
    (void)closedir(d); /* only read from */
    return ns / 1000;
}

static bool stat_us(pid_t pid, uint64_t *out_us)
{
    char path[PATH_LEN];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (!read_small_file(path, text, sizeof(text))) {
        return false;
    }
    /* The name in parentheses may hold anything; after it stand state and 10 numbers, then utime
     * and stime. */
    char *at = strrchr(text, ')');
    for (int i = 0; at && i < 12; i++) {
        at = strchr(at + 1, ' ');
    }
    if (!at) {
        return false;
    }
    uint64_t ticks = strtoull(at, &at, 10);
    ticks += strtoull(at, NULL, 10);
    *out_us = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    return true;
}

static uint64_t rss_bytes(pid_t pid)
{
    char path[PATH_LEN];
    char text[128];
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    if (!read_small_file(path, text, sizeof(text))) {
        return 0;
    }
    char *at = strchr(text, ' ');
    return at ? strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t peak_bytes(pid_t pid)
{
    char path[PATH_LEN];
    char text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (!read_small_file(path, text, sizeof(text))) {
        return 0;
    }
    char *at = strstr(text, "VmHWM:");
    return at ? strtoull(at + sizeof("VmHWM:") - 1, NULL, 10) * 1024 : 0;
}

void probe_forget_peak(pid_t pid)
{
    char path[PATH_LEN];
    (void)snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)pid);
    FILE *f = fopen(path, "we");
    if (f) {
        (void)fputs("5", f); /* refused: the peak since the start is reported */
        (void)fclose(f);
    }
}

bool probe_read(pid_t pid, struct probe *out)
{
    uint64_t by_ticks;
    if (!stat_us(pid, &by_ticks)) {
        return false;
    }
    uint64_t by_scheduler = schedstat_us(pid);
    *out = (struct probe){.cpu_us = by_scheduler > 0 ? by_scheduler : by_ticks,
                          .rss_bytes = rss_bytes(pid),
                          .peak_bytes = peak_bytes(pid)};
    return true;
}
