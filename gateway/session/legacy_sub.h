/* SPDX-License-Identifier: MIT */
#pragma once
/* legacy_sub: what only a legacy session keeps of a filter (protocol_legacy.c, legacy_resume.c).
 */
#include "gateway/session/legacy_resume.h"
#include "proto/channel.h"

struct legacy_sub {
    struct legacy_mark mark;
    struct position connected; /* where its topic stood when the client connected; "": not known */
    struct filter filter;      /* its strings point into session->legacy->filters */
};
