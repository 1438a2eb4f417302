/* SPDX-License-Identifier: MIT */
#pragma once
/* query: the parameters of a request's query string. Pure.
 */
#include <stdbool.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/str.h"

/* Takes the first parameter off *rest; false when there is none left. Neither is decoded. */
bool query_next(struct str *rest, struct str *out_name, struct str *out_value);
/* Appends s with %XX decoded. A plus sign stays one: names may hold it, and nothing that we are
 * asked for holds a space. False: an escape is malformed. */
MUST_CHECK bool query_decode(struct str s, struct buf *out);
