/* SPDX-License-Identifier: MIT */
/* log: where lines go and how they are put together. How a value is escaped: log_line.c. */
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log_line.h"
#include "common/log_rate.h"
#include "common/log_sink.h"

/* What a line needs to be written; a change of it is prepared aside. */
struct log_change {
    enum log_level level;
    bool json;
    const char *ident;
    char *file; /* owned; NULL: stderr */
    struct log_sink sink;
    bool created; /* the file was not there before */
};

/* The file state that log.h speaks of. */
static struct log_change in_use = {.level = LOG_LEVEL_INFO, .sink.fd = STDERR_FILENO, .ident = ""};
static struct log_rate limit;
static struct log_counts counts;
static uint64_t dropped_untold;

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
    return level <= in_use.level;
}

bool log_is_stderr(const char *file)
{
    return !file || !file[0] || strcmp(file, "stderr") == 0;
}

int log_prepare(const struct log_options *o, struct log_change **out_change)
{
    struct log_change *c = calloc(1, sizeof(*c));
    if (!c) {
        return -ENOMEM;
    }
    *c = (struct log_change){.level = o->level, .json = o->json, .ident = o->ident ? o->ident : ""};
    c->file = log_is_stderr(o->file) ? NULL : strdup(o->file);
    int rc = !c->file && !log_is_stderr(o->file) ? -ENOMEM
                                                 : log_sink_open(c->file, &c->sink, &c->created);
    if (rc < 0) {
        free(c->file);
        free(c);
        return rc;
    }
    *out_change = c;
    return 0;
}

void log_commit(struct log_change *c)
{
    log_sink_close(&in_use.sink);
    free(in_use.file);
    in_use = *c;
    free(c);
}

void log_discard(struct log_change *c)
{
    if (c && c->created) {
        (void)unlink(c->file); /* empty: nothing was written */
    }
    if (c) {
        log_sink_close(&c->sink);
        free(c->file);
        free(c);
    }
}

int log_check(const char *file)
{
    int rc = log_is_stderr(file) ? 0 : log_sink_check(file);
    if (rc != -ENOENT) {
        return rc;
    }
    const char *slash = strrchr(file, '/'); /* it would be made in its folder */
    char *folder = slash ? strndup(file, MAX((size_t)(slash - file), (size_t)1)) : strdup(".");
    rc = !folder ? -ENOMEM : access(folder, W_OK | X_OK) == 0 ? 0 : -errno;
    free(folder);
    return rc;
}

int log_setup(const struct log_options *o)
{
    struct log_change *c;
    int rc = log_prepare(o, &c);
    if (rc == 0) {
        log_commit(c);
    }
    return rc;
}

void log_reopen(void)
{
    struct log_sink sink;
    bool created;
    int rc = in_use.file ? log_sink_open(in_use.file, &sink, &created) : 1;
    if (rc < 0) {
        log_error("log file not reopened, going on with the old one", LF_STR("file", in_use.file),
                  LF_STR("reason", strerror(-rc)));
    } else if (rc == 0) {
        log_sink_close(&in_use.sink);
        in_use.sink = sink;
    }
}

struct log_counts log_counts(void)
{
    return counts;
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
        if (in_use.json) {
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
        log_line_addf(line, in_use.json ? ",\"%s\":" : " %s=", f->key);
        add_value(line, f);
        if (line->full) {
            line->n = before;
        }
    }
}

static void begin_line(struct log_line *line, enum log_level level, const char *phrase)
{
    log_line_init(line);
    if (in_use.json) {
        log_line_addf(line, "{\"time\":\"");
        add_time(line);
        log_line_addf(line,
                      "\",\"level\":\"%s\",\"process\":\"%s\",\"message\":", level_names[level],
                      in_use.ident);
        log_line_add_json(line, str_of(phrase));
    } else {
        add_time(line);
        log_line_addf(line, " %s %s", level_names[level], phrase);
    }
}

static bool end_line(struct log_line *line)
{
    log_line_end(line, in_use.json ? "}\n" : "\n");
    return log_sink_write(&in_use.sink, line->text, line->n);
}

/* Once there is room again, the first line says what is missing. */
static void tell_dropped(struct log_line *line)
{
    const struct log_field fields[] = {LF_U64("lines", dropped_untold), {.key = NULL}};
    begin_line(line, LOG_LEVEL_WARN, "log lines dropped");
    add_fields(line, fields);
    dropped_untold = end_line(line) ? 0 : dropped_untold;
}

void log_write(enum log_level level, const char *phrase, const struct log_field *fields)
{
    int saved_errno = errno; /* a log line between a failure and its strerror() must be harmless */
    uint64_t left_out = 0;
    if (level != LOG_LEVEL_DEBUG && !log_rate_pass(&limit, phrase, clock_mono_ms(), &left_out)) {
        counts.left_out++;
        errno = saved_errno;
        return;
    }
    struct log_line line;
    if (dropped_untold > 0) {
        tell_dropped(&line);
    }
    begin_line(&line, level, phrase);
    add_fields(&line, fields);
    if (left_out > 0) {
        add_fields(&line, (const struct log_field[]){LF_U64("left_out", left_out), {.key = NULL}});
    }
    if (!end_line(&line)) {
        counts.dropped++;
        dropped_untold++;
    }
    errno = saved_errno;
}
