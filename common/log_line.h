/* SPDX-License-Identifier: MIT */
#pragma once
/* log_line: one line being put together on the stack, and how values that came from a peer are made
 * harmless in it. For log.c.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"

enum { LOG_LINE_MAX = 8192, LOG_LINE_END_MAX = 4, LOG_VALUE_MAX = 200 };

struct log_line {
    size_t n;
    bool full; /* something did not fit; text holds a part of it */
    char text[LOG_LINE_MAX];
};

void log_line_init(struct log_line *l);
void log_line_addf(struct log_line *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As it is when it holds only [A-Za-z0-9_./:@+-], else in quotes. Control characters and bytes that
 * are not UTF-8 become \n, \t, \x1b; a value over LOG_VALUE_MAX bytes is cut and ends in "…". */
void log_line_add_text(struct log_line *l, struct str s);
/* The same as a JSON string; bytes that are not UTF-8 become U+FFFD. */
void log_line_add_json(struct log_line *l, struct str s);
/* Room for it (at most LOG_LINE_END_MAX bytes) is always there. */
void log_line_end(struct log_line *l, const char *end);
