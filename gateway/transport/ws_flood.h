/* SPDX-License-Identifier: MIT */
#pragma once
/* ws_flood: finds clients that flood us with frames which libwebsockets does not show us (pings while
 * more of them come, pongs without a payload). What the socket has received tells (ws_conn_look());
 * but asking for that of each connection costs, so it is done only while the process is busy.
 */
#include "common/compiler.h"
#include "common/list.h"
#include "common/loop.h"

struct ws_flood {
    struct timer timer;
    uint64_t cpu_us;   /* of this thread, when last looked at */
    struct list conns; /* of open struct ws_conn; who was looked at longest ago comes first */
};
/* False: out of memory. Then nothing is to be released. */
MUST_CHECK bool ws_flood_init(struct ws_flood *f, struct loop *l);
/* After the connections have gone. */
void ws_flood_release(struct ws_flood *f);
