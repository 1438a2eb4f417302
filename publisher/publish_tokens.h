/* SPDX-License-Identifier: MIT */
#pragma once
/* publish_tokens: who may publish by a bearer token: lines `name:sha256-of-token` (64 hex digits),
 * '#' begins a comment line. A name may stand several times, so that a token can be changed while
 * the old one still works.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"

#define PUBLISH_TOKEN_NAME_MAX 100

struct publish_token;
struct publish_tokens {
    struct publish_token *v; /* owned */
    size_t n;
};
/* On failure returns false, *out_why is a static sentence and *out_line the line (from 1). */
MUST_CHECK bool publish_tokens_parse(struct str text, struct publish_tokens *out, size_t *out_line,
                                     const char **out_why);
void publish_tokens_release(struct publish_tokens *t);
/* The name whose token this is, or NULL. Takes the same time whichever it is, and if it is none. */
const char *publish_tokens_find(const struct publish_tokens *t, struct str token);
