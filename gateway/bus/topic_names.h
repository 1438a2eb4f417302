/* SPDX-License-Identifier: MIT */
#pragma once
/* topic_names: an ordered set of names in Redis that waits to be sent in one command.
 */
#include <stddef.h>

#include "common/compiler.h"
#include "common/str.h"

struct topic_names;

/* Every name gets this prefix (copied). NULL: out of memory. */
struct topic_names *topic_names_create(struct str prefix);
struct topic_names *topic_names_free(struct topic_names *t); /* accepts NULL */
/* Adds prefix+topic unless it is there. Out of memory: it stays out, and the topic is asked for
 * again by its owner's next position check. */
void topic_names_add(struct topic_names *t, struct str topic);
void topic_names_remove(struct topic_names *t, struct str topic);
/* All names in the order of adding, valid until the next call of any function here; empties. */
const struct str *topic_names_take(struct topic_names *t, size_t *out_n);
