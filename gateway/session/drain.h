/* SPDX-License-Identifier: MIT */
#pragma once
/* drain: sends the clients away before the gateway ends. Documented clients are asked to reconnect, each
 * after a time of its own; what remains at the end of DrainSeconds is closed 1012, in small lots.
 * Legacy clients, who cannot be asked, are closed one by one over the whole of DrainSeconds.
 */
#include "common/compiler.h"

struct drain;
struct gw;

struct drain *drain_create(struct gw *gw, void (*on_done)(void *arg), void *arg);
struct drain *drain_free(struct drain *d); /* accepts NULL */
/* Begins; the second call ends the waiting and closes everybody. on_done() follows from the loop
 * when no session is left, or 3 s after the last was closed. */
void drain_start(struct drain *d);
