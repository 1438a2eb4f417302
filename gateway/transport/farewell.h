/* SPDX-License-Identifier: MIT */
#pragma once
/* farewell: streams whose owners have gone, until the peer has what was queued for it and has seen
 * the end; a few seconds at most.
 */
#include "common/list.h"

struct stream;

/* Takes over s, which is not over yet. */
void farewell_to(struct list *farewells, struct stream *s);
/* Closes all at once. */
void farewell_end_all(struct list *farewells);
