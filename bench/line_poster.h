/* SPDX-License-Identifier: MIT */
#pragma once
/* line_poster: one connection, many messages under way, each answered by one line, in order.
 */
#include "bench/poster.h"

struct poster *line_poster_open(struct net *n, const struct poster_options *o);
