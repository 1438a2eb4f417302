/* SPDX-License-Identifier: MIT */
#pragma once
/* console_path: which file the path of a request names, and what kind of content that is. Pure.
 */
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"

#define CONSOLE_PATH_MAX 256 /* bytes of a name, with its zero */

/* The part of a request's path behind its prefix (`assets/index.js`, percent-encoded), as a relative
 * name of one or more segments; what ends with a slash, or is empty, names its `index.html`. False:
 * it names nothing that is served. Refused are empty segments, segments that begin with a dot
 * (so `.` and `..` too), control characters, backslashes, bytes over 0x7f and malformed escapes. */
MUST_CHECK bool console_path_clean(struct str rest, char out[static CONSOLE_PATH_MAX]);
/* By the ending of the name. */
const char *console_path_type(const char *name);
/* Does the name change whenever the content does? So do those that a bundler makes. */
bool console_path_is_immutable(const char *name);
