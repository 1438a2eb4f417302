/* SPDX-License-Identifier: MIT */
/* log: where lines go and how they are put together. How a value is escaped: log_line.c. */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log_line.h"

/* The file state that log.h speaks of; set by log_setup() and log_reopen() only. */
static struct {
    enum log_level level;
    bool json;
    int fd;
    char *file; /* owned; NULL: stderr */
    const char *ident;
} sink = {.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO, .ident = ""};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

bool log_level_parse(struct str s, enum log_level *out_level)
{
    if (s.n == 7 && strncasecmp(s.p, "warning", 7) == 0) {
        *out_level = LOG_LEVEL_WARN;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (s.n == strlen(level_names[i]) && strncasecmp(s.p, level_names[i], s.n) == 0) {
            *out_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level <= sink.level;
}

static int open_file(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return fd < 0 ? -errno : fd;
}

static void write_to(int fd)
{
    if (sink.fd != STDERR_FILENO) {
        (void)close(sink.fd); /* nothing is buffered here, so nothing can be lost */
    }
    sink.fd = fd;
}

int log_setup(const struct log_options *o)
{
    int fd = STDERR_FILENO;
    char *file = NULL;
    if (o->file && o->file[0] && strcmp(o->file, "stderr") != 0) {
        file = strdup(o->file);
        fd = file ? open_file(file) : -ENOMEM;
        if (fd < 0) {
            free(file);
            return fd;
        }
    }
    write_to(fd);
    free(sink.file);
    sink.file = file;
    sink.level = o->level;
    sink.json = o->json;
    sink.ident = o->ident ? o->ident : "";
    return 0;
}

void log_reopen(void)
{
    if (!sink.file) {
        return;
    }
    int fd = open_file(sink.file);
    if (fd < 0) {
        log_error("log file not reopened, going on with the old one", LF_STR("file", sink.file),
                  LF_STR("why", strerror(-fd)));
        return;
    }
    write_to(fd);
}

/* ISO 8601, UTC, milliseconds. */
static void add_time(struct log_line *line)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm)) { /* a year that does not fit an int */
        tm = (struct tm){0};
    }
    log_line_addf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now_ms % 1000));
}

static void add_value(struct log_line *line, const struct log_field *f)
{
    switch (f->kind) {
    case LOG_FIELD_STR:
        if (sink.json) {
            log_line_add_json(line, f->s);
        } else {
            log_line_add_text(line, f->s);
        }
        break;
    case LOG_FIELD_I64: log_line_addf(line, "%" PRId64, f->i); break;
    case LOG_FIELD_U64: log_line_addf(line, "%" PRIu64, f->u); break;
    case LOG_FIELD_BOOL: log_line_addf(line, "%s", f->b ? "true" : "false"); break;
    case LOG_FIELD_END: break;
    }
}

/* A field that does not fit is left out whole, and so are those behind it. */
static void add_fields(struct log_line *line, const struct log_field *fields)
{
    for (const struct log_field *f = fields; f->key && !line->full; f++) {
        size_t before = line->n;
        log_line_addf(line, sink.json ? ",\"%s\":" : " %s=", f->key);
        add_value(line, f);
        if (line->full) {
            line->n = before;
        }
    }
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return; /* full disk, closed terminal: there is nobody left to tell */
        }
        p += done;
        n -= (size_t)done;
    }
}

void log_write(enum log_level level, const char *phrase, const struct log_field *fields)
{
    int saved_errno = errno; /* a log line between a failure and its strerror() must be harmless */
    struct log_line line;
    log_line_init(&line);
    if (sink.json) {
        log_line_addf(&line, "{\"time\":\"");
        add_time(&line);
        log_line_addf(&line,
                      "\",\"level\":\"%s\",\"process\":\"%s\",\"message\":", level_names[level],
                      sink.ident);
        log_line_add_json(&line, str_of(phrase));
    } else {
        add_time(&line);
        log_line_addf(&line, " %s %s", level_names[level], phrase);
    }
    add_fields(&line, fields);
    log_line_end(&line, sink.json ? "}\n" : "\n");
    write_all(sink.fd, line.text, line.n);
    errno = saved_errno;
}
