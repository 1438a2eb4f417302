/* SPDX-License-Identifier: MIT */
/* metrics_process: numbers about ourselves, as Prometheus' own client libraries name them. */
#include "common/metrics_process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/metrics.h"

static void render_cpu(struct buf *out)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        metrics_render_one(out, METRIC_COUNTER, "process_cpu_seconds_total", "",
                           "User and system CPU time spent, in seconds.", seconds);
    }
}

/* Reads the whole of a small file of /proc as a string; false when it cannot be. */
static bool read_small(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        return false;
    }
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    (void)fclose(f); /* only read */
    return n > 0;
}

/* The number behind `skip` fields that end in spaces. */
static bool number_after(const char *text, int skip, uint64_t *out)
{
    for (; skip > 0; skip--) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    char *end;
    *out = strtoull(text, &end, 10);
    return end != text;
}

static void render_memory(struct buf *out)
{
    char text[256];
    uint64_t pages;
    if (read_small("/proc/self/statm", text, sizeof(text)) && number_after(text, 1, &pages)) {
        metrics_render_one(out, METRIC_GAUGE, "process_resident_memory_bytes", "",
                           "Resident memory, in bytes.",
                           (double)pages * (double)sysconf(_SC_PAGESIZE));
    }
}

static void render_descriptors(struct buf *out)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir) {
        int64_t n = -1; /* the directory's own */
        for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
            n += e->d_name[0] != '.';
        }
        (void)closedir(dir);
        metrics_render_one(out, METRIC_GAUGE, "process_open_fds", "", "Open file descriptors.",
                           (double)n);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        metrics_render_one(out, METRIC_GAUGE, "process_max_fds", "",
                           "Limit of open file descriptors.", (double)limit.rlim_cur);
    }
}

/* Unix time of the boot, in seconds. */
static bool boot_time(uint64_t *out)
{
    FILE *f = fopen("/proc/stat", "re");
    if (!f) {
        return false;
    }
    char line[256];
    bool found = false;
    while (!found && fgets(line, sizeof(line), f)) {
        found = strncmp(line, "btime ", 6) == 0 && number_after(line, 1, out);
    }
    (void)fclose(f); /* only read */
    return found;
}

static void render_start(struct buf *out)
{
    char text[1024];
    uint64_t boot;
    uint64_t ticks;
    if (!read_small("/proc/self/stat", text, sizeof(text)) || !boot_time(&boot)) {
        return;
    }
    /* starttime is field 22. The second one is the name in parentheses, which may hold anything. */
    const char *name_end = strrchr(text, ')');
    if (name_end && number_after(name_end, 20, &ticks)) {
        metrics_render_one(out, METRIC_GAUGE, "process_start_time_seconds", "",
                           "Unix time when the process started.",
                           (double)boot + (double)ticks / (double)sysconf(_SC_CLK_TCK));
    }
}

void metrics_render_process(struct buf *out, const char *process)
{
    char labels[128];
    (void)snprintf(labels, sizeof(labels), "version=\"%s\",process=\"%s\"", BROADCASTER_VERSION,
                   process);
    metrics_render_one(out, METRIC_GAUGE, "broadcaster_build_info", labels,
                       "Always 1; the labels say what runs.", 1);
    render_cpu(out);
    render_memory(out);
    render_descriptors(out);
    render_start(out);
}
