/* SPDX-License-Identifier: MIT */
#pragma once
/* online_certificate: does our certificate hold today, and for this machine's name? A part of
 * online.c.
 */
#include <stdbool.h>

#include "common/compiler.h"

struct buf;

/* Appends lines as online_check() does. False: one is bad. */
MUST_CHECK bool online_certificate(const char *cert_file, struct buf *out);
