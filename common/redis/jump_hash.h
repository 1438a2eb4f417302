/* SPDX-License-Identifier: MIT */
#pragma once
/* jump_hash: which of n servers a name belongs to (Lamping and Veach, "A Fast, Minimal Memory,
 * Consistent Hash Algorithm", 2014). From n to n + 1 servers only 1/(n + 1) of the names move, all
 * of them to the new one. The same in every process and version: publishers and gateways must agree.
 */
#include <stdint.h>

#include "common/str.h"

/* In [0, servers); servers is at least 1. */
uint32_t jump_hash(struct str name, uint32_t servers);
