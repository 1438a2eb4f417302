/* SPDX-License-Identifier: MIT */
#pragma once
/* log: one line per event, `phrase key=value …` or one JSON object, to stderr or a file.
 *
 *     log_info("session closed", LF_U64("sid", 42), LF_STR("reason", "slow_consumer"));
 *
 * The phrase is fixed lower-case text; values that came from a peer are quoted, escaped and cut at
 * 200 bytes here. A phrase is written 100 times at once and then once a second, except at level debug;
 * `left_out` says how many were not. Nothing waits for a full pipe. Never log tokens, cookies, query strings. The settings are the one mutable file
 * state that this project allows itself: a log line must be possible from anywhere.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_field_kind { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_U64, LOG_FIELD_BOOL };
struct log_field {
    const char *key; /* NULL ends the array */
    enum log_field_kind kind;
    union {
        struct str s;
        int64_t i;
        uint64_t u;
        bool b;
    };
};
/* clang-format off */
#define LF_S(k, v) {.key = (k), .kind = LOG_FIELD_STR, .s = (v)}         /* struct str */
#define LF_STR(k, v) {.key = (k), .kind = LOG_FIELD_STR, .s = str_of(v)} /* char * */
#define LF_I64(k, v) {.key = (k), .kind = LOG_FIELD_I64, .i = (int64_t)(v)}
#define LF_U64(k, v) {.key = (k), .kind = LOG_FIELD_U64, .u = (uint64_t)(v)}
#define LF_BOOL(k, v) {.key = (k), .kind = LOG_FIELD_BOOL, .b = (v)}
/* clang-format on */

struct log_options {
    enum log_level level;
    bool json;
    const char *file;  /* NULL, "" or "stderr": stderr; else a path that is appended to */
    const char *ident; /* "broadcaster-gateway": a field of every JSON line; static string */
};
/* Applies the options. 0, or -errno when the file cannot be opened (then nothing changed). */
MUST_CHECK int log_setup(const struct log_options *o);
/* The same in two steps: prepare opens the file and may fail (-errno), commit puts it to use and
 * cannot; discard instead of commit removes what prepare has created. */
struct log_change;
MUST_CHECK int log_prepare(const struct log_options *o, struct log_change **out_change);
void log_commit(struct log_change *c);
void log_discard(struct log_change *c); /* accepts NULL */
/* Does this name of a file mean stderr? */
bool log_is_stderr(const char *file);
/* Could the file be opened? 0 or -errno; creates nothing. */
MUST_CHECK int log_check(const char *file);
/* Opens the file anew (after log rotation); keeps the old one on failure. */
void log_reopen(void);
struct log_counts {
    uint64_t dropped;  /* lines for which stderr had no room */
    uint64_t left_out; /* lines beyond the limit of their phrase (log_rate.h) */
};
struct log_counts log_counts(void);
/* "error", "warn"/"warning", "info", "debug", any case. */
MUST_CHECK bool log_level_parse(struct str s, enum log_level *out_level);
bool log_enabled(enum log_level level);
/* Use the macros below. phrase must be a literal: its address tells it apart. */
void log_write(enum log_level level, const char *phrase, const struct log_field *fields);

#define LOG_AT_(level, phrase, ...)                                                                \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            log_write(level, phrase,                                                               \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}});        \
        }                                                                                          \
    } while (0)
#define log_error(phrase, ...) LOG_AT_(LOG_LEVEL_ERROR, phrase __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(phrase, ...) LOG_AT_(LOG_LEVEL_WARN, phrase __VA_OPT__(, ) __VA_ARGS__)
#define log_info(phrase, ...) LOG_AT_(LOG_LEVEL_INFO, phrase __VA_OPT__(, ) __VA_ARGS__)
#define log_debug(phrase, ...) LOG_AT_(LOG_LEVEL_DEBUG, phrase __VA_OPT__(, ) __VA_ARGS__)
