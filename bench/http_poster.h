/* SPDX-License-Identifier: MIT */
#pragma once
/* http_poster: kept-alive HTTP/1.1 connections with one POST under way on each.
 */
#include "bench/poster.h"

struct poster *http_poster_open(struct net *n, const struct poster_options *o);
